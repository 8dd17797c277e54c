// SPDX-License-Identifier: Apache-2.0

// The flight recorder itself: it comes and goes without a trace, balances to
// zero, says what it lost, and outlives those who read it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "support/actors.h"
#include "support/armed.h"
#include "support/audit.h"
#include "support/command.h"
#include "support/kvm_vm.h"
#include "support/leak_module.h"
#include "support/process_files.h"
#include "support/requirement.h"

namespace vmleak::scenarios {
namespace {

using nlohmann::json;

bool mentions_loss(const json& document, std::string_view text) {
  return document.at("losses").dump().find(text) != std::string::npos;
}

class LedgerArmed : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_LAB("this machine's kernel refuses hooks"); }

  static void expect_nothing_left(const std::vector<std::string>& programs_before) {
    EXPECT_FALSE(std::filesystem::exists("/sys/fs/bpf/vmleak"));
    EXPECT_EQ(loaded_programs(), programs_before);
    EXPECT_EQ(run_vmleak({"disarm"}).exit_code, 0);
  }
};

TEST_F(LedgerArmed, ThousandVmsBalanceToZero) {
  const Armed armed;
  for (int i = 0; i < 1000; ++i) {
    KvmVm vm;
    vm.add_vcpu();
    const auto stats = vm.open_stats();
  }
  const auto status = armed.status();
  EXPECT_EQ(status.at("ledger").at("entries"), 0) << status.dump(2);
  EXPECT_TRUE(status.at("losses").empty()) << status.dump(2);
  EXPECT_TRUE(is_clean(run_audit()));
}

TEST_F(LedgerArmed, LeavesNothing) {
  const auto before = loaded_programs();
  {
    const Armed armed;
    EXPECT_GT(loaded_programs().size(), before.size());
  }
  expect_nothing_left(before);
}

TEST_F(LedgerArmed, FullLedgerIsNeverClean) {
  const Armed armed({"--capacity", "8"});
  const ChildProcess vmm("vmm", [](const Stage& stage) {
    std::vector<std::unique_ptr<KvmVm>> vms;
    for (int i = 0; i < 50; ++i) vms.push_back(std::make_unique<KvmVm>());
    stage.pause();
  });
  const auto audit = run_audit();
  EXPECT_EQ(audit.verdict(), "inconclusive") << audit;
  EXPECT_EQ(audit.run.exit_code, 4) << audit;
  EXPECT_TRUE(mentions_loss(audit.document, "capacity")) << audit;
  EXPECT_TRUE(mentions_loss(armed.status(), "capacity")) << armed.status().dump(2);
}

TEST_F(LedgerArmed, OutlivesWhoReadsIt) {
  const LeakModule leak;
  const Armed armed;
  const auto vmm = cast_vmm();
  leak.keep_file(vmm->pid(), vmm->value());
  for (const char* command : {"audit", "snapshot"}) {
    Vmleak reader({command});
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    reader.send_signal(SIGKILL);
    EXPECT_EQ(reader.finish().exit_code, 128 + SIGKILL);
  }
  vmm->kill();
  const auto audit = run_audit();
  EXPECT_TRUE(has_one(audit, "leaked"));
  ASSERT_NE(audit.only(), nullptr) << audit;
  EXPECT_TRUE(audit.only()->mentions("kvm/vm-file")) << audit;
  EXPECT_FALSE(audit.only()->raw().at("origins").empty()) << audit;
}

// What is armed already stays, and learns of modules that came since.
TEST_F(LedgerArmed, SecondTimeExtends) {
  run_command({"rmmod", "vhost_net"});
  const Armed armed;
  const auto first = armed.again();
  EXPECT_TRUE(first.at("added").empty()) << first.dump(2);
  run_command({"modprobe", "vhost_net"});
  const auto second = armed.again();
  const auto& added = second.at("added");
  EXPECT_NE(std::find(added.begin(), added.end(), "ledger/vhost-files"), added.end())
      << second.dump(2);
}

// With fentry the modules can't go; with kprobes they can, and what was
// recorded then means nothing any more.
TEST_F(LedgerArmed, ReloadedModuleIsStale) {
  {
    const Armed armed;
    EXPECT_THROW(run_command({"rmmod", "vhost_net", "vhost"}), std::exception);
  }
  const Armed armed({"--without", "fentry"});
  run_command({"rmmod", "vhost_net", "vhost"});
  run_command({"modprobe", "vhost_net"});
  const auto status = armed.status();
  const auto& families = status.at("coverage").at("families");
  const auto stale = std::find_if(families.begin(), families.end(), [](const json& family) {
    return family.at("name") == "ledger/vhost-mm";
  });
  ASSERT_NE(stale, families.end()) << status.dump(2);
  EXPECT_EQ(stale->at("state"), "stale") << status.dump(2);
}

}  // namespace
}  // namespace vmleak::scenarios
