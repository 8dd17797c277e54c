// SPDX-License-Identifier: Apache-2.0

// users_count of a VM whose references are known one by one: every class is
// seen, and nothing is left over.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/audit.h"
#include "support/books.h"
#include "support/check.h"
#include "support/child_process.h"
#include "support/kvm_vm.h"
#include "support/qemu.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

using Classes = std::map<std::string, std::int64_t>;

class KvmEquation : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_DEVICE("/dev/kvm"); }

  static void expect_users(pid_t vmm, const Classes& expected) {
    const auto books = Books::take();
    const auto kvm = books.node("kvm", "creator_pid", vmm);
    std::int64_t sum = 0;
    for (const auto& [cls, references] : expected) sum += references;
    EXPECT_EQ(books.counter(kvm, "users_count"), sum);
    EXPECT_EQ(books.classes(kvm, "users_count"), expected);
    EXPECT_EQ(books.unaccounted(kvm, "users_count"), 0);
  }
};

TEST_F(KvmEquation, VmAlone) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    stage.pause();
  });
  expect_users(vmm.pid(), {{"kvm/vm-file", 1}});
}

TEST_F(KvmEquation, EveryClassOfFile) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    vm.add_vcpu();
    vm.run_vcpu(0, Guest::kHalt);
    vm.add_vfio_device();
    const auto stats = vm.open_stats();
    const auto vcpu_stats = vm.open_vcpu_stats(1);
    stage.pause();
  });
  expect_users(vmm.pid(), {{"kvm/vm-file", 1},
                           {"kvm/vcpu-file", 2},
                           {"kvm/device-file", 1},
                           {"kvm/vm-stats-file", 1},
                           {"kvm/vcpu-stats-file", 1}});
}

// A file counts once, however many descriptors and mappings it has.
TEST_F(KvmEquation, DescriptorsAreNotReferences) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    const FileDescriptor copy(check(::fcntl(vm.fd(), F_DUPFD_CLOEXEC, 0), "dup"));
    stage.pause();
  });
  expect_users(vmm.pid(), {{"kvm/vm-file", 1}, {"kvm/vcpu-file", 1}});
}

TEST_F(KvmEquation, GuestMemory) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    const auto memory = vm.open_guest_memory();
    stage.pause(memory ? 1 : 0);
  });
  if (vmm.value() == 0) GTEST_SKIP() << "this kernel has no guest_memfd for ordinary VMs";
  expect_users(vmm.pid(), {{"kvm/vm-file", 1}, {"kvm/guest-memfd-file", 1}});
}

TEST_F(KvmEquation, OnlyAVcpuIsLeft) {
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    KvmVm vm;
    vm.add_vcpu();
    vm.close_files();
    stage.pause();
  });
  expect_users(vmm.pid(), {{"kvm/vcpu-file", 1}});
}

// Monitoring agents keep these open.
TEST_F(KvmEquation, DebugfsFile) {
  const std::filesystem::path debugfs = "/sys/kernel/debug/kvm";
  REQUIRE_DEVICE(debugfs.string());
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    const KvmVm vm;
    stage.pause(vm.fd());
  });
  const ChildProcess agent("agent", [&](const Stage& stage) {
    const auto file = debugfs / fmt::format("{}-{}", vmm.pid(), vmm.value()) / "remote_tlb_flush";
    const FileDescriptor statistic(check(::open(file.c_str(), O_RDONLY), "open " + file.string()));
    stage.pause();
  });
  expect_users(vmm.pid(), {{"kvm/vm-file", 1}, {"kvm/debugfs-file", 1}});
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(KvmEquation, RealQemu) {
  const Qemu qemu({.name = "gpu-07", .cpus = 2});
  const auto books = Books::take();
  const auto kvm = books.node("kvm", "creator_pid", qemu.pid());
  EXPECT_EQ(books.unaccounted(kvm, "users_count"), 0);
  EXPECT_EQ(books.fact(kvm, "vcpus"), 2);
  const auto identity = books.fact(fmt::format("process:{}", qemu.pid()), "vm");
  EXPECT_EQ(identity.at("name"), "gpu-07");
  EXPECT_EQ(identity.at("uuid"), QemuOptions().uuid);
  EXPECT_EQ(identity.at("vmm"), "qemu");
}

}  // namespace
}  // namespace vmleak::scenarios
