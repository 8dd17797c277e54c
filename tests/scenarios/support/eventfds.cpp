// SPDX-License-Identifier: Apache-2.0
#include "support/eventfds.h"

#include <linux/kvm.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <array>
#include <cstring>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

void irqfd(int vm, int eventfd, std::uint32_t flags) {
  kvm_irqfd argument{};
  argument.fd = static_cast<std::uint32_t>(eventfd);
  argument.gsi = 5;
  argument.flags = flags;
  check(::ioctl(vm, KVM_IRQFD, &argument), "irqfd");
}

// MMIO of any length: KVM makes two of it.
void ioeventfd(int vm, int eventfd, std::uint32_t flags) {
  kvm_ioeventfd argument{};
  argument.addr = 0xfe000000;
  argument.fd = eventfd;
  argument.flags = flags;
  check(::ioctl(vm, KVM_IOEVENTFD, &argument), "ioeventfd");
}

}  // namespace

FileDescriptor make_eventfd() {
  return FileDescriptor(check(::eventfd(0, EFD_CLOEXEC), "make an eventfd"));
}

void assign_irqfd(int vm, int eventfd) { irqfd(vm, eventfd, 0); }
void deassign_irqfd(int vm, int eventfd) { irqfd(vm, eventfd, KVM_IRQFD_FLAG_DEASSIGN); }
void assign_ioeventfd(int vm, int eventfd) { ioeventfd(vm, eventfd, 0); }
void deassign_ioeventfd(int vm, int eventfd) {
  ioeventfd(vm, eventfd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

void set_request_trigger(int vfio_device, int eventfd) {
  std::array<char, sizeof(vfio_irq_set) + sizeof(eventfd)> buffer{};
  vfio_irq_set set{};
  set.argsz = buffer.size();
  set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
  set.index = VFIO_PCI_REQ_IRQ_INDEX;
  set.count = 1;
  std::memcpy(buffer.data(), &set, sizeof(set));
  std::memcpy(buffer.data() + sizeof(set), &eventfd, sizeof(eventfd));
  check(::ioctl(vfio_device, VFIO_DEVICE_SET_IRQS, buffer.data()), "set the request trigger");
}

}  // namespace vmleak::scenarios
