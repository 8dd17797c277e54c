// SPDX-License-Identifier: Apache-2.0
#include "support/kvm_vm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <thread>

#include "support/check.h"

namespace vmleak::scenarios {
namespace {

constexpr std::size_t kMemorySize = 0x10000;

// Real mode code and where it lies in the guest.
struct Program {
  std::size_t address;
  std::array<std::uint8_t, 4> code;
};
constexpr Program kHaltProgram{0x1000, {0xfa, 0xf4, 0xeb, 0xfd}};  // cli; 1: hlt; jmp 1b
constexpr Program kSpinProgram{0x2000, {0xfa, 0xeb, 0xfe, 0x90}};  // cli; 1: jmp 1b

const Program& program_of(Guest guest) {
  return guest == Guest::kHalt ? kHaltProgram : kSpinProgram;
}

void* map(std::size_t size, int flags, int fd) {
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (at == MAP_FAILED) check(-1, "map memory");  // NOLINT: the macro's cast
  return at;
}

void set_entry(int vcpu, std::size_t address) {
  kvm_sregs special{};
  check(::ioctl(vcpu, KVM_GET_SREGS, &special), "read special registers");
  special.cs.base = 0;
  special.cs.selector = 0;
  check(::ioctl(vcpu, KVM_SET_SREGS, &special), "write special registers");
  kvm_regs registers{};
  registers.rip = address;
  registers.rflags = 2;
  check(::ioctl(vcpu, KVM_SET_REGS, &registers), "write registers");
}

}  // namespace

KvmVm::KvmVm() {
  const FileDescriptor kvm(check(::open("/dev/kvm", O_RDWR | O_CLOEXEC), "open /dev/kvm"));
  vm_ = FileDescriptor(check(::ioctl(kvm.get(), KVM_CREATE_VM, 0), "create a VM"));
  run_size_ = static_cast<std::size_t>(
      check(::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0), "get size of kvm_run"));
  // With interrupt controllers in the kernel a halted vCPU sleeps there.
  check(::ioctl(vm_.get(), KVM_CREATE_IRQCHIP, 0), "create interrupt controllers");

  memory_ = static_cast<std::uint8_t*>(map(kMemorySize, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  for (const auto& program : {kHaltProgram, kSpinProgram}) {
    std::copy(program.code.begin(), program.code.end(), memory_ + program.address);
  }
  kvm_userspace_memory_region region{};
  region.memory_size = kMemorySize;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory_);
  check(::ioctl(vm_.get(), KVM_SET_USER_MEMORY_REGION, &region), "give the VM memory");
}

KvmVm::~KvmVm() {
  for (auto& vcpu : vcpus_) ::munmap(vcpu.run, run_size_);
  close_files();
  ::munmap(memory_, kMemorySize);
}

void KvmVm::add_vcpu() {
  Vcpu vcpu;
  vcpu.file =
      FileDescriptor(check(::ioctl(vm_.get(), KVM_CREATE_VCPU, vcpus_.size()), "create a vCPU"));
  vcpu.run = map(run_size_, MAP_SHARED, vcpu.file.get());
  vcpus_.push_back(std::move(vcpu));
}

void KvmVm::run_vcpu(std::size_t index, Guest guest) {
  const int vcpu = vcpus_.at(index).file.get();
  set_entry(vcpu, program_of(guest).address);
  std::thread([vcpu] {
    while (::ioctl(vcpu, KVM_RUN, 0) == 0 || errno == EINTR || errno == EAGAIN) {
    }
  }).detach();
}

void KvmVm::add_vfio_device() {
  kvm_create_device device{};
  device.type = KVM_DEV_TYPE_VFIO;
  check(::ioctl(vm_.get(), KVM_CREATE_DEVICE, &device), "create a kvm-vfio device");
  vfio_ = FileDescriptor(static_cast<int>(device.fd));
}

void KvmVm::give_vfio_group(int group) const {
  kvm_device_attr attribute{};
  attribute.group = KVM_DEV_VFIO_GROUP;
  attribute.attr = KVM_DEV_VFIO_GROUP_ADD;
  attribute.addr = reinterpret_cast<std::uintptr_t>(&group);
  check(::ioctl(vfio_.get(), KVM_SET_DEVICE_ATTR, &attribute), "give the VM a VFIO group");
}

FileDescriptor KvmVm::open_stats() const {
  return FileDescriptor(check(::ioctl(vm_.get(), KVM_GET_STATS_FD, 0), "open VM statistics"));
}

FileDescriptor KvmVm::open_vcpu_stats(std::size_t index) const {
  return FileDescriptor(
      check(::ioctl(vcpus_.at(index).file.get(), KVM_GET_STATS_FD, 0), "open vCPU statistics"));
}

FileDescriptor KvmVm::open_guest_memory() const {
  // KVM_CREATE_GUEST_MEMFD and its argument, since Linux 6.8: newer than the
  // headers this is built with.
  struct CreateGuestMemory {
    std::uint64_t size = kMemorySize;
    std::uint64_t flags = 0;
    std::array<std::uint64_t, 6> reserved{};
  };
  CreateGuestMemory request;
  return FileDescriptor(::ioctl(vm_.get(), _IOWR(KVMIO, 0xd4, CreateGuestMemory), &request));
}

void KvmVm::close_files() {
  for (auto& vcpu : vcpus_) vcpu.file.reset();
  vfio_.reset();
  vm_.reset();
}

}  // namespace vmleak::scenarios
