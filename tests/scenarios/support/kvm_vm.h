// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// What a vCPU's guest code does.
enum class Guest {
  kHalt,  // sleeps in KVM_RUN
  kSpin,  // never leaves the guest but for interrupts of the host
};

// A virtual machine with one memory slot, as a VMM makes it.
class KvmVm {
 public:
  KvmVm();
  KvmVm(const KvmVm&) = delete;
  KvmVm& operator=(const KvmVm&) = delete;
  ~KvmVm();

  struct Vcpu {
    FileDescriptor file;
    void* run = nullptr;  // the mapping of struct kvm_run
  };

  [[nodiscard]] int fd() const { return vm_.get(); }
  [[nodiscard]] Vcpu& vcpu(std::size_t index) { return vcpus_.at(index); }

  void add_vcpu();
  // In a thread of its own, which ends with the process.  Until then the vCPU
  // takes no other ioctl.
  void run_vcpu(std::size_t index, Guest guest);

  // The kvm-vfio device; `group` is the file of a VFIO group that it keeps.
  void add_vfio_device();
  void give_vfio_group(int group) const;

  [[nodiscard]] FileDescriptor open_stats() const;
  [[nodiscard]] FileDescriptor open_vcpu_stats(std::size_t index) const;

  // Memory that only the guest can map; none where the kernel has no such thing
  // for this kind of VM.
  [[nodiscard]] FileDescriptor open_guest_memory() const;

  // Forgets the descriptors, mappings stay.
  void close_files();

 private:
  FileDescriptor vm_;
  FileDescriptor vfio_;
  std::vector<Vcpu> vcpus_;
  std::size_t run_size_ = 0;
  std::uint8_t* memory_ = nullptr;
};

}  // namespace vmleak::scenarios
