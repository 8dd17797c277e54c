// SPDX-License-Identifier: Apache-2.0
#include "support/actors.h"

#include <fcntl.h>
#include <unistd.h>

#include "support/check.h"
#include "support/kvm_vm.h"
#include "support/process_files.h"
#include "support/vfio_user.h"

namespace vmleak::scenarios {

std::unique_ptr<ChildProcess> cast_vmm() {
  return std::make_unique<ChildProcess>("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    stage.pause(vm.fd());
  });
}

std::unique_ptr<ChildProcess> cast_passthrough_vmm(const PciDevice& device) {
  return std::make_unique<ChildProcess>("vmm", [&device](const Stage& stage) {
    VfioUser vfio(device.group_path(), device.address());
    vfio.open_group();
    vfio.open_container();
    KvmVm vm;
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    // Before the device is opened, or it would not learn of its VM.
    vm.add_vfio_device();
    vm.give_vfio_group(vfio.group());
    vfio.open_device();
    vfio.map_bar();
    stage.pause(vfio.device());
  });
}

std::unique_ptr<ChildProcess> cast_holder(pid_t pid, int fd) {
  return std::make_unique<ChildProcess>("holder", [pid, fd](const Stage& stage) {
    const auto file = grab_fd(pid, fd);
    stage.pause(file.get());
  });
}

std::unique_ptr<ChildProcess> cast_writer(std::string_view name, const std::string& path,
                                          const std::string& text) {
  return std::make_unique<ChildProcess>(name, [&path, &text](const Stage& stage) {
    const FileDescriptor file(check(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "open " + path));
    // The test's strings may be gone when it goes on.
    const std::string written = text;
    stage.pause();
    check(::write(file.get(), written.data(), written.size()), "write");
  });
}

}  // namespace vmleak::scenarios
