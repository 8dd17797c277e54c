// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

FileDescriptor make_eventfd();

// KVM_IRQFD and KVM_IOEVENTFD of a VM (with interrupt controllers) and an
// eventfd; each can be taken back.
void assign_irqfd(int vm, int eventfd);
void deassign_irqfd(int vm, int eventfd);
void assign_ioeventfd(int vm, int eventfd);
void deassign_ioeventfd(int vm, int eventfd);

// VFIO_DEVICE_SET_IRQS: the trigger of an interrupt index, of its first vector,
// which the kernel puts when the device is closed.
void set_trigger(int vfio_device, std::uint32_t index, int eventfd);
// That of requests to release the device.
void set_request_trigger(int vfio_device, int eventfd);

// The kernel gives a context the lowest number that is free, and takes it back
// with its last reference.
int number_of(const FileDescriptor& eventfd);
// True while the context of that number exists.
bool has_eventfd_context(int number);

}  // namespace vmleak::scenarios
