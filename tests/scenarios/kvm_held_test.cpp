// SPDX-License-Identifier: Apache-2.0

// Scenarios 2 to 5: the VMM is dead, and somebody else keeps its VM.  The
// clean twin of each is the same host once that somebody has let go.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "support/actors.h"
#include "support/audit.h"
#include "support/check.h"
#include "support/io_ring.h"
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

class KvmHeld : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_DEVICE("/dev/kvm"); }

  // One finding: this process keeps a VM.  Returns it.
  static Finding expect_held_by(pid_t pid) {
    const auto audit = run_audit();
    EXPECT_TRUE(has_one(audit, "held"));
    const auto* finding = audit.find("kvm", "held");
    if (finding == nullptr) fail("no finding about a held kvm");
    EXPECT_TRUE(finding->ends_in(pid)) << "expected " << pid << " in " << audit;
    EXPECT_EQ(finding->unaccounted(), 0) << audit;
    EXPECT_FALSE(finding->raw().at("summary").get<std::string>().empty());
    return *finding;
  }
};

TEST_F(KvmHeld, QemusVmByASecondProcess) {
  Qemu qemu({.name = "gpu-07"});
  const auto holder = cast_holder(qemu.pid(), qemu.fd("anon_inode:kvm-vm"));
  qemu.kill();
  const auto finding = expect_held_by(holder->pid());
  EXPECT_TRUE(finding.passes_through("kvm-vm"));

  holder->kill();
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmHeld, DefaultSettleTime) {
  const auto vmm = cast_vmm();
  const auto holder = cast_holder(vmm->pid(), vmm->value());
  vmm->kill();
  const auto audit = run_audit({});
  EXPECT_TRUE(has_one(audit, "held"));
  // The same leak has the same name.
  EXPECT_EQ(run_audit().findings.at(0).id(), audit.findings.at(0).id());
}

TEST_F(KvmHeld, VcpuFile) {
  const auto vmm = cast_vmm();
  const auto holder = cast_holder(vmm->pid(), find_fd(vmm->pid(), "anon_inode:kvm-vcpu"));
  vmm->kill();
  const auto finding = expect_held_by(holder->pid());
  EXPECT_TRUE(finding.passes_through("kvm-vcpu"));
}

// /proc/PID/fd of a zombie is empty.
TEST_F(KvmHeld, ByAThreadOfAZombie) {
  const auto vmm = cast_vmm();
  const ChildProcess holder("holder", [&vmm](const Stage& stage) {
    static const auto file = grab_fd(vmm->pid(), vmm->value());
    outlive_leader([stage] { stage.pause(); });
  });
  vmm->kill();
  wait_until("the leader to be a zombie",
             [&] { return process_status(holder.pid(), "State").starts_with("Z"); });
  ASSERT_LT(find_fd(holder.pid(), ""), 0);
  expect_held_by(holder.pid());
}

// /proc/PID/fd shows the files of the leader only.
TEST_F(KvmHeld, ByAThreadWithATableOfItsOwn) {
  const auto vmm = cast_vmm();
  const ChildProcess holder("holder", [&vmm](const Stage& stage) {
    run_with_own_files([&] {
      const auto file = grab_fd(vmm->pid(), vmm->value());
      stage.pause();
    });
  });
  vmm->kill();
  ASSERT_LT(find_fd(holder.pid(), "anon_inode:kvm-vm"), 0);
  expect_held_by(holder.pid());
}

TEST_F(KvmHeld, ByAStatisticInDebugfs) {
  REQUIRE_DEVICE("/sys/kernel/debug/kvm");
  const auto vmm = cast_vmm();
  const ChildProcess agent("agent", [&vmm](const Stage& stage) {
    const auto path =
        fmt::format("/sys/kernel/debug/kvm/{}-{}/remote_tlb_flush", vmm->pid(), vmm->value());
    const FileDescriptor statistic(check(::open(path.c_str(), O_RDONLY), "open " + path));
    stage.pause();
  });
  vmm->kill();
  expect_held_by(agent.pid());
}

TEST_F(KvmHeld, InFlight) {
  const ChildProcess receiver("receiver", [](const Stage& stage) {
    const auto sockets = make_socket_pair();
    stage.pause(sockets.sender.get());
  });
  ChildProcess vmm("vmm", [&receiver](const Stage& stage) {
    const KvmVm vm;
    const auto socket = grab_fd(receiver.pid(), receiver.value());
    send_fd(socket.get(), vm.fd());
    stage.pause();
  });
  vmm.kill();
  const auto finding = expect_held_by(receiver.pid());
  EXPECT_TRUE(finding.mentions("file/in-flight"));
}

TEST_F(KvmHeld, InFlightInASocketThatIsInFlight) {
  ChildProcess receiver("receiver", [](const Stage& stage) {
    const auto listener = listen_at("vmleak-scenario-nested");
    stage.pause();
    const FileDescriptor connection(::accept(listener.get(), nullptr, nullptr));
    stage.pause();
  });
  ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    const auto inner = make_socket_pair();
    send_fd(inner.sender.get(), vm.fd());
    const auto connection = connect_to("vmleak-scenario-nested");
    send_fd(connection.get(), inner.receiver.get());
    stage.pause();
  });
  receiver.resume();
  vmm.kill();
  expect_held_by(receiver.pid());

  receiver.kill();
  EXPECT_TRUE(is_fine(run_audit()));
}

TEST_F(KvmHeld, InFlightInAConnectionNobodyAccepted) {
  const ChildProcess listener("listener", [](const Stage& stage) {
    const auto socket = listen_at("vmleak-scenario-embryo");
    stage.pause();
  });
  ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    const auto connection = connect_to("vmleak-scenario-embryo");
    send_fd(connection.get(), vm.fd());
    stage.pause();
  });
  vmm.kill();
  expect_held_by(listener.pid());
}

TEST_F(KvmHeld, FixedFileOfAnIoUring) {
  const auto vmm = cast_vmm();
  const ChildProcess holder("holder", [&vmm](const Stage& stage) {
    const IoRing ring;
    ring.register_file(grab_fd(vmm->pid(), vmm->value()).get());
    stage.pause();
  });
  vmm->kill();
  ASSERT_LT(find_fd(holder.pid(), "anon_inode:kvm-vm"), 0);
  const auto finding = expect_held_by(holder.pid());
  EXPECT_TRUE(finding.passes_through("io_uring"));
}

TEST_F(KvmHeld, FixedFileOfAnIoUringWithoutDescriptor) {
  const auto vmm = cast_vmm();
  ChildProcess holder("holder", [&vmm](const Stage& stage) {
    IoRing ring;
    ring.register_file(grab_fd(vmm->pid(), vmm->value()).get());
    ring.hide();
    stage.pause();
  });
  vmm->kill();
  ASSERT_LT(find_fd(holder.pid(), "anon_inode:[io_uring]"), 0);
  expect_held_by(holder.pid());

  holder.kill();
  EXPECT_TRUE(is_fine(run_audit()));
}

TEST_F(KvmHeld, MappingWithoutDescriptor) {
  ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    stage.pause(leave_heir("heir"));
  });
  Orphan heir(vmm.value());
  vmm.kill();
  ASSERT_TRUE(maps_file(heir.pid(), "anon_inode:kvm-vcpu"));
  ASSERT_LT(find_fd(heir.pid(), "anon_inode:kvm"), 0);
  const auto finding = expect_held_by(heir.pid());
  EXPECT_TRUE(finding.passes_through("mapping"));

  heir.kill();
  EXPECT_TRUE(is_clean(run_audit()));
}

// The VMM lives and has let go of everything but its mapping: not a leak yet.
TEST_F(KvmHeld, MappingOfALivingVmmIsFine) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    vm.close_files();
    stage.pause();
  });
  EXPECT_TRUE(is_clean(run_audit()));
}

}  // namespace
}  // namespace vmleak::scenarios
