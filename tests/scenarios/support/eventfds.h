// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

FileDescriptor make_eventfd();

// KVM_IRQFD and KVM_IOEVENTFD of a VM (with interrupt controllers) and an
// eventfd; each can be taken back.
void assign_irqfd(int vm, int eventfd);
void deassign_irqfd(int vm, int eventfd);
void assign_ioeventfd(int vm, int eventfd);
void deassign_ioeventfd(int vm, int eventfd);

// VFIO_DEVICE_SET_IRQS: the device's request trigger, which the kernel puts
// when the device is closed.
void set_request_trigger(int vfio_device, int eventfd);

}  // namespace vmleak::scenarios
