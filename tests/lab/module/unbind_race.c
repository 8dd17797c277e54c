// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A reference on a VFIO device that appears between the last look of a program at the device and
 * the unbinding it begins: what a program can't rule out, and has to survive.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/vfio.h>

#include "references.h"

/* Without a reference: it is compared and used only while its driver is still bound. */
static struct vfio_device *raced;
static char raced_target[64];
static DEFINE_MUTEX(race_lock);

int race_with_unbind(const char *target) {
  struct file *file = get_vfio_device_file(target);

  if (IS_ERR(file)) return PTR_ERR(file);
  mutex_lock(&race_lock);
  raced = vfio_device_of(file);
  strscpy(raced_target, target, sizeof(raced_target));
  mutex_unlock(&race_lock);
  fput(file);
  return 0;
}

/* Called with the device's lock held, before the driver's remove(). */
static int on_bus_event(struct notifier_block *block, unsigned long event, void *device) {
  struct vfio_device *vfio;

  if (event != BUS_NOTIFY_UNBIND_DRIVER) return NOTIFY_DONE;
  mutex_lock(&race_lock);
  vfio = raced && raced->dev == device ? raced : NULL;
  if (vfio) raced = NULL;
  mutex_unlock(&race_lock);
  if (!vfio || !refcount_inc_not_zero(&vfio->refcount)) return NOTIFY_DONE;
  if (keep_object(find_kind("vfio_device"), vfio, raced_target))
    find_kind("vfio_device")->put(vfio);
  return NOTIFY_OK;
}

static struct notifier_block bus_events = {.notifier_call = on_bus_event};

int unbind_race_init(void) { return bus_register_notifier(&pci_bus_type, &bus_events); }

void unbind_race_exit(void) { bus_unregister_notifier(&pci_bus_type, &bus_events); }
