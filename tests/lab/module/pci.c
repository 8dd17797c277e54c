// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A PCI driver that does nothing, and blocks while it does so when it is told to: what a driver
 * that waits for broken hardware looks like from outside.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "stalls.h"

static struct stall probe_stall = STALL(probe_stall);
static struct stall remove_stall = STALL(remove_stall);
static struct stall reset_stall = STALL(reset_stall);

static const struct stage {
  const char *name;
  struct stall *stall;
} stages[] = {
    {"probe", &probe_stall},
    {"remove", &remove_stall},
    {"reset", &reset_stall},
};

static int vmleak_test_probe(struct pci_dev *device, const struct pci_device_id *id) {
  wait_while_stalled(&probe_stall, pci_name(device));
  return 0;
}

static void vmleak_test_remove(struct pci_dev *device) {
  wait_while_stalled(&remove_stall, pci_name(device));
}

static void vmleak_test_reset_prepare(struct pci_dev *device) {
  wait_while_stalled(&reset_stall, pci_name(device));
}

static const struct pci_error_handlers error_handlers = {
    .reset_prepare = vmleak_test_reset_prepare,
};

/* Ends a table: no device is its own. */
static const struct pci_device_id no_ids[] = {{}};

static struct pci_driver driver = {
    .name = "vmleak_test_pci",
    .id_table = no_ids,
    .probe = vmleak_test_probe,
    .remove = vmleak_test_remove,
    .err_handler = &error_handlers,
};

int register_stalling_driver(void) { return pci_register_driver(&driver); }

void unregister_stalling_driver(void) {
  end_pci_stalls();
  pci_unregister_driver(&driver);
}

int start_pci_stall(const char *argument) {
  char device[TASK_COMM_LEN], stage[TASK_COMM_LEN];
  size_t i;

  if (sscanf(argument, "%15s %15s", device, stage) != 2) return -EINVAL;
  for (i = 0; i < ARRAY_SIZE(stages); i++) {
    if (!strcmp(stage, stages[i].name)) return start_stall(stages[i].stall, device);
  }
  return -EINVAL;
}

void end_pci_stalls(void) {
  size_t i;

  for (i = 0; i < ARRAY_SIZE(stages); i++) end_stall(stages[i].stall);
}
