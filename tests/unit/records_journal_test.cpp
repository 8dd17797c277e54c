// SPDX-License-Identifier: Apache-2.0
// Journals that systemd itself has written, by systemd-journal-remote(8).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "host_tree.h"
#include "records/records.h"
#include "records/systemd_journal.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kWriter = "/lib/systemd/systemd-journal-remote";
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNewYear = 1'767'225'600 * kSecond;
constexpr auto kBoot = "5b1e0c2a000040008000000000000001";
constexpr auto kStarted = "24d8d4452573402496068381a6312df2";
constexpr auto kStopped = "58432bd3bace477cb514b56381b8a758";

struct Entry {
  int second = 0;
  std::string id;
  std::string machine;
  std::string boot = kBoot;
  int uid = 0;
};

// In the journal's export format.
std::string exported(const Entry& entry) {
  return fmt::format(
      "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={}\n_UID={}\nMESSAGE_ID={}\n"
      "NAME={}\nLEADER=4711\nMESSAGE=about {}\n\n",
      (kNewYear + static_cast<std::uint64_t>(entry.second) * kSecond) / 1000, entry.second + 1,
      entry.boot, entry.uid, entry.id, entry.machine, entry.machine);
}

class SystemdJournal : public ::testing::Test {
 protected:
  SystemdJournal() {
    tree.file("/proc/sys/kernel/random/boot_id", "5b1e0c2a-0000-4000-8000-000000000001\n");
  }
  void SetUp() override {
    if (::access(kWriter, X_OK) != 0) GTEST_SKIP() << kWriter << " is not installed";
  }

  void write(const std::vector<Entry>& entries,
             const std::string& path =
                 "/var/log/journal/0123456789abcdef0123456789abcdef/system.journal") {
    std::string text;
    for (const auto& entry : entries) text += exported(entry);
    tree.file("/export", text).file(path, "");
    std::filesystem::remove(tree.at(path));
    const auto output = "--output=" + tree.at(path).string();
    const pid_t child = ::fork();
    if (child == 0) {
      if (std::freopen("/dev/null", "w", stderr) == nullptr) std::_Exit(126);
      ::execl(kWriter, kWriter, output.c_str(), tree.at("/export").c_str(), nullptr);
      std::_Exit(127);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }

  HostTree tree;
};

TEST_F(SystemdJournal, HasTheMachinesOfThisBoot) {
  const std::string other_boot(32, 'a');
  write({{5, kStarted, "qemu-1-old", other_boot},
         {10, kStarted, "qemu-1-gpu-07"},
         {11, "00000000000000000000000000000001", "qemu-2-other-message"},
         {12, kStarted, "qemu-3-forged", kBoot, 1000},
         {60, kStopped, "qemu-1-gpu-07"}});
  const auto messages = read_machine_messages(tree.root());
  ASSERT_TRUE(messages) << messages.error().message;
  ASSERT_EQ(messages->size(), 2U);
  const auto runs = machine_runs(*messages);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].name, "gpu-07");
  EXPECT_EQ(runs[0].pid, 4711);
  EXPECT_EQ(runs[0].started_ns, kNewYear + 10 * kSecond);
  EXPECT_EQ(runs[0].ended_ns, kNewYear + 60 * kSecond);
  const auto records = read_records(tree.root(), kNewYear);
  EXPECT_THAT(records.sources, ElementsAre("systemd-machined"));
  EXPECT_EQ(records.runs.size(), 1U);
  EXPECT_THAT(records.losses, IsEmpty());
}

TEST_F(SystemdJournal, IsReadWhereItIsInMemoryOnly) {
  write({{10, kStarted, "qemu-1-gpu-07"}},
        "/run/log/journal/0123456789abcdef0123456789abcdef/system.journal");
  const auto messages = read_machine_messages(tree.root());
  ASSERT_TRUE(messages) << messages.error().message;
  EXPECT_EQ(messages->size(), 1U);
}

TEST_F(SystemdJournal, MayBeMissing) {
  const auto messages = read_machine_messages(tree.root());
  ASSERT_FALSE(messages);
  EXPECT_EQ(messages.error().code, ENOENT);
  EXPECT_THAT(read_records(tree.root(), kNewYear).losses, IsEmpty());
}

}  // namespace
}  // namespace vmleak
