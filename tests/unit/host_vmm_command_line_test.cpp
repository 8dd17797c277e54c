// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "host/vmm_command_line.h"

namespace vmleak {
namespace {

struct Case {
  const char* what;
  std::vector<std::string_view> arguments;
  const char *vmm, *name, *uuid;
};

class IdentifyVm : public testing::TestWithParam<Case> {};

TEST_P(IdentifyVm, FromItsArguments) {
  const auto& expected = GetParam();
  const auto vm = identify_vm(expected.arguments);
  EXPECT_EQ(vm.vmm, expected.vmm);
  EXPECT_EQ(vm.name, expected.name);
  EXPECT_EQ(vm.uuid, expected.uuid);
  const bool known = !vm.name.empty() || !vm.uuid.empty();
  EXPECT_EQ(vm.source, known ? "command line" : "");
}

constexpr auto kUuid = "5b1e0c2a-0000-4000-8000-000000000007";

const std::vector<Case> vmm_cases{
    {"libvirt",
     {"/usr/bin/qemu-system-x86_64", "-name", "guest=gpu-07,debug-threads=on", "-S", "-uuid",
      kUuid},
     "qemu",
     "gpu-07",
     kUuid},
    {"implied key", {"qemu-system-x86_64", "-name", "lab1"}, "qemu", "lab1", ""},
    {"implied key and more",
     {"/usr/bin/kvm", "-id", "100", "-name", "web,debug-threads=on", "-smbios",
      "type=1,uuid=5b1e0c2a-0000-4000-8000-000000000007"},
     "qemu",
     "web",
     kUuid},
    {"two dashes", {"qemu-kvm", "--name", "a", "--uuid", kUuid}, "qemu", "a", kUuid},
    {"comma in the name", {"qemu-kvm", "-name", "guest=a,,b,process=x"}, "qemu", "a,b", ""},
    {"implied key with commas", {"qemu-kvm", "-name", ",,a,,,,b,,"}, "qemu", ",a,,b,", ""},
    {"name behind other parts", {"qemu-kvm", "-name", "process=x,guest=a=b"}, "qemu", "a=b", ""},
    {"the last name counts", {"qemu-kvm", "-name", "a", "-name", "b"}, "qemu", "b", ""},
    {"-uuid goes before -smbios",
     {"qemu-kvm", "-smbios", "type=1,uuid=wrong", "-uuid", kUuid},
     "qemu",
     "",
     kUuid},
    {"only a process name", {"qemu-kvm", "-name", "process=x"}, "qemu", "", ""},
    {"value missing", {"qemu-kvm", "-uuid", kUuid, "-name"}, "qemu", "", kUuid},
    {"an option's value is no option",
     {"qemu-kvm", "-append", "x", "-name", "-uuid"},
     "qemu",
     "-uuid",
     ""},
    {"renamed QEMU", {"/opt/vm/emulator", "-machine", "q35", "-name", "a"}, "qemu", "a", ""},
    {"Kata on Cloud Hypervisor",
     {"/opt/kata/bin/cloud-hypervisor", "--api-socket", "/run/vc/vm/9f31c2/clh-api.sock"},
     "cloud-hypervisor",
     "9f31c2",
     ""},
    {"Cloud Hypervisor",
     {"cloud-hypervisor", "--api-socket=path=/run/ch/db-02.sock", "--platform",
      "num_pci_segments=2,uuid=5b1e0c2a-0000-4000-8000-000000000007"},
     "cloud-hypervisor",
     "db-02",
     kUuid},
    {"Firecracker in a jail",
     {"firecracker", "--id=fn-1", "--start-time-us", "1"},
     "firecracker",
     "fn-1",
     ""},
    {"Firecracker without an id",
     {"./firecracker", "--api-sock", "/tmp/firecracker.socket"},
     "firecracker",
     "",
     ""},
    {"Firecracker, id before socket",
     {"firecracker", "--api-sock", "/srv/fn-2.socket", "--id", "fn-1"},
     "firecracker",
     "fn-1",
     ""},
    {"crosvm",
     {"/usr/bin/crosvm", "run", "-s", "/run/vm/arcvm.sock", "vmlinux"},
     "crosvm",
     "arcvm",
     ""},
    {"crosvm with a name",
     {"crosvm", "run", "--name", "tv", "-s", "/run/a.sock"},
     "crosvm",
     "tv",
     ""},
    {"another program with such options",
     {"/usr/bin/docker", "--name", "web", "--id", "1"},
     "",
     "",
     ""},
    {"a QEMU tool", {"/usr/bin/qemu-img", "-name", "x", "create"}, "", "", ""},
    {"nothing", {}, "", "", ""},
    {"an empty argument", {""}, "", "", ""},
};

INSTANTIATE_TEST_SUITE_P(All, IdentifyVm, testing::ValuesIn(vmm_cases), [](const auto& test) {
  std::string name = test.param.what;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

TEST(SplitArguments, AtNulBytes) {
  using namespace std::string_view_literals;
  EXPECT_EQ(split_arguments("a\0\0b c\0"sv), (std::vector<std::string_view>{"a", "", "b c"}));
  EXPECT_EQ(split_arguments("no end"), (std::vector<std::string_view>{"no end"}));
  EXPECT_TRUE(split_arguments("").empty());
}

TEST(OptionPart, SurvivesAnything) {
  std::mt19937 random(1);
  const std::string_view alphabet = "ab=,,{\"";
  for (int i = 0; i < 20'000; ++i) {
    std::string option(random() % 16, ' ');
    for (char& c : option) c = alphabet[random() % alphabet.size()];
    EXPECT_LE(option_part(option, "a", "a").size(), option.size());
    option_part(option, "b");
  }
}

}  // namespace
}  // namespace vmleak
