// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "host/kallsyms.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using testing::HasSubstr;
using Names = std::array<std::string_view, 4>;

constexpr std::string_view kKallsyms =
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81389d40 T task_work_run\n"
    "ffffffff816bd830 t __fput\n"
    "ffffffff816bd830 t __fput_alias\n"
    "ffffffff82a00000 D init_task\n"
    "ffffffffc0a81000 t kvm_vcpu_release\t[kvm]\n"
    "ffffffffc0a82000 b vm_list\t[kvm]\n"
    "ffffffffc0b00010 b vfio\t[vfio]\n"
    "ffffffffc0b00020 b vfio\t[vfio]\n"
    "ffffffffc0c00000 t bpf_prog_6deef7357e7b4530_x\t[bpf]\n";

TEST(KallsymsLine, HasItsParts) {
  const auto symbol = parse_kallsyms_line("ffffffffc0a81000 t kvm_vcpu_release\t[kvm]");
  ASSERT_TRUE(symbol);
  EXPECT_EQ(symbol->address, 0xffffffffc0a81000U);
  EXPECT_EQ(symbol->type, 't');
  EXPECT_EQ(symbol->name, "kvm_vcpu_release");
  EXPECT_EQ(symbol->module, "kvm");
}

TEST(KallsymsLine, RefusesOtherTexts) {
  for (const std::string_view line :
       {"", " ", "ffff", "ffff t", "ffff t ", "xyz t name", "ffff  name", "ffff tt name",
        "ffff t name]", "ffff t name\tkvm]", "ffff t \t[kvm]",
        "11112222333344445 t address_too_long"}) {
    EXPECT_FALSE(parse_kallsyms_line(line)) << '"' << line << '"';
  }
}

TEST(KallsymsLine, SurvivesAnything) {
  std::mt19937 random(1);
  const std::string_view alphabet = "0fF tT\t[]k:\\";
  for (int i = 0; i < 20'000; ++i) {
    std::string line(random() % 24, ' ');
    for (char& c : line) c = alphabet[random() % alphabet.size()];
    const auto symbol = parse_kallsyms_line(line);
    EXPECT_TRUE(!symbol || !symbol->name.empty()) << line;
  }
}

TEST(KernelSymbols, FindsEverySymbolOfAName) {
  HostTree tree;
  tree.file("/proc/kallsyms", kKallsyms);
  const Names names{"vfio", "__fput", "not_there", "vm_list"};
  const auto symbols = read_kernel_symbols(tree.root(), names);
  ASSERT_TRUE(symbols) << symbols.error().message;

  ASSERT_EQ(symbols->find("vfio").size(), 2U);
  EXPECT_EQ(symbols->find("vfio")[1].address, 0xffffffffc0b00020U);
  EXPECT_EQ(symbols->find("vfio")[1].module, "vfio");
  EXPECT_EQ(symbols->find("vfio")[1].type, 'b');
  EXPECT_EQ(symbols->unique_address("vfio"), 0U) << "ambiguous";
  EXPECT_EQ(symbols->unique_address("__fput"), 0xffffffff816bd830U);
  EXPECT_EQ(symbols->find("__fput")[0].module, "");
  EXPECT_TRUE(symbols->find("not_there").empty());
  EXPECT_TRUE(symbols->find("task_work_run").empty()) << "exists, but nobody asked for it";
  EXPECT_EQ(symbols->find("vm_list").size(), 1U);
}

TEST(KernelSymbols, FindsThemWhereverAReadEnds) {
  // Longer than one piece of reading, with a wanted name in each line.
  std::string text;
  constexpr int kLines = 30'000;
  for (int i = 0; i < kLines; ++i) text += fmt::format("ffffffff81{:06x} t wanted\t[m{}]\n", i, i);
  text += "ffffffffff000000 t last_without_newline";
  HostTree tree;
  tree.file("/proc/kallsyms", text);
  const Names names{"wanted", "last_without_newline", "wanted", ""};
  const auto symbols = read_kernel_symbols(tree.root(), names);
  ASSERT_TRUE(symbols);
  const auto wanted = symbols->find("wanted");
  ASSERT_EQ(wanted.size(), static_cast<std::size_t>(kLines));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(wanted[i].address, 0xffffffff81000000U + i);
    ASSERT_EQ(wanted[i].module, "m" + std::to_string(i));
  }
  EXPECT_EQ(symbols->unique_address("last_without_newline"), 0xffffffffff000000U);
}

TEST(KernelSymbols, AFunctionEndsWhereTheNextBegins) {
  HostTree tree;
  tree.file("/proc/kallsyms", kKallsyms);
  const auto symbols = read_kernel_symbols(tree.root(), Names{});
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->function_end(0xffffffff81389d40), 0xffffffff816bd830U);
  EXPECT_EQ(symbols->function_end(0xffffffff816bd830), 0xffffffffc0a81000U)
      << "neither a second name of it nor data is a next function";
  EXPECT_EQ(symbols->function_end(0xffffffffc0c00000), 0U) << "the last one";
}

TEST(KernelSymbols, SaysWhenAddressesAreHidden) {
  HostTree tree;
  tree.file("/proc/kallsyms",
            "0000000000000000 T task_work_run\n0000000000000000 t kvm_vcpu_release\t[kvm]\n");
  const Names names{"task_work_run"};
  const auto symbols = read_kernel_symbols(tree.root(), names);
  ASSERT_FALSE(symbols);
  EXPECT_THAT(symbols.error().message, HasSubstr("hidden"));
  EXPECT_THAT(symbols.error().message, HasSubstr("kptr_restrict"));
  EXPECT_FALSE(KernelFunctions::read(tree.root()));
}

TEST(KernelSymbols, SaysWhenThereIsNothingToRead) {
  HostTree tree;
  const Names names{"task_work_run"};
  EXPECT_EQ(read_kernel_symbols(tree.root(), names).error().code, ENOENT);
  tree.file("/proc/kallsyms", "");
  EXPECT_THAT(read_kernel_symbols(tree.root(), names).error().message, HasSubstr("empty"));
}

TEST(KernelFunctions, NamesAddressesInsideFunctions) {
  const auto functions = KernelFunctions::parse(kKallsyms);
  EXPECT_EQ(functions.describe(0xffffffff81389d40), "task_work_run");
  EXPECT_EQ(functions.describe(0xffffffff81389d40 + 0x81), "task_work_run");
  EXPECT_EQ(functions.describe(0xffffffffc0a81000 + 7), "kvm_vcpu_release [kvm]");
  EXPECT_EQ(functions.find(0xffffffff816bd831)->offset, 1U);
  EXPECT_EQ(functions.describe(0xffffffff816bd831), "__fput") << "the first of two names";
}

TEST(KernelFunctions, KnowsNothingOutsideOfThem) {
  const auto functions = KernelFunctions::parse(kKallsyms);
  EXPECT_FALSE(functions.find(0x1000)) << "below all functions";
  EXPECT_FALSE(functions.find(0xffffffff82a00010)) << "data";
  EXPECT_EQ(functions.describe(0xffffffffffffffff), "0xffffffffffffffff");
  EXPECT_FALSE(KernelFunctions::parse("").find(0xffffffff81389d40));
}

TEST(KernelFunctions, SortsModulesThatComeInAnyOrder) {
  const auto functions = KernelFunctions::parse(
      "ffffffffc0900000 t c\t[z]\nffffffffc0700000 t a\t[y]\nffffffffc0800000 t b\t[z]\n");
  EXPECT_EQ(functions.describe(0xffffffffc0700001), "a [y]");
  EXPECT_EQ(functions.describe(0xffffffffc0800001), "b [z]");
  EXPECT_EQ(functions.describe(0xffffffffc0900001), "c [z]");
}

}  // namespace
}  // namespace vmleak
