// SPDX-License-Identifier: Apache-2.0

// Scenario 1: VMs that run are nobody's problem, however their files are
// shared.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "support/actors.h"
#include "support/audit.h"
#include "support/kvm_vm.h"
#include "support/orphan.h"
#include "support/process_files.h"
#include "support/qemu.h"
#include "support/requirement.h"
#include "support/threads.h"
#include "support/unix_passing.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

class KvmAlive : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_DEVICE("/dev/kvm"); }
};

TEST_F(KvmAlive, ManyThreadsManyFiles) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    for (std::size_t index = 0; index < 4; ++index) vm.add_vcpu();
    vm.add_vfio_device();
    const auto stats = vm.open_stats();
    const auto vcpu_stats = vm.open_vcpu_stats(1);
    vm.run_vcpu(0, Guest::kSpin);
    for (std::size_t index = 1; index < 4; ++index) vm.run_vcpu(index, Guest::kHalt);
    stage.pause();
  });
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmAlive, DuplicatedAndForkedFiles) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    const FileDescriptor copy(::dup(vm.fd()));
    const FileDescriptor vcpu_copy(::dup(vm.vcpu(0).file.get()));
    const pid_t heir = leave_heir("heir");
    stage.pause(heir);
  });
  const Orphan heir(vmm.value());
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmAlive, FileTakenByASecondProcess) {
  const auto vmm = cast_vmm();
  const auto holder = cast_holder(vmm->pid(), vmm->value());
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmAlive, FileInFlight) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    const auto sockets = make_socket_pair();
    send_fd(sockets.sender.get(), vm.fd());
    stage.pause();
  });
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmAlive, SeveralVmsOfOneProcessAndOfSeveral) {
  const ChildProcess many("vmm", [](const Stage& stage) {
    const KvmVm first;
    const KvmVm second;
    KvmVm third;
    third.add_vcpu();
    third.run_vcpu(0, Guest::kHalt);
    stage.pause();
  });
  const auto another = cast_vmm();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmAlive, RealQemu) {
  const Qemu qemu({.cpus = 2});
  EXPECT_TRUE(is_clean(run_audit()));
}

// Only the system call that it is in keeps this vCPU's file.
TEST_F(KvmAlive, FileClosedWhileItIsUsed) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    // Time for the thread to get there.
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    vm.vcpu(0).file.reset();
    stage.pause();
  });
  ASSERT_LT(find_fd(vmm.pid(), "anon_inode:kvm-vcpu"), 0);
  EXPECT_TRUE(is_clean(run_audit()));
}

// Its directory in /proc shows no files any more, its threads have them still.
TEST_F(KvmAlive, LeaderIsAZombie) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    static KvmVm vm;
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    outlive_leader([stage] { stage.pause(); });
  });
  wait_until("the leader to be a zombie",
             [&] { return process_status(vmm.pid(), "State").starts_with("Z"); });
  ASSERT_LT(find_fd(vmm.pid(), ""), 0);
  EXPECT_TRUE(is_clean(run_audit()));
}

// The default settle time is for suspects only: nobody waits on a clean host.
TEST_F(KvmAlive, CleanHostIsNotWaitedFor) {
  const auto vmm = cast_vmm();
  const auto audit = run_audit({"--settle", "100"});
  EXPECT_TRUE(is_clean(audit));
  EXPECT_LT(audit.run.time, std::chrono::seconds(90));
}

}  // namespace
}  // namespace vmleak::scenarios
