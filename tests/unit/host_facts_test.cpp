// SPDX-License-Identifier: Apache-2.0

// HostRoot, host_info, modules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include <random>
#include <string>

#include "host/host_info.h"
#include "host/host_root.h"
#include "host/modules.h"
#include "host/text.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(HostRoot, ReadsBelowItsDirectory) {
  HostTree tree;
  tree.file("/sys/value", "42\n").link("/sys/link", "../target").directory("/sys/empty");
  const auto root = tree.root();
  EXPECT_EQ(*root.read("/sys/value"), "42\n");
  EXPECT_EQ(*root.read("/sys/value", 1), "4");
  EXPECT_EQ(*root.read_value("/sys/value"), "42");
  EXPECT_EQ(*root.read_link("/sys/link"), "../target");
  EXPECT_THAT(*root.list("/sys"), ElementsAre("empty", "link", "value"));
  EXPECT_THAT(*root.list("/sys/empty"), IsEmpty());
}

TEST(HostRoot, ReadsFilesOfAnySize) {
  HostTree tree;
  const std::string text(100'003, 'x');
  tree.file("/large", text);
  EXPECT_EQ(tree.root().read("/large")->size(), text.size());
  EXPECT_EQ(tree.root().read("/large", 20'000)->size(), 20'000U);
}

TEST(HostRoot, ErrorsNameThePathAndTheCause) {
  HostTree tree;
  tree.directory("/sys");
  const auto missing = tree.root().read("/proc/1/stat");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "open /proc/1/stat: No such file or directory");
  EXPECT_TRUE(is_gone(missing.error()));
  const auto directory = tree.root().read("/sys");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "read /sys: Is a directory");
  EXPECT_FALSE(is_gone(directory.error()));
  EXPECT_FALSE(tree.root().list("/none"));
  EXPECT_FALSE(tree.root().read_link("/sys"));
}

TEST(HostInfo, ComesFromProc) {
  HostTree tree;
  tree.file("/proc/sys/kernel/hostname", "host-1\n")
      .file("/proc/sys/kernel/osrelease", "6.1.0-40-amd64\n")
      .file("/proc/sys/kernel/random/boot_id", "b\n")
      .file("/etc/machine-id", "m\n");
  const auto info = read_host_info(tree.root());
  EXPECT_EQ(info.hostname, "host-1");
  EXPECT_EQ(info.kernel, "6.1.0-40-amd64");
  EXPECT_EQ(info.boot_id, "b");
  EXPECT_EQ(read_machine_id(tree.root()), "m");
  const HostTree bare;
  EXPECT_EQ(read_host_info(bare.root()).boot_id, "");
  EXPECT_EQ(read_machine_id(bare.root()), "");
}

TEST(HashKey, DependsOnMachineAndBoot) {
  const auto key = make_hash_key("machine", "boot");
  EXPECT_EQ(key, make_hash_key("machine", "boot"));
  EXPECT_NE(key, make_hash_key("machine", "next boot"));
  EXPECT_NE(key, make_hash_key("other machine", "boot"));
  EXPECT_NE(make_hash_key("a", "bc"), make_hash_key("ab", "c"));
  EXPECT_NE(key[0], key[1]);
}

TEST(PidNamespace, IsTheInitialOneOrNot) {
  HostTree tree;
  tree.link("/proc/self/ns/pid", "pid:[4026531836]");
  EXPECT_TRUE(*in_initial_pid_namespace(tree.root()));
  HostTree container;
  container.link("/proc/self/ns/pid", "pid:[4026532471]");
  EXPECT_FALSE(*in_initial_pid_namespace(container.root()));
  EXPECT_FALSE(in_initial_pid_namespace(HostTree().root())) << "unknown";
}

TEST(Lockdown, TheBracketedWordCounts) {
  EXPECT_EQ(parse_lockdown("[none] integrity confidentiality\n"), Lockdown::kNone);
  EXPECT_EQ(parse_lockdown("none [integrity] confidentiality\n"), Lockdown::kIntegrity);
  EXPECT_EQ(parse_lockdown("none integrity [confidentiality]\n"), Lockdown::kConfidentiality);
  for (const std::string_view text : {"", "none", "[", "]", "][", "[]", "[future]", "none]["}) {
    EXPECT_EQ(parse_lockdown(text), Lockdown::kUnknown) << text;
  }
  EXPECT_EQ(to_string(Lockdown::kIntegrity), "integrity");
  EXPECT_EQ(to_string(Lockdown::kUnknown), "unknown");
  EXPECT_EQ(read_lockdown(HostTree().root()), Lockdown::kUnknown);
}

TEST(Privileges, OfRootAndOthers) {
  const auto root =
      parse_privileges("Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n");
  EXPECT_TRUE(root.root);
  EXPECT_TRUE(root.has(CAP_BPF));
  EXPECT_EQ(root.missing(), "");

  const auto user = parse_privileges("Uid:\t0\t1000\t0\t0\nCapEff:\t0000000000000000\n");
  EXPECT_FALSE(user.root) << "the effective user counts";
  EXPECT_FALSE(user.has(CAP_SYS_ADMIN));
  EXPECT_THAT(user.missing(), HasSubstr("CAP_BPF, CAP_PERFMON"));

  const auto container = parse_privileges("Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n");
  EXPECT_TRUE(container.root);
  EXPECT_THAT(container.missing(), HasSubstr("CAP_SYSLOG"));

  const auto garbage = parse_privileges("Uid\nCapEff: xyz\n:\n\n");
  EXPECT_FALSE(garbage.root);
  EXPECT_EQ(garbage.capabilities, 0U);
}

TEST(Privileges, OfThisProcess) {
  const auto privileges = read_privileges(HostRoot());
  ASSERT_TRUE(privileges) << privileges.error().message;
  EXPECT_EQ(privileges->root, ::geteuid() == 0);
}

TEST(Btf, IsThereOrNot) {
  HostTree tree;
  tree.file("/sys/kernel/btf/vmlinux", "x").file("/proc/sys/kernel/kptr_restrict", "2\n");
  EXPECT_TRUE(has_btf(tree.root()));
  EXPECT_FALSE(has_btf(tree.root(), "kvm"));
  EXPECT_EQ(read_kptr_restrict(tree.root()), 2);
  EXPECT_EQ(read_kptr_restrict(HostTree().root()), -1);
}

constexpr std::string_view kModules =
    "kvm_amd 147456 0 - Live 0xffffffffc0b00000\n"
    "kvm 1056768 1 kvm_amd, Live 0xffffffffc0a00000\n"
    "vfio_pci 16384 2 - Live 0x0000000000000000\n"
    "vfio_pci_core 77824 3 vfio_pci,mlx5_vfio_pci, Unloading 0x0\n"
    "vendor 1 0 [permanent], Live 0x0 (OE)\n"
    "irqbypass 16384 - kvm,vfio_pci_core, Live 0x0\n"
    "ext4 970752 1 - Live 0x0\n";

TEST(Modules, AreParsed) {
  const auto modules = parse_modules(kModules);
  ASSERT_EQ(modules.size(), 7U);
  EXPECT_EQ(modules[0].name, "kvm_amd");
  EXPECT_EQ(modules[0].refcount, 0);
  EXPECT_THAT(modules[0].dependents, IsEmpty());
  EXPECT_THAT(modules[1].dependents, ElementsAre("kvm_amd"));
  EXPECT_THAT(modules[3].dependents, ElementsAre("vfio_pci", "mlx5_vfio_pci"));
  EXPECT_EQ(modules[3].state, "Unloading");
  EXPECT_THAT(modules[4].dependents, IsEmpty());
  EXPECT_EQ(modules[5].refcount, -1) << "not counted";
}

TEST(Modules, OnlyThoseOfVmsAreRead) {
  HostTree tree;
  tree.file("/proc/modules", kModules).directory("/sys/module/kvm/parameters");
  const auto modules = read_vm_modules(tree.root());
  ASSERT_TRUE(modules);
  EXPECT_EQ(modules->size(), 5U);
  EXPECT_TRUE(has_module(tree.root(), "kvm"));
  EXPECT_FALSE(has_module(tree.root(), "vfio"));
  EXPECT_TRUE(is_vm_module("vhost_net"));
  EXPECT_TRUE(is_vm_module("nvgrace_gpu_vfio_pci"));
  EXPECT_TRUE(is_vm_module("tun"));
  EXPECT_FALSE(is_vm_module("tunnel4"));
  const auto none = read_vm_modules(HostTree().root());
  ASSERT_TRUE(none);
  EXPECT_THAT(*none, IsEmpty());
}

TEST(Modules, SurviveAnything) {
  std::mt19937 random(1);
  for (int i = 0; i < 2'000; ++i) {
    std::string text(kModules);
    for (int k = 0; k < 8; ++k) text[random() % text.size()] = " \n,-\0x9"[random() % 7];
    for (const auto& module : parse_modules(text)) EXPECT_FALSE(module.name.empty());
  }
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(to_number<int>("42"), 42);
  EXPECT_EQ(to_number<std::uint8_t>("256"), std::nullopt);
  for (const std::string_view text : {"", " 1", "1 ", "0x1", "1x", "+1", "--1"}) {
    EXPECT_EQ(to_number<int>(text), std::nullopt) << text;
  }
  EXPECT_EQ(to_hex_number<std::uint16_t>("0x10de"), 0x10de);
  EXPECT_EQ(to_hex_number<std::uint16_t>("10de"), 0x10de);
  EXPECT_EQ(to_hex_number<std::uint16_t>("0x"), std::nullopt);
}

TEST(Text, PartsAndWords) {
  std::string_view rest = "a::b";
  EXPECT_EQ(next_part(rest, ':'), "a");
  EXPECT_EQ(next_part(rest, ':'), "");
  EXPECT_EQ(next_part(rest, ':'), "b");
  EXPECT_EQ(next_part(rest, ':'), "");
  rest = "  one\ttwo \n";
  EXPECT_EQ(next_word(rest), "one");
  EXPECT_EQ(next_word(rest), "two");
  EXPECT_EQ(next_word(rest), "");
  EXPECT_EQ(trim(" \t a b \n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

}  // namespace
}  // namespace vmleak
