// SPDX-License-Identifier: Apache-2.0

// What the program says when it can't do its work, or not all of it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "support/actors.h"
#include "support/audit.h"
#include "support/check.h"
#include "support/process_files.h"
#include "support/requirement.h"
#include "support/temporary_directory.h"
#include "support/vmleak_cli.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

// Exit code, something on stderr that says `words`, and nothing on stdout that
// could be taken for an answer.
void expect_refusal(const CliResult& run, int exit_code, std::initializer_list<const char*> words) {
  EXPECT_EQ(run.exit_code, exit_code) << run;
  EXPECT_TRUE(run.out.empty()) << run;
  for (const auto* word : words) {
    EXPECT_NE(run.err.find(word), std::string::npos) << "no \"" << word << "\" in\n" << run;
  }
}

// A host with something to find: a VM that outlives its VMM.
struct HeldVm {
  HeldVm() : vmm(cast_vmm()), holder(cast_holder(vmm->pid(), vmm->value())) { vmm->kill(); }
  std::unique_ptr<ChildProcess> vmm;
  std::unique_ptr<ChildProcess> holder;
};

TEST(Faults, NotRoot) {
  const auto run = run_vmleak({"audit"}, [] { check(::setuid(65534), "become nobody"); });
  expect_refusal(run, 1, {"root"});
}

void enter_pid_namespace() {
  check(::unshare(CLONE_NEWPID | CLONE_NEWNS), "make namespaces");
  const pid_t inside = check(::fork(), "fork");
  if (inside != 0) {
    int status = 0;
    check(::waitpid(inside, &status, 0), "wait");
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 127);
  }
  check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  check(::mount("proc", "/proc", "proc", 0, nullptr), "mount /proc");
}

TEST(Faults, PidNamespaceOfAContainer) {
  expect_refusal(run_vmleak({"audit"}, enter_pid_namespace), 1, {"PID namespace"});
}

TEST(Faults, UnknownTarget) {
  expect_refusal(run_vmleak({"audit", "ffff:ff:1f.7"}), 1, {"ffff:ff:1f.7"});
  expect_refusal(run_vmleak({"explain", "no-such-domain"}), 1, {"no-such-domain"});
}

TEST(Faults, WrongUsage) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"audit", "--no-such-option"},
                                             {"audit", "--settle", "soon"},
                                             {"audit", "--format", "poem"},
                                             {"audit", "--fail-on", "sunday"},
                                             {"audit", "--without", "luck"},
                                             {"explain"}}) {
    EXPECT_EQ(run_vmleak(arguments).exit_code, 2) << run_vmleak(arguments);
  }
}

class SnapshotFile : public testing::Test {
 protected:
  // `audit --from` a file with this text.
  [[nodiscard]] CliResult audit_of(const std::string& text) const {
    std::ofstream(path()) << text;
    return run_vmleak({"audit", "--format", "json", "--from", path()});
  }

  [[nodiscard]] std::string path() const { return (directory_.path() / "snapshot.json").string(); }

  [[nodiscard]] std::string text() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(SnapshotFile, Missing) {
  expect_refusal(run_vmleak({"audit", "--from", path()}), 1, {path().c_str(), "No such file"});
}

TEST_F(SnapshotFile, Broken) {
  for (const auto* text : {"", "not JSON", "[]", "{}", R"({"schema": "vmleak.snapshot/1"})",
                           R"({"schema": "somebody.else/7", "samples": []})"}) {
    expect_refusal(audit_of(text), 1, {path().c_str()});
  }
}

TEST_F(SnapshotFile, CutShort) {
  ASSERT_EQ(run_vmleak({"snapshot", "--output", path()}).exit_code, 0);
  const auto whole = text();
  ASSERT_FALSE(whole.empty());
  for (const std::size_t size : {whole.size() / 2, whole.size() - 3}) {
    expect_refusal(audit_of(whole.substr(0, size)), 1, {path().c_str()});
  }
}

// A snapshot taken with the settle time's samples leads to the same findings,
// also for nobody, later, and elsewhere.
TEST_F(SnapshotFile, SaysTheSameAsTheLiveHost) {
  REQUIRE_DEVICE("/dev/kvm");
  std::string live;
  {
    const HeldVm held;
    ASSERT_EQ(run_vmleak({"snapshot", "--settle", "1", "--output", path()}).exit_code, 0);
    const auto audit = run_audit();
    ASSERT_TRUE(has_one(audit, "held"));
    live = audit.findings[0].id();
  }
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  const auto later = run_audit({"--from", path()});
  ASSERT_TRUE(has_one(later, "held"));
  EXPECT_EQ(later.findings[0].id(), live);
}

// What can't be seen is never called clean.
TEST(Faults, WithoutACapability) {
  REQUIRE_DEVICE("/dev/kvm");
  const auto vmm = cast_vmm();
  for (const auto* capability : {"bpf", "iterator"}) {
    const auto audit = run_audit({"--without", capability});
    EXPECT_EQ(audit.run.exit_code, 4) << audit;
    EXPECT_EQ(audit.verdict(), "inconclusive") << audit;
    EXPECT_EQ(audit.document.at("coverage").at("tier"), "proc") << audit;
  }
}

// The types of the kernel's structures, which everything is read with.
TEST(Faults, WithoutBtf) {
  REQUIRE_DEVICE("/dev/kvm");
  const auto vmm = cast_vmm();
  const auto run = run_vmleak({"audit", "--format", "json", "--settle", "1"}, [] {
    check(::unshare(CLONE_NEWNS), "make a mount namespace");
    check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
    check(::mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr), "hide BTF");
  });
  EXPECT_EQ(run.exit_code, 4) << run;
  EXPECT_NE((run.out + run.err).find("BTF"), std::string::npos) << run;
}

// Reading files of a process that is gone meanwhile is no error.
TEST(Faults, ProcessesThatDieDuringTheWalk) {
  const ChildProcess storm("storm", [](const Stage& stage) {
    stage.pause();
    while (true) {
      const pid_t child = ::fork();
      if (child == 0) _exit(0);
      ::waitpid(child, nullptr, 0);
      // The program needs some of the only CPU, too.
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  storm.resume_only();
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(is_clean(run_audit()));
}

// Text, findings and all, that could not be written was not delivered.
TEST(Faults, FullDisk) {
  for (const auto* format : {"text", "json"}) {
    const auto run = run_vmleak({"audit", "--format", format}, [] {
      const int full = check(::open("/dev/full", O_WRONLY), "open /dev/full");
      ::dup2(full, STDOUT_FILENO);
    });
    EXPECT_EQ(run.exit_code, 1) << run;
    EXPECT_NE(run.err.find("No space left"), std::string::npos) << run;
  }
}

// While it waits whether a suspect stays.
TEST(Faults, Interrupted) {
  REQUIRE_DEVICE("/dev/kvm");
  const HeldVm held;
  const auto others = children_of(::getpid()).size();
  for (const int signal : {SIGINT, SIGTERM}) {
    Vmleak vmleak({"audit", "--settle", "120"});
    std::this_thread::sleep_for(std::chrono::seconds(in_lab() ? 8 : 2));
    vmleak.send_signal(signal);
    const auto run = vmleak.finish();
    EXPECT_EQ(run.exit_code, 128 + signal) << run;
    EXPECT_TRUE(run.out.empty()) << run;
    EXPECT_LT(run.time, std::chrono::seconds(60)) << run;
    // The test adopts orphans, so what the program left behind would be here.
    EXPECT_EQ(children_of(::getpid()).size(), others) << run;
  }
}

TEST(Faults, InterruptedAtOnce) {
  Vmleak vmleak({"audit"});
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  vmleak.send_signal(SIGINT);
  const auto run = vmleak.finish();
  EXPECT_TRUE(run.exit_code == 130 || run.exit_code == 0) << run;
}

}  // namespace
}  // namespace vmleak::scenarios
