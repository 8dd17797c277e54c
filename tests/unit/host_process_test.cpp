// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string>

#include "host/cgroup.h"
#include "host/process.h"
#include "host/process_stat.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kTicks = 100;

std::string stat_text(std::int64_t tid, std::string_view comm, char state, std::uint32_t flags,
                      int threads, std::uint64_t start = 1234) {
  return fmt::format(
      "{} ({}) {} 1 {} {} 0 -1 {} 10 0 0 0 5 6 0 0 20 0 {} 0 {} 104857600 2560 "
      "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
      tid, comm, state, tid, tid, flags, threads, start);
}

TEST(TaskStat, ReadsItsFields) {
  const auto stat = parse_task_stat(stat_text(4711, "qemu-system-x86", 'S', 0x400100, 12, 99));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->tid, 4711);
  EXPECT_EQ(stat->comm, "qemu-system-x86");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->flags, 0x400100U);
  EXPECT_EQ(stat->threads, 12);
  EXPECT_EQ(stat->start_ticks, 99U);
}

TEST(TaskStat, TakesAnyName) {
  for (const std::string& comm :
       {std::string(""), std::string(") R 1 1 1"), std::string("a (b) c"), std::string("((("),
        std::string("line\nbreak"), std::string("\xff\xfe"), std::string(")")}) {
    const auto stat = parse_task_stat(stat_text(7, comm, 'D', 4, 1));
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->state, 'D');
    EXPECT_EQ(stat->flags, 4U);
  }
}

TEST(TaskStat, RefusesWhatIsNotOne) {
  const std::string good = stat_text(7, "x", 'S', 4, 1);
  for (std::size_t size = 0; size < good.find(" 104857600") - 4; ++size) {
    EXPECT_FALSE(parse_task_stat(good.substr(0, size))) << good.substr(0, size);
  }
  EXPECT_FALSE(parse_task_stat(")7(" + good));
  EXPECT_FALSE(parse_task_stat("99999999999999999999 (x) S 1"));
  std::string flags_too_large = good;
  flags_too_large.replace(good.find(" -1 4 "), 6, " -1 99999999999 ");
  EXPECT_FALSE(parse_task_stat(flags_too_large));
}

TEST(TaskStat, SurvivesAnything) {
  std::mt19937 random(1);
  const std::string good = stat_text(7, "x)(", 'S', 4, 1);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = good;
    for (int k = 0; k < 3; ++k) text[random() % text.size()] = static_cast<char>(random() % 256);
    refused += parse_task_stat(text) ? 0 : 1;
  }
  EXPECT_GT(refused, 0);
}

TEST(TaskState, MostTellingWins) {
  EXPECT_EQ(more_telling_state('S', 'D'), 'D');
  EXPECT_EQ(more_telling_state('D', 'S'), 'D');
  EXPECT_EQ(more_telling_state('S', 'R'), 'R');
  EXPECT_EQ(more_telling_state('T', 'S'), 'S');
  EXPECT_EQ(more_telling_state('Z', 'T'), 'T');
  EXPECT_EQ(more_telling_state('X', 'Z'), 'Z');
  EXPECT_EQ(more_telling_state('Q', 'D'), 'Q') << "unheard of";
}

TEST(ParseProcess, SumsUpItsThreads) {
  ProcessTexts texts;
  texts.stat = stat_text(10, "qemu", 'S', 0, 3, 250);
  texts.thread_stats = {stat_text(10, "qemu", 'S', 0, 3), stat_text(11, "CPU 0/KVM", 'D', 4, 3),
                        stat_text(12, "worker", 'R', 0, 3)};
  const auto process = parse_process(texts, kTicks);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->facts.pid, 10);
  EXPECT_EQ(process->facts.comm, "qemu");
  EXPECT_EQ(process->facts.state, "D");
  EXPECT_EQ(process->facts.threads, 3);
  EXPECT_FALSE(process->facts.exiting) << "one thread exits, the process does not";
  EXPECT_EQ(process->facts.start_time_ns, 2'500'000'000U);
  EXPECT_FALSE(process->kernel_thread);
}

TEST(ParseProcess, AZombieLeaderHidesALiveThread) {
  ProcessTexts texts;
  texts.stat = stat_text(10, "qemu", 'Z', kPfExiting, 2);
  texts.thread_stats = {stat_text(10, "qemu", 'Z', kPfExiting, 2),
                        stat_text(11, "CPU 0/KVM", 'D', kPfExiting, 2), "", "garbage"};
  const auto process = parse_process(texts, kTicks);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->facts.state, "D");
  EXPECT_EQ(process->facts.threads, 1);
  EXPECT_TRUE(process->facts.exiting);
}

TEST(ParseProcess, AZombieIsExiting) {
  ProcessTexts texts;
  texts.stat = stat_text(10, "qemu", 'Z', kPfExiting, 1);
  const auto process = parse_process(texts, kTicks);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->facts.state, "Z");
  EXPECT_EQ(process->facts.threads, 0);
  EXPECT_TRUE(process->facts.exiting);
}

TEST(ParseProcess, KnowsKernelThreadsAndCoreDumps) {
  ProcessTexts texts;
  texts.stat = stat_text(8760, "vhost-8751", 'S', kPfKthread | 0x40, 1);
  EXPECT_TRUE(parse_process(texts, kTicks)->kernel_thread);
  texts.status = "Name:\tx\nTgid:\t8760\nCoreDumping:\t1\nThreads:\t1\n";
  EXPECT_TRUE(parse_process(texts, kTicks)->core_dumping);
  texts.status = "Name:\tCoreDumping:\\n1\nTgid:\t8760\nCoreDumping:\t0\n";
  EXPECT_FALSE(parse_process(texts, kTicks)->core_dumping);
}

TEST(ParseProcess, HugeValuesSaturate) {
  ProcessTexts texts;
  texts.stat = stat_text(1, "x", 'S', 0xffffffff, 1, ~std::uint64_t{0});
  EXPECT_EQ(parse_process(texts, kTicks)->facts.start_time_ns, ~std::uint64_t{0});
}

TEST(ParseProcess, NamesTheVm) {
  ProcessTexts texts;
  texts.stat = stat_text(10, "qemu", 'S', 0, 1);
  texts.cgroup = "0::/machine.slice/machine-qemu\\x2d1\\x2dgpu\\x2d07.scope/libvirt/emulator\n";
  const auto by_cgroup = parse_process(texts, kTicks)->facts;
  EXPECT_EQ(by_cgroup.vm.name, "gpu-07");
  EXPECT_EQ(by_cgroup.vm.source, "cgroup");
  EXPECT_EQ(by_cgroup.vm.vmm, "");

  texts.cmdline = std::string("qemu-kvm\0-name\0guest=gpu 07\0", 28);
  const auto by_both = parse_process(texts, kTicks)->facts;
  EXPECT_EQ(by_both.vm.name, "gpu 07") << "the cgroup has a mangled name";
  EXPECT_EQ(by_both.vm.source, "command line");
  EXPECT_EQ(by_both.command_line, "qemu-kvm -name guest=gpu 07");
}

TEST(JoinArguments, CutsAndTrims) {
  using namespace std::string_view_literals;
  EXPECT_EQ(join_arguments("a\0b\0\0\0"sv), "a b");
  EXPECT_EQ(join_arguments(""), "");
  EXPECT_EQ(join_arguments("\0\0"sv), "");
  EXPECT_THAT(join_arguments(std::string(10'000, 'x')), SizeIs(4096));
  // A two-byte character across the cut goes as a whole.
  EXPECT_THAT(join_arguments(std::string(4095, 'x') + "\xc3\xa4"), SizeIs(4095));
}

struct CgroupCase {
  const char *what, *text;
  const char *path, *unit, *pod, *machine;
};

class ParseCgroup : public testing::TestWithParam<CgroupCase> {};

TEST_P(ParseCgroup, Facts) {
  const auto& expected = GetParam();
  const auto facts = parse_cgroup(expected.text);
  EXPECT_EQ(facts.path, expected.path);
  EXPECT_EQ(facts.unit, expected.unit);
  EXPECT_EQ(facts.pod, expected.pod);
  EXPECT_EQ(facts.machine, expected.machine);
}

const std::vector<CgroupCase> cgroup_cases{
    {"unified", "0::/system.slice/spdk.service\n", "/system.slice/spdk.service", "spdk.service", "",
     ""},
    {"root", "0::/\n", "/", "", "", ""},
    {"removed", "0::/system.slice/a.service (deleted)\n", "/system.slice/a.service", "a.service",
     "", ""},
    {"innermost unit", "0::/user.slice/user-0.slice/user@0.service/app.slice/a.service/x\n",
     "/user.slice/user-0.slice/user@0.service/app.slice/a.service/x", "a.service", "", ""},
    {"version 1",
     "12:cpu,cpuacct:/\n2:memory:/system.slice/a.service\n1:name=systemd:/system.slice/a.service\n",
     "/system.slice/a.service", "a.service", "", ""},
    {"hybrid", "4:memory:/user.slice\n1:name=systemd:/system.slice/a.service\n0::/init.scope\n",
     "/init.scope", "init.scope", "", ""},
    {"hybrid, unified unused", "1:name=systemd:/system.slice/a.service\n0::/\n",
     "/system.slice/a.service", "a.service", "", ""},
    {"libvirt and systemd", "0::/machine.slice/machine-qemu\\x2d12\\x2dlab1.scope/libvirt/vcpu0\n",
     R"(/machine.slice/machine-qemu\x2d12\x2dlab1.scope/libvirt/vcpu0)",
     R"(machine-qemu\x2d12\x2dlab1.scope)", "", "lab1"},
    {"libvirt alone", "0::/machine/qemu-1-lab.1.libvirt-qemu/emulator\n",
     "/machine/qemu-1-lab.1.libvirt-qemu/emulator", "", "", "lab.1"},
    {"libvirt alone, version 1", "3:freezer:/\n2:cpu:/machine/qemu-1-a-b.libvirt-qemu\n0::/\n",
     "/machine/qemu-1-a-b.libvirt-qemu", "", "", "a-b"},
    {"libvirt of a user", "0::/machine.slice/machine-alice\\x2dqemu\\x2d3\\x2dvm.scope\n",
     R"(/machine.slice/machine-alice\x2dqemu\x2d3\x2dvm.scope)",
     R"(machine-alice\x2dqemu\x2d3\x2dvm.scope)", "", "vm"},
    {"a container is no VM", "0::/machine.slice/machine-lxc\\x2d3\\x2dbox.scope\n",
     R"(/machine.slice/machine-lxc\x2d3\x2dbox.scope)", R"(machine-lxc\x2d3\x2dbox.scope)", "", ""},
    {"Kubernetes, cgroupfs",
     "0::/kubepods/burstable/pod5b1e0c2a-1111-2222-3333-444455556666/9f31c2\n",
     "/kubepods/burstable/pod5b1e0c2a-1111-2222-3333-444455556666/9f31c2", "",
     "5b1e0c2a-1111-2222-3333-444455556666", ""},
    {"Kubernetes, systemd",
     "0::/kubepods.slice/kubepods-besteffort.slice/"
     "kubepods-besteffort-pod5b1e0c2a_1111_2222_3333_444455556666.slice/cri-containerd-9f.scope\n",
     "/kubepods.slice/kubepods-besteffort.slice/"
     "kubepods-besteffort-pod5b1e0c2a_1111_2222_3333_444455556666.slice/cri-containerd-9f.scope",
     "cri-containerd-9f.scope", "5b1e0c2a-1111-2222-3333-444455556666", ""},
    {"static pod", "0::/kubepods/pod00112233445566778899aabbccddeeff/x\n",
     "/kubepods/pod00112233445566778899aabbccddeeff/x", "", "00112233445566778899aabbccddeeff", ""},
    {"podman is no pod", "0::/machine.slice/libpod-00112233445566778899aabbccddeeff.scope\n",
     "/machine.slice/libpod-00112233445566778899aabbccddeeff.scope",
     "libpod-00112233445566778899aabbccddeeff.scope", "", ""},
    {"seen from inside a namespace", "0::/../../a.service\n", "/../../a.service", "a.service", "",
     ""},
    {"nothing", "", "", "", "", ""},
    {"garbage", "::\n0\n:::\n0:x\n0::relative\n", "", "", "", ""},
};

INSTANTIATE_TEST_SUITE_P(All, ParseCgroup, testing::ValuesIn(cgroup_cases), [](const auto& test) {
  std::string name = test.param.what;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

TEST(SystemdUnescape, LeavesWhatIsNoEscape) {
  EXPECT_EQ(systemd_unescape(R"(a\x2db)"), "a-b");
  EXPECT_EQ(systemd_unescape("\\x2"), "\\x2");
  EXPECT_EQ(systemd_unescape(R"(\xzz\)"), R"(\xzz\)");
  EXPECT_EQ(systemd_unescape(R"(\\x41)"), "\\A");
}

void add_process(HostTree& tree, std::int64_t pid, std::string_view comm) {
  const std::string directory = fmt::format("/proc/{}/", pid);
  tree.file(directory + "stat", stat_text(pid, comm, 'S', 0, 1))
      .file(directory + "status", fmt::format("Tgid:\t{}\n", pid))
      .file(directory + "cgroup", "0::/system.slice/a.service\n")
      .file(directory + "cmdline", std::string_view("a\0b\0", 4));
}

TEST(ReadProcess, FromItsDirectory) {
  HostTree tree;
  add_process(tree, 10, "one");
  tree.file("/proc/10/stat", stat_text(10, "one", 'S', 0, 2))
      .file("/proc/10/task/10/stat", stat_text(10, "one", 'S', 0, 2))
      .file("/proc/10/task/11/stat", stat_text(11, "two", 'D', 0, 2));
  const auto process = read_process(tree.root(), 10);
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(process->facts.state, "D");
  EXPECT_EQ(process->facts.unit, "a.service");
  EXPECT_EQ(process->facts.command_line, "a b");
}

TEST(ReadProcess, AMissingOneIsGone) {
  const HostTree tree;
  const auto process = read_process(tree.root(), 10);
  ASSERT_FALSE(process);
  EXPECT_TRUE(is_gone(process.error()));
}

TEST(ReadProcess, ReadsItself) {
  const auto process = read_process(HostRoot(), ::getpid());
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(process->facts.pid, ::getpid());
  EXPECT_GE(process->facts.threads, 1);
  EXPECT_FALSE(process->facts.exiting);
  EXPECT_FALSE(process->facts.command_line.empty());
  EXPECT_GT(process->facts.start_time_ns, 0U);
}

TEST(ReadProcesses, SkipsThoseThatAreGone) {
  HostTree tree;
  add_process(tree, 10, "one");
  add_process(tree, 12, "two");
  const std::int64_t pids[] = {10, 11, 12};
  const auto batch = read_processes(tree.root(), pids, 10s);
  EXPECT_THAT(batch.losses, IsEmpty());
  ASSERT_THAT(batch.processes, SizeIs(2));
  EXPECT_EQ(batch.processes[0].facts.comm, "one");
  EXPECT_EQ(batch.processes[1].facts.comm, "two");
  EXPECT_EQ(batch.processes[1].facts.command_line, "a b");
}

// Opening a FIFO that nobody writes to hangs like a command line behind a lock.
void make_hang(const HostTree& tree, std::string_view path) {
  std::filesystem::remove(tree.at(path));
  ASSERT_EQ(::mkfifo(tree.at(path).c_str(), 0600), 0);
}

TEST(ReadProcesses, LeavesBehindWhatHangs) {
  HostTree tree;
  for (const std::int64_t pid : {10, 11, 12}) add_process(tree, pid, "x");
  make_hang(tree, "/proc/11/cmdline");
  const std::int64_t pids[] = {10, 11, 12};
  const auto begin = std::chrono::steady_clock::now();
  const auto batch = read_processes(tree.root(), pids, 20s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  ASSERT_THAT(batch.processes, SizeIs(3));
  EXPECT_EQ(batch.processes[0].facts.command_line, "a b");
  EXPECT_EQ(batch.processes[1].facts.comm, "x");
  EXPECT_EQ(batch.processes[1].facts.unit, "a.service");
  EXPECT_EQ(batch.processes[1].facts.command_line, "");
  EXPECT_EQ(batch.processes[2].facts.command_line, "a b");
  ASSERT_THAT(batch.losses, SizeIs(1));
  EXPECT_THAT(batch.losses[0].what, HasSubstr("read /proc/11"));
  EXPECT_THAT(batch.losses[0].what, HasSubstr("did not answer within 1 s"));
  EXPECT_THAT(batch.losses[0].what, HasSubstr("no command line"));
}

TEST(ReadProcesses, TheDeadlineIsForAll) {
  HostTree tree;
  for (const std::int64_t pid : {10, 11, 12}) {
    add_process(tree, pid, "x");
    make_hang(tree, fmt::format("/proc/{}/stat", pid));
  }
  const std::int64_t pids[] = {10, 11, 12};
  const auto begin = std::chrono::steady_clock::now();
  const auto batch = read_processes(tree.root(), pids, 300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_THAT(batch.losses, SizeIs(3));
  ASSERT_THAT(batch.processes, SizeIs(3)) << "at least the pid";
  EXPECT_EQ(batch.processes[2].facts.pid, 12);
}

TEST(ReadProcesses, StopsWhenInterrupted) {
  HostTree tree;
  add_process(tree, 10, "x");
  const std::int64_t pids[] = {10, 10, 10};
  const auto batch = read_processes(tree.root(), pids, 10s, [] { return true; });
  EXPECT_THAT(batch.processes, IsEmpty());
}

}  // namespace
}  // namespace vmleak
