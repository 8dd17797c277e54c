// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vmleak_test_leak: leaks kernel references on purpose.  A TEST MODULE: it belongs into the lab's
 * throw-away guest and nowhere else.  Never install it, never load it on a host you care for.
 *
 * vmleak has to find references that no process shows.  This module makes them: it takes one, keeps
 * it where no walk of files, mappings or sockets can see it, and gives it back when told.  Commands
 * are written to /dev/vmleak_test_leak, one per write(); PIDs are those of the writer's PID
 * namespace and may be thread ids:
 *
 * file PID FD: keep a reference on the struct file behind that descriptor, of whatever kind.
 *
 * mm PID: keep the process' address space alive (mm_users).
 *
 * kvm PID FD: keep the struct kvm behind a VM descriptor (users_count), not its file.
 *
 * vfio_device PID FD: keep the struct vfio_device behind a device descriptor (refcount), not its
 * file.
 *
 * vfio_device-at-unbind PID FD: take such a reference once, at the very moment when the device is
 * about to be unbound from its driver: later than anybody can look.
 *
 * iommu_group BDF: keep the IOMMU group of a PCI device, e.g. 0000:01:00.0.
 *
 * put ID, put all: give back.
 *
 * stall-flush PREFIX: an exiting task whose name starts with PREFIX blocks, in D state, when it
 * closes its descriptor of this device: its file table is gone from /proc, its other files are not
 * released yet.
 *
 * stall-release PREFIX: a task whose name starts with PREFIX blocks in __fput() of its last
 * reference on this device: files that wait behind it in the task's work are in no table anywhere.
 * Task work runs newest first and an exit closes descriptors in ascending order, so give this
 * device a high number.
 *
 * pci-stall BDF probe|remove|reset: the PCI driver of this module, vmleak_test_pci, blocks in D
 * state when it is given that device, when it is taken from it, or when the device is reset.
 *
 * wake: end all stalls.
 *
 * Reading the device lists what is held, oldest first: "ID KIND TARGET", TARGET as it was written.
 * A stalled task ignores SIGKILL; only "wake" frees it.  Unloading gives everything back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "references.h"
#include "stalls.h"

#define COMMAND_SIZE 128
#define TARGET_SIZE 64

/* ---- what is held ---- */

struct held {
  struct list_head node;
  unsigned int id;
  const struct kind *kind;
  void *object;
  char target[TARGET_SIZE];
};

static LIST_HEAD(held_list);
static unsigned int last_id;
static DEFINE_MUTEX(held_lock);

int keep_object(const struct kind *kind, void *object, const char *target) {
  struct held *held = kzalloc(sizeof(*held), GFP_KERNEL);

  if (!held) return -ENOMEM;
  held->object = object;
  held->kind = kind;
  strscpy(held->target, target, sizeof(held->target));
  mutex_lock(&held_lock);
  held->id = ++last_id;
  list_add_tail(&held->node, &held_list);
  mutex_unlock(&held_lock);
  return 0;
}

static int keep(const struct kind *kind, const char *target) {
  void *object;
  int error;

  if (strlen(target) >= TARGET_SIZE) return -EINVAL;
  object = kind->take(target);
  if (IS_ERR(object)) return PTR_ERR(object);
  error = keep_object(kind, object, target);
  if (error) kind->put(object);
  return error;
}

/* The last put of an mm or a VM can take long and sleep, so the lock is not held over it. */
static void put_list(struct list_head *list) {
  struct held *held, *next;

  list_for_each_entry_safe(held, next, list, node) {
    held->kind->put(held->object);
    kfree(held);
  }
}

static void put_all(void) {
  LIST_HEAD(list);

  mutex_lock(&held_lock);
  list_splice_init(&held_list, &list);
  mutex_unlock(&held_lock);
  put_list(&list);
}

static int put_one(unsigned int id) {
  struct held *held;
  LIST_HEAD(list);

  mutex_lock(&held_lock);
  list_for_each_entry(held, &held_list, node) {
    if (held->id == id) {
      list_move(&held->node, &list);
      break;
    }
  }
  mutex_unlock(&held_lock);
  if (list_empty(&list)) return -ENOENT;
  put_list(&list);
  return 0;
}

/* ---- stalls ---- */

static struct stall flush_stall = STALL(flush_stall);
static struct stall release_stall = STALL(release_stall);

static bool is_stalled(const struct stall *stall, const char *name) {
  size_t length = strlen(stall->prefix);

  return length && !strncmp(name, stall->prefix, length);
}

/* wait_event() waits in D state: neither signals nor the exit that brought us here can cut it
 * short. */
void wait_while_stalled(struct stall *stall, const char *name) {
  wait_event(stall->queue, !is_stalled(stall, name));
}

int start_stall(struct stall *stall, const char *prefix) {
  if (!*prefix || strlen(prefix) >= sizeof(stall->prefix)) return -EINVAL;
  strscpy(stall->prefix, prefix, sizeof(stall->prefix));
  return 0;
}

void end_stall(struct stall *stall) {
  stall->prefix[0] = '\0';
  wake_up_all(&stall->queue);
}

/* ---- the device ---- */

static int put_command(const char *argument) {
  unsigned int id;

  if (!strcmp(argument, "all")) {
    put_all();
    return 0;
  }
  return kstrtouint(argument, 10, &id) ? -EINVAL : put_one(id);
}

static int run_command(const char *name, const char *argument) {
  const struct kind *kind = find_kind(name);

  if (kind) return keep(kind, argument);
  if (!strcmp(name, "put")) return put_command(argument);
  if (!strcmp(name, "vfio_device-at-unbind")) return race_with_unbind(argument);
  if (!strcmp(name, "stall-flush")) return start_stall(&flush_stall, argument);
  if (!strcmp(name, "stall-release")) return start_stall(&release_stall, argument);
  if (!strcmp(name, "pci-stall")) return start_pci_stall(argument);
  if (!strcmp(name, "wake") && !*argument) {
    end_stall(&flush_stall);
    end_stall(&release_stall);
    end_pci_stalls();
    return 0;
  }
  return -EINVAL;
}

static ssize_t leak_write(struct file *file, const char __user *text, size_t size, loff_t *offset) {
  char command[COMMAND_SIZE];
  char *name, *argument;
  int error;

  if (size >= sizeof(command)) return -EINVAL;
  if (copy_from_user(command, text, size)) return -EFAULT;
  command[size] = '\0';
  argument = strim(command);
  name = strsep(&argument, " ");
  error = run_command(name, argument ? skip_spaces(argument) : "");
  return error ?: size;
}

static int show_held(struct seq_file *output, void *unused) {
  struct held *held;

  mutex_lock(&held_lock);
  list_for_each_entry(held, &held_list, node)
      seq_printf(output, "%u %s %s\n", held->id, held->kind->name, held->target);
  mutex_unlock(&held_lock);
  return 0;
}

static int leak_open(struct inode *inode, struct file *file) {
  /* The misc core left its own pointer there, and seq_open() insists on an unused one. */
  file->private_data = NULL;
  return single_open(file, show_held, NULL);
}

static int leak_flush(struct file *file, fl_owner_t owner) {
  if (current->flags & PF_EXITING) wait_while_stalled(&flush_stall, current->comm);
  return 0;
}

static int leak_release(struct inode *inode, struct file *file) {
  wait_while_stalled(&release_stall, current->comm);
  return single_release(inode, file);
}

static const struct file_operations leak_operations = {
    .owner = THIS_MODULE,
    .open = leak_open,
    .read = seq_read,
    .write = leak_write,
    .flush = leak_flush,
    .release = leak_release,
};

static struct miscdevice leak_device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = KBUILD_MODNAME,
    .fops = &leak_operations,
    .mode = 0600,
};

static int __init leak_init(void) {
  int error = unbind_race_init();

  if (error) return error;
  error = register_stalling_driver();
  if (error) goto no_driver;
  error = misc_register(&leak_device);
  if (error) goto no_device;
  pr_warn(
      "TEST MODULE loaded: it leaks kernel references on purpose, this kernel can't be trusted "
      "any more\n");
  return 0;

no_device:
  unregister_stalling_driver();
no_driver:
  unbind_race_exit();
  return error;
}

/* An open device pins the module, so nobody is stalled any more when this runs. */
static void __exit leak_exit(void) {
  misc_deregister(&leak_device);
  unregister_stalling_driver();
  unbind_race_exit();
  put_all();
}

module_init(leak_init);
module_exit(leak_exit);

MODULE_DESCRIPTION(
    "TEST MODULE: leaks kernel references on purpose; for vmleak's lab, never install it");
MODULE_AUTHOR("The vmleak authors");
MODULE_LICENSE("Dual BSD/GPL");
