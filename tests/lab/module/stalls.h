/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Places where tasks are made to block in D state until they are woken. */
#ifndef VMLEAK_TEST_LEAK_STALLS_H
#define VMLEAK_TEST_LEAK_STALLS_H

#include <linux/sched.h>
#include <linux/wait.h>

/* Blocks what has a name that starts with the prefix: a task, a device.  An empty one blocks
 * nothing. */
struct stall {
  wait_queue_head_t queue;
  char prefix[TASK_COMM_LEN];
};

#define STALL(name) \
  { .queue = __WAIT_QUEUE_HEAD_INITIALIZER((name).queue) }

int start_stall(struct stall *stall, const char *prefix);
void end_stall(struct stall *stall);
void wait_while_stalled(struct stall *stall, const char *name);

/* A PCI driver without devices of its own; it takes those with driver_override=vmleak_test_pci. */
int register_stalling_driver(void);
void unregister_stalling_driver(void);
/* "BDF STAGE", STAGE one of probe, remove, reset. */
int start_pci_stall(const char *argument);
void end_pci_stalls(void);

#endif
