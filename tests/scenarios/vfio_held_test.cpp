// SPDX-License-Identifier: Apache-2.0

// Scenarios 7 to 9: the VMM is dead, and somebody else keeps its device.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "support/actors.h"
#include "support/audit.h"
#include "support/device_on_vfio.h"
#include "support/kvm_vm.h"
#include "support/orphan.h"
#include "support/process_files.h"
#include "support/qemu.h"
#include "support/requirement.h"
#include "support/vfio_user.h"
#include "support/vhost.h"

namespace vmleak::scenarios {
namespace {

class VfioHeld : public DeviceOnVfio {
 protected:
  // What the next VMM meets.
  [[nodiscard]] int error_of_open() const {
    const FileDescriptor group(::open(device_->group_path().c_str(), O_RDWR | O_CLOEXEC));
    return group ? 0 : errno;
  }

  // One finding: this process keeps the device.
  void expect_held_by(pid_t pid, std::string_view by) const {
    EXPECT_EQ(error_of_open(), EBUSY);
    const auto audit = run_audit();
    EXPECT_TRUE(has_one(audit, "held"));
    const auto* finding = audit.only();
    ASSERT_NE(finding, nullptr);
    EXPECT_TRUE(finding->ends_in(pid)) << "expected " << pid << " in " << audit;
    EXPECT_TRUE(finding->blocks_device(device_->address())) << audit;
    EXPECT_TRUE(finding->passes_through(by)) << audit;
    EXPECT_TRUE(finding->mentions("busy")) << audit;
  }

  void expect_free() const {
    EXPECT_TRUE(is_clean(run_audit()));
    EXPECT_EQ(error_of_open(), 0);
  }
};

TEST_F(VfioHeld, IdleDeviceIsFree) { expect_free(); }

TEST_F(VfioHeld, DeviceInUseIsFine) {
  const auto vmm = cast_passthrough_vmm(*device_);
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(VfioHeld, QemusDeviceByASecondProcess) {
  Qemu qemu({.vfio_devices = {device_->address()}});
  const auto holder = cast_holder(qemu.pid(), qemu.fd("anon_inode:[vfio-device]"));
  EXPECT_TRUE(is_clean(run_audit()));
  qemu.kill();
  expect_held_by(holder->pid(), "vfio-device");
  for (const auto& target : {device_->address().substr(5), device_->group_path()}) {
    const auto explanation = run_vmleak({"explain", target, "--no-wait"});
    EXPECT_NE(explanation.out.find(std::to_string(holder->pid())), std::string::npos)
        << explanation;
  }

  holder->kill();
  expect_free();
}

TEST_F(VfioHeld, GroupFileByASecondProcess) {
  const auto vmm = cast_passthrough_vmm(*device_);
  const auto holder = cast_holder(vmm->pid(), find_fd(vmm->pid(), device_->group_path()));
  vmm->kill();
  expect_held_by(holder->pid(), device_->group_path());

  holder->kill();
  expect_free();
}

// The VM's own device for VFIO keeps the files of the groups it was given.
TEST_F(VfioHeld, GroupByAFileOfKvmVfio) {
  const auto vmm = cast_passthrough_vmm(*device_);
  const auto holder = cast_holder(vmm->pid(), find_fd(vmm->pid(), "anon_inode:kvm-vfio"));
  vmm->kill();
  expect_held_by(holder->pid(), "kvm-vfio");

  holder->kill();
  expect_free();
}

TEST_F(VfioHeld, OnlyByTheMappingOfABar) {
  ChildProcess vmm("vmm", [this](const Stage& stage) {
    VfioUser vfio(device_->group_path(), device_->address());
    vfio.open_all();
    vfio.map_bar();
    stage.pause(leave_heir("heir"));
  });
  Orphan heir(vmm.value());
  vmm.kill();
  ASSERT_LT(find_fd(heir.pid(), ""), 0) << "it has files";
  expect_held_by(heir.pid(), "mapping");

  heir.kill();
  expect_free();
}

// The worker keeps the dead VMM's address space, which keeps the mappings,
// which keep device and VM; and the worker lives as long as the device file of
// vhost-net, which a third process has.
TEST_F(VfioHeld, ByTheAddressSpaceThatVhostKeeps) {
  REQUIRE_DEVICE("/dev/vhost-net");
  ChildProcess vmm("vmm", [this](const Stage& stage) {
    VfioUser vfio(device_->group_path(), device_->address());
    vfio.open_all();
    vfio.map_bar();
    KvmVm vm;
    vm.add_vcpu();
    VhostNet vhost;
    vhost.start();
    stage.pause(vhost.fd());
  });
  EXPECT_TRUE(is_clean(run_audit()));
  const auto shim = cast_holder(vmm.pid(), vmm.value());
  vmm.kill();
  expect_held_by(shim->pid(), "vhost");
  const auto audit = run_audit();
  for (const auto* kind : {"kvm", "mm"}) {
    EXPECT_TRUE(audit.findings.at(0).has_consequence(kind) || audit.findings.at(0).kind() == kind ||
                audit.findings.at(0).passes_through(kind))
        << kind << " is not in " << audit;
  }

  shim->kill();
  expect_free();
}

}  // namespace
}  // namespace vmleak::scenarios
