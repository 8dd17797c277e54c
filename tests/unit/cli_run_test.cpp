// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file_descriptor.h"
#include "book_fixture.h"
#include "cli/run.h"
#include "commands/exit_code.h"
#include "fake_environment.h"
#include "model/snapshot_json.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using vmleak::testing::FakeHost;
using vmleak::testing::settled;
using vmleak::testing::TestHost;
using Strings = std::vector<std::string>;

Snapshot complete(Snapshot snapshot) {
  snapshot.coverage.tier = Tier::kSnapshot;
  return snapshot;
}

Snapshot clean_host() {
  TestHost host;
  host.vm_with_device(4711, 42);
  return complete(settled(host.book()));
}

// The VM is gone, its group's file is not, and nobody is seen to hold that.
Snapshot host_with_leak() {
  TestHost host;
  const auto machine = host.vm_with_device(4711, 42);
  host.unexplained(machine.group_file, "f_count", 1);
  host.dies(4711);
  return complete(settled(host.book()));
}

class RunTest : public ::testing::Test {
 protected:
  int run(const Strings& arguments) {
    return vmleak::run(arguments, host_.environment(), [this] { verbose_ = true; });
  }
  void answer(Snapshot snapshot) { host_.snapshots = {std::move(snapshot)}; }

  FakeHost host_;
  bool verbose_ = false;
};

TEST_F(RunTest, AuditOfACleanHostIsZero) {
  answer(clean_host());
  EXPECT_EQ(run({"audit"}), 0);
  EXPECT_THAT(host_.out, HasSubstr("No problem found. 1 VM fine."));
  EXPECT_THAT(host_.told, IsEmpty());
}

TEST_F(RunTest, AuditOfALeakIsThree) {
  answer(host_with_leak());
  EXPECT_EQ(run({"audit"}), 3);
  EXPECT_THAT(host_.out, HasSubstr("LEAKED  VFIO group 42"));
  EXPECT_THAT(host_.out, HasSubstr("1 problem: 1 leaked."));
}

TEST_F(RunTest, FailOnChoosesWhatIsAFailure) {
  answer(host_with_leak());
  EXPECT_EQ(run({"audit", "--fail-on", "held,stale"}), 0);
  EXPECT_EQ(run({"audit", "--fail-on", "leaked"}), 3);
}

TEST_F(RunTest, QuietPrintsNothing) {
  answer(host_with_leak());
  EXPECT_EQ(run({"audit", "-q"}), 3);
  EXPECT_EQ(host_.out, "");
  EXPECT_THAT(host_.told, IsEmpty());
}

TEST_F(RunTest, AnIncompleteWalkIsFourAlsoWhenItsFindingsDontCount) {
  auto snapshot = clean_host();
  snapshot.samples.back().losses = {{"walk cut short", 1, {}}};
  answer(snapshot);
  EXPECT_EQ(run({"audit"}), 4);

  auto leaking = host_with_leak();
  for (auto& book : leaking.samples) book.losses = {{"walk of io_uring", 1, {NodeKind::kIoUring}}};
  answer(leaking);
  EXPECT_EQ(run({"audit", "-q", "--fail-on", "held,inconclusive"}), 4);
}

TEST_F(RunTest, ProcAloneIsFour) {
  auto snapshot = clean_host();
  snapshot.coverage.tier = Tier::kProc;
  answer(snapshot);
  EXPECT_EQ(run({"audit"}), 4);
}

TEST_F(RunTest, PassesWhatItWasToldToTheCollector) {
  answer(clean_host());
  EXPECT_EQ(run({"audit", "--settle", "3", "--without", "bpf", "--addresses"}), 0);
  EXPECT_EQ(run({"-v", "audit", "--no-wait"}), 0);
  ASSERT_EQ(host_.collected.size(), 2U);
  EXPECT_EQ(host_.collected[0].settle, std::chrono::seconds(3));
  EXPECT_THAT(host_.collected[0].without, ElementsAre("bpf"));
  EXPECT_TRUE(host_.collected[0].addresses);
  EXPECT_TRUE(host_.collected[0].wait);
  EXPECT_FALSE(host_.collected[1].wait);
  EXPECT_TRUE(verbose_);
}

TEST_F(RunTest, AnExistingFileIsFollowedLikeADiskImage) {
  answer(clean_host());
  const auto directory = std::filesystem::path(::testing::TempDir());
  const auto image = directory / "vmleak_image.qcow2";
  std::ofstream(image) << "image";
  EXPECT_EQ(run({"audit", image.string()}), 1) << "nobody has it open";
  EXPECT_THAT(host_.collected.back().paths,
              ElementsAre(std::filesystem::canonical(image).string()));
  EXPECT_EQ(run({"audit", "/dev/null"}), 1);
  EXPECT_THAT(host_.collected.back().paths, IsEmpty());
  std::filesystem::remove(image);
}

TEST_F(RunTest, AnUnknownTargetIsOneAndSaysWhatWasSearched) {
  answer(clean_host());
  for (const auto& arguments : {Strings{"audit", "nobody"}, Strings{"nobody"}}) {
    host_.told.clear();
    EXPECT_EQ(run(arguments), 1);
    ASSERT_EQ(host_.told.size(), 1U);
    EXPECT_THAT(host_.told[0], HasSubstr("vmleak: find \"nobody\": "));
  }
  EXPECT_EQ(host_.out, "");
}

TEST_F(RunTest, ATargetHidesTheOthersFindings) {
  TestHost host;
  const auto machine = host.vm_with_device(4711, 42);
  host.unexplained(machine.group_file, "f_count", 1);
  host.dies(4711);
  host.vm_with_device(4800, 43, "0000:8b:00.0");
  answer(complete(settled(host.book())));
  EXPECT_EQ(run({"audit", "4800"}), 0);
  EXPECT_EQ(run({"audit", "/dev/vfio/42"}), 3);
}

TEST_F(RunTest, ExplainPrintsTheTreeOfATarget) {
  answer(clean_host());
  EXPECT_EQ(run({"8a:00.0"}), 0);
  EXPECT_THAT(host_.out, HasSubstr("refcount"));
  EXPECT_THAT(host_.out, HasSubstr("qemu-system-x86 4711"));
  host_.out.clear();
  answer(host_with_leak());
  EXPECT_EQ(run({"explain", "/dev/vfio/42", "--format", "json"}), 3);
  EXPECT_EQ(json::parse(host_.out)["schema"], "vmleak.explain/1");
}

TEST_F(RunTest, ObjectsAreATable) {
  answer(clean_host());
  EXPECT_EQ(run({"audit", "--objects", "--columns", "KIND,ID", "-n", "--raw"}), 0);
  EXPECT_THAT(host_.out, HasSubstr("vfio_group 42\n"));
  EXPECT_THAT(host_.out, Not(HasSubstr("process")));
  host_.out.clear();
  EXPECT_EQ(run({"audit", "--objects", "--format", "json", "/dev/vfio/42"}), 0);
  EXPECT_EQ(json::parse(host_.out)["objects"][0]["kind"], "vfio_group");
}

TEST_F(RunTest, ReleaseOfWhatLivesIsRefusedWithFive) {
  answer(clean_host());
  EXPECT_EQ(run({"release", "8a:00.0"}), 5);
  EXPECT_THAT(host_.out, HasSubstr("BLOCKED"));
  EXPECT_THAT(host_.out, HasSubstr("Nothing was changed."));
  host_.out.clear();
  EXPECT_EQ(run({"release", "8a:00.0", "--format", "json"}), 5);
  EXPECT_EQ(json::parse(host_.out)["schema"], "vmleak.release/1");
  EXPECT_EQ(run({"release", "nothing"}), 1);
}

TEST_F(RunTest, OnlyAReleaseAsksWhatTheHostUses) {
  answer(clean_host());
  run({"release", "8A:00.0"});
  run({"release", "gpu-07"});
  run({"audit", "8a:00.0"});
  ASSERT_EQ(host_.collected.size(), 3U);
  EXPECT_TRUE(host_.collected[0].host_uses);
  EXPECT_THAT(host_.collected[0].functions, ElementsAre("0000:8a:00.0"));
  EXPECT_TRUE(host_.collected[1].host_uses);
  EXPECT_THAT(host_.collected[1].functions, IsEmpty());
  EXPECT_FALSE(host_.collected[2].host_uses);
  EXPECT_THAT(host_.collected[2].functions, IsEmpty());
}

TEST_F(RunTest, WhatCannotBeDoneIsOneWithTheReason) {
  host_.snapshots = {Error{"read this host: needs root"}};
  EXPECT_EQ(run({"audit"}), 1);
  EXPECT_THAT(host_.told, ElementsAre("vmleak: read this host: needs root"));
  EXPECT_EQ(host_.out, "");
}

TEST_F(RunTest, AFullDiskIsOne) {
  answer(clean_host());
  host_.write_result = Error{"write standard output: No space left on device"};
  for (const auto& arguments :
       {Strings{"audit"}, Strings{"4711"}, Strings{"snapshot"}, Strings{"doctor"},
        Strings{"disarm"}, Strings{"--help"}, Strings{"--version"}}) {
    EXPECT_EQ(run(arguments), 1) << arguments[0];
    EXPECT_THAT(host_.told.back(), HasSubstr("No space left"));
  }
}

TEST_F(RunTest, ASignalPrintsNothingButThatItCame) {
  host_.snapshots = {Error{"collect: interrupted"}};
  host_.interrupted = true;
  EXPECT_EQ(run({"audit", "--format", "json"}), kExitSignal);
  EXPECT_EQ(host_.out, "");
  EXPECT_THAT(host_.told, ElementsAre("vmleak: interrupted"));
}

TEST_F(RunTest, WrongUsageTouchesNothing) {
  EXPECT_EQ(run({"audit", "--bogus"}), 2);
  EXPECT_EQ(run({}), 2);
  EXPECT_THAT(host_.collected, IsEmpty());
  EXPECT_EQ(host_.out, "");
}

TEST_F(RunTest, DoctorIsFourWhereAuditsDecideNothing) {
  host_.coverage = Coverage{Tier::kSnapshot, "", {}};
  EXPECT_EQ(run({"doctor"}), 0);
  host_.coverage = Coverage{Tier::kProc, "", {}};
  EXPECT_EQ(run({"doctor"}), 4);
  host_.coverage = Error{"load BPF: Operation not permitted"};
  EXPECT_EQ(run({"doctor"}), 1);
}

class FromTest : public RunTest {
 protected:
  // ctest runs each test in a process of its own, several at a time.
  FromTest()
      : file_(std::filesystem::path(::testing::TempDir()) /
              ("vmleak_from." + std::to_string(::getpid()) + ".json")) {}
  ~FromTest() override { std::filesystem::remove(file_); }

  int audit_of(const std::string& text) {
    std::ofstream(file_) << text;
    return run({"audit", "--from", file_.string()});
  }

  std::filesystem::path file_;
};

TEST_F(FromTest, JudgesASnapshotOfAnotherHost) {
  EXPECT_EQ(audit_of(snapshot_to_json(host_with_leak()).dump()), 3);
  EXPECT_THAT(host_.out, HasSubstr("LEAKED"));
  EXPECT_THAT(host_.collected, IsEmpty());
}

TEST_F(FromTest, ReadsStandardInput) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  const std::string text = "{\"schema\": \"other/1\"}";
  ASSERT_EQ(::write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  writer.reset();
  host_.input = reader.get();
  EXPECT_EQ(run({"audit", "--from", "-"}), 1);
  EXPECT_THAT(host_.told.back(), HasSubstr("read snapshot standard input: its schema is"));
}

TEST_F(FromTest, SaysWhatIsWrongWithAFile) {
  for (const auto* broken : {"", "{", "[]", "{\"schema\":\"vmleak.snapshot/1\"}", "\xff\xfe"}) {
    EXPECT_EQ(audit_of(broken), 1) << broken;
    EXPECT_THAT(host_.told.back(), HasSubstr(file_.filename().string() + ": "));
  }
  EXPECT_EQ(run({"audit", "--from", "/nonexistent/a.json"}), 1);
  EXPECT_EQ(host_.told.back(), "vmleak: open /nonexistent/a.json: No such file or directory");
  EXPECT_EQ(run({"audit", "--from", "/"}), 1);
  EXPECT_EQ(host_.told.back(), "vmleak: read /: Is a directory");
  EXPECT_EQ(host_.out, "");
}

TEST_F(FromTest, ASnapshotSurvivesBeingWrittenRedactedAndRead) {
  answer(host_with_leak());
  ASSERT_EQ(run({"snapshot", "--redact", "--output", file_.string()}), 0);
  EXPECT_EQ(host_.out, "");
  EXPECT_EQ(run({"audit", "--from", file_.string()}), 3) << "redaction changed the verdict";
  EXPECT_THAT(host_.out, Not(HasSubstr("qemu")));
}

TEST_F(FromTest, SnapshotDoesNotWalkTheHostWhenItCannotWrite) {
  answer(clean_host());
  EXPECT_EQ(run({"snapshot", "--output", "/nonexistent/a.json"}), 1);
  EXPECT_THAT(host_.collected, IsEmpty());
}

class WaitTest : public RunTest {};

TEST_F(WaitTest, EndsAsSoonAsTheDeviceIsFree) {
  TestHost after;
  after.idle_device(42, "0000:8a:00.0");
  host_.snapshots = {clean_host(), clean_host(), complete(settled(after.book()))};
  EXPECT_EQ(run({"audit", "--wait", "8a:00.0"}), 0);
  EXPECT_EQ(host_.sleeps, 2);
  EXPECT_EQ(host_.out, "8a:00.0 is free.\n");
  EXPECT_FALSE(host_.collected[0].wait) << "waited for suspects while waiting";
}

TEST_F(WaitTest, IsThreeWhenTheTimeIsOver) {
  answer(clean_host());
  EXPECT_EQ(run({"audit", "--wait=0", "8a:00.0"}), 3);
  EXPECT_THAT(host_.out, HasSubstr("8a:00.0 is still occupied."));
  EXPECT_THAT(host_.out, HasSubstr("qemu-system-x86 4711"));
  EXPECT_EQ(host_.sleeps, 0);
}

TEST_F(WaitTest, AVmThatIsGoneIsFree) {
  TestHost empty;
  answer(complete(settled(empty.book())));
  EXPECT_EQ(run({"audit", "--wait=0", "gpu-07"}), 0);
  EXPECT_EQ(host_.out, "gpu-07 is free: nothing on this host is called that.\n");
}

TEST_F(WaitTest, NeverCallsFreeWhatItCouldNotSee) {
  TestHost empty;
  empty.loses("walk cut short", {});
  answer(complete(settled(empty.book())));
  EXPECT_EQ(run({"audit", "--wait=0", "gpu-07"}), 4);
  EXPECT_THAT(host_.out, HasSubstr("not everything could be seen"));
}

TEST_F(WaitTest, ASignalEndsIt) {
  answer(clean_host());
  host_.interrupted = true;
  EXPECT_EQ(run({"audit", "--wait", "8a:00.0"}), kExitSignal);
  EXPECT_EQ(host_.out, "");
}

}  // namespace
}  // namespace vmleak
