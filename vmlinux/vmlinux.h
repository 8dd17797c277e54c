/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel types for CO-RE, written by hand: only structures and fields that a
 * program here reads.  The order and the offsets mean nothing, libbpf takes
 * both from the BTF of the running kernel.
 */
#ifndef __VMLINUX_H__ /* the name bpf_tracing.h looks for */
#define __VMLINUX_H__

#include "base.h"

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

#include "fs.h"
#include "sched.h"
#include "mm.h"
#include "device.h"
#include "net.h"
#include "io_uring.h"
#include "kvm.h"
#include "vfio.h"
#include "vhost.h"
#include "flavors.h"

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif
