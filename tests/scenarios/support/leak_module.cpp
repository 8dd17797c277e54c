// SPDX-License-Identifier: Apache-2.0
#include "support/leak_module.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

#include "base/file_descriptor.h"
#include "support/check.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

bool is_loaded() { return std::filesystem::exists(LeakModule::kDevice); }

void load() {
  const char* path = std::getenv("VMLEAK_LAB_MODULE");
  if (path == nullptr) fail("load the leak module: VMLEAK_LAB_MODULE is not set");
  const FileDescriptor module(
      check(::open(path, O_RDONLY | O_CLOEXEC), std::string("open ") + path));
  check(::syscall(SYS_finit_module, module.get(), "", 0), std::string("load ") + path);
  wait_until(LeakModule::kDevice, is_loaded);
}

}  // namespace

LeakModule::LeakModule() {
  if (!is_loaded()) load();
}

LeakModule::~LeakModule() {
  try {
    wake();
    put_all();
  } catch (const std::exception& error) {
    std::cerr << "leak module: " << error.what() << '\n';
  }
}

void LeakModule::keep_file(pid_t pid, int fd) const { command(fmt::format("file {} {}", pid, fd)); }

void LeakModule::keep_mm(pid_t pid) const { command(fmt::format("mm {}", pid)); }

void LeakModule::keep_kvm(pid_t pid, int vm_fd) const {
  command(fmt::format("kvm {} {}", pid, vm_fd));
}

void LeakModule::keep_vfio_device(pid_t pid, int device_fd) const {
  command(fmt::format("vfio_device {} {}", pid, device_fd));
}

void LeakModule::race_with_unbind(pid_t pid, int device_fd) const {
  command(fmt::format("vfio_device-at-unbind {} {}", pid, device_fd));
}

void LeakModule::keep_iommu_group(const std::string& pci_address) const {
  command("iommu_group " + pci_address);
}

void LeakModule::put_all() const { command("put all"); }

void LeakModule::stall_exit(std::string_view comm) const {
  command(fmt::format("stall-flush {}", comm));
}

void LeakModule::stall_release(std::string_view comm) const {
  command(fmt::format("stall-release {}", comm));
}

void LeakModule::stall_pci(const std::string& pci_address, std::string_view stage) const {
  command(fmt::format("pci-stall {} {}", pci_address, stage));
}

void LeakModule::wake() const { command("wake"); }

void LeakModule::command(const std::string& text) {
  const FileDescriptor device(
      check(::open(kDevice, O_WRONLY | O_CLOEXEC), std::string("open ") + kDevice));
  check(::write(device.get(), text.data(), text.size()), "leak module: " + text);
}

}  // namespace vmleak::scenarios
