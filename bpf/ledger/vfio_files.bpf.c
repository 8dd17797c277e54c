/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of VFIO; a device's file is made where every anonymous file is. */
#include "lib/ledger_files.h"
#include <bpf/bpf_tracing.h>

FILE_OPEN(vfio_group_fops_open, VMLEAK_FILE_VFIO_GROUP, CALL_GROUP_OPEN)
FILE_RELEASE(vfio_group_fops_release, VMLEAK_LEDGER_VFIO_GROUP_FILE)
FILE_OPEN(vfio_fops_open, VMLEAK_FILE_VFIO_CONTAINER, CALL_CONTAINER_OPEN)
FILE_RELEASE(vfio_fops_release, VMLEAK_LEDGER_VFIO_CONTAINER_FILE)
FILE_RELEASE(vfio_device_fops_release, VMLEAK_LEDGER_VFIO_DEVICE_FILE)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
