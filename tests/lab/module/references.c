// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How each kind of reference is taken and given back.  Only exported symbols are used, so one
 * source serves Linux 6.1 to 6.12 without looking anything up behind their back.
 */
#include "references.h"

#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/kallsyms.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/vfio.h>

/* ---- tasks and their files ---- */

static struct task_struct *get_task(int number) {
  struct pid *pid = find_get_pid(number);
  struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

  put_pid(pid);
  return task;
}

/*
 * fget_task() is not exported; iterate_fd() is.  task_lock() keeps task->files from being dropped;
 * the table's own lock, taken by iterate_fd(), keeps the file open between finding it and taking
 * the reference.
 */
static int get_file_if_wanted(const void *found, struct file *file, unsigned int fd) {
  *(struct file **)found = get_file(file);
  /* Not 0: ends the walk, which began at the wanted descriptor. */
  return 1 + fd;
}

static struct file *get_file_of(const char *target) {
  struct task_struct *task;
  struct file *file = NULL;
  unsigned int fd;
  int pid, walk = 0;

  if (sscanf(target, "%d %u", &pid, &fd) != 2) return ERR_PTR(-EINVAL);
  task = get_task(pid);
  if (!task) return ERR_PTR(-ESRCH);
  task_lock(task);
  if (task->files) walk = iterate_fd(task->files, fd, get_file_if_wanted, &file);
  task_unlock(task);
  put_task_struct(task);
  /* The walk goes on to the next open descriptor when the wanted one is closed. */
  if (file && walk != 1 + (int)fd) {
    fput(file);
    file = NULL;
  }
  return file ?: ERR_PTR(-EBADF);
}

/* What a file is, known by its operations: they are the only thing a kvm or vfio file can't share
 * with another kind. */
static bool has_operations(struct file *file, const char *name) {
  char symbol[KSYM_NAME_LEN];

  /* Prints as "kvm_vm_fops [kvm]". */
  snprintf(symbol, sizeof(symbol), "%ps", file->f_op);
  strreplace(symbol, ' ', '\0');
  return !strcmp(symbol, name);
}

static struct file *get_file_with(const char *target, const char *operations) {
  struct file *file = get_file_of(target);

  if (IS_ERR(file) || has_operations(file, operations)) return file;
  fput(file);
  return ERR_PTR(-EMEDIUMTYPE);
}

/* ---- the kinds of reference ---- */

static void *take_file(const char *target) { return get_file_of(target); }

static void put_file(void *file) { fput(file); }

static void *take_mm(const char *target) {
  struct task_struct *task;
  struct mm_struct *mm;
  int pid;

  if (kstrtoint(target, 10, &pid)) return ERR_PTR(-EINVAL);
  task = get_task(pid);
  if (!task) return ERR_PTR(-ESRCH);
  mm = get_task_mm(task);
  put_task_struct(task);
  return mm ?: ERR_PTR(-ESRCH);
}

static void put_mm(void *mm) { mmput(mm); }

/*
 * kvm is reached through symbol_get() instead of being linked against, so that this module loads
 * where kvm is not, and so that the module count of kvm is not raised while a reference is kept:
 * that count is one of the things under test.
 */
static void *take_kvm(const char *target) {
  typeof(&kvm_get_kvm) get;
  struct file *file;
  struct kvm *kvm;

  file = get_file_with(target, "kvm_vm_fops");
  if (IS_ERR(file)) return file;
  kvm = file->private_data;
  get = symbol_get(kvm_get_kvm);
  if (get) {
    get(kvm);
    symbol_put(kvm_get_kvm);
  }
  fput(file);
  return get ? kvm : ERR_PTR(-ENOPKG);
}

static void put_kvm(void *kvm) {
  typeof(&kvm_put_kvm) put = symbol_get(kvm_put_kvm);

  /* A struct kvm pins the kvm module, so the symbol is there as long as there is something to put.
   */
  if (WARN_ON(!put)) return;
  put(kvm);
  symbol_put(kvm_put_kvm);
}

/* Since 6.6 a device file has a state of its own; the device is its first member. */
struct vfio_device *vfio_device_of(struct file *file) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
  return *(struct vfio_device **)file->private_data;
#else
  return file->private_data;
#endif
}

struct file *get_vfio_device_file(const char *target) {
  return get_file_with(target, "vfio_device_fops");
}

static void *take_vfio_device(const char *target) {
  struct vfio_device *device;
  struct file *file;

  file = get_vfio_device_file(target);
  if (IS_ERR(file)) return file;
  device = vfio_device_of(file);
  if (!refcount_inc_not_zero(&device->refcount)) device = ERR_PTR(-ENODEV);
  fput(file);
  return device;
}

static void put_vfio_device(void *object) {
  struct vfio_device *device = object;

  /* As vfio's own put does: unregistering the device waits for this. */
  if (refcount_dec_and_test(&device->refcount)) complete(&device->comp);
}

static void *take_iommu_group(const char *target) {
  unsigned int domain, bus, slot, function;
  struct iommu_group *group;
  struct pci_dev *device;

  if (sscanf(target, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) return ERR_PTR(-EINVAL);
  device = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
  if (!device) return ERR_PTR(-ENODEV);
  group = iommu_group_get(&device->dev);
  pci_dev_put(device);
  return group ?: ERR_PTR(-ENOENT);
}

static void put_iommu_group(void *group) { iommu_group_put(group); }

static const struct kind kinds[] = {
    {"file", take_file, put_file},
    {"mm", take_mm, put_mm},
    {"kvm", take_kvm, put_kvm},
    {"vfio_device", take_vfio_device, put_vfio_device},
    {"iommu_group", take_iommu_group, put_iommu_group},
};

const struct kind *find_kind(const char *name) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(kinds); i++) {
    if (!strcmp(name, kinds[i].name)) return &kinds[i];
  }
  return NULL;
}
