// SPDX-License-Identifier: Apache-2.0
#include "support/eventfds.h"

#include <linux/kvm.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

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

void set_trigger(int vfio_device, std::uint32_t index, int eventfd) {
  std::array<char, sizeof(vfio_irq_set) + sizeof(eventfd)> buffer{};
  vfio_irq_set set{};
  set.argsz = buffer.size();
  set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
  set.index = index;
  set.count = 1;
  std::memcpy(buffer.data(), &set, sizeof(set));
  std::memcpy(buffer.data() + sizeof(set), &eventfd, sizeof(eventfd));
  check(::ioctl(vfio_device, VFIO_DEVICE_SET_IRQS, buffer.data()), "set a trigger");
}

void set_request_trigger(int vfio_device, int eventfd) {
  set_trigger(vfio_device, VFIO_PCI_REQ_IRQ_INDEX, eventfd);
}

int number_of(const FileDescriptor& eventfd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(eventfd.get()));
  for (std::string line; std::getline(info, line);) {
    constexpr std::string_view kField = "eventfd-id:";
    if (line.rfind(kField, 0) == 0) return std::stoi(line.substr(kField.size()));
  }
  fail("this kernel does not tell the numbers of eventfds");
}

bool has_eventfd_context(int number) {
  std::vector<FileDescriptor> taken;
  int last = -1;
  while (last < number) last = number_of(taken.emplace_back(make_eventfd()));
  return last != number;
}

}  // namespace vmleak::scenarios
