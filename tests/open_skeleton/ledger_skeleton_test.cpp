// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "attach/ledger_families.h"
#include "bpf/handles.h"
#include "bpf/ledger_programs.h"
#include "ledger.skel.h"

namespace vmleak {
namespace {

using ::testing::UnorderedElementsAreArray;

// What a family and another may both need.
constexpr std::string_view kShared = "anon_inode_getfile";

class LedgerSkeleton : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(skeleton_); }

  [[nodiscard]] std::vector<const bpf_program*> programs() const {
    std::vector<const bpf_program*> found;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) found.push_back(program);
    return found;
  }

  Skeleton<ledger_bpf> skeleton_{ledger_bpf::open()};
};

std::string_view section_of(const bpf_program* program) {
  std::string_view section = bpf_program__section_name(program);
  if (section.starts_with('?')) section.remove_prefix(1);
  return section;
}

TEST_F(LedgerSkeleton, NoProgramIsLoadedUnlessAskedFor) {
  EXPECT_FALSE(programs().empty());
  for (const auto* program : programs()) {
    EXPECT_FALSE(bpf_program__autoload(program)) << bpf_program__name(program);
  }
}

// The name says where a program sits: plans are made of names alone.
TEST_F(LedgerSkeleton, SectionsAreWhatTheNamesSay) {
  for (const auto* program : programs()) {
    const std::string name = bpf_program__name(program);
    if (name == kSeedProgram) {
      EXPECT_EQ(section_of(program), "iter/task_file");
      continue;
    }
    const auto [kind, function] = program_target(name);
    EXPECT_EQ(section_of(program), std::string(kind) + "/" + std::string(function)) << name;
  }
}

TEST_F(LedgerSkeleton, LibbpfTakesEachForWhatItsNameSays) {
  for (const auto* program : programs()) {
    const std::string_view name = bpf_program__name(program);
    const bool probe = name.starts_with("kprobe__") || name.starts_with("kretprobe__");
    EXPECT_EQ(bpf_program__type(program), probe ? BPF_PROG_TYPE_KPROBE : BPF_PROG_TYPE_TRACING)
        << name;
  }
}

TEST_F(LedgerSkeleton, FamiliesNeedEveryProgramAndNoOther) {
  std::vector<std::string> compiled;
  for (const auto* program : programs()) {
    if (bpf_program__name(program) != std::string_view(kSeedProgram)) {
      compiled.emplace_back(bpf_program__name(program));
    }
  }
  std::set<std::string> needed;
  for (const auto& family : ledger_families()) {
    for (const auto program : programs_of(family)) needed.emplace(program);
  }
  EXPECT_THAT(needed, UnorderedElementsAreArray(compiled));
}

TEST_F(LedgerSkeleton, OnlyTheMakingOfAnonymousFilesIsShared) {
  std::set<std::string_view> seen;
  for (const auto& family : ledger_families()) {
    for (const auto program : programs_of(family)) {
      if (program.ends_with(kShared)) continue;
      EXPECT_TRUE(seen.insert(program).second) << program << " again in " << family.name;
    }
  }
}

// What was armed is found again under these names.
TEST_F(LedgerSkeleton, HasTheMapsThatAreRead) {
  for (const auto* name : {"ledger", "objects", "sums", "closes", "dma", "removals", "counts",
                           "meta", "events", "watched_inodes", "operations"}) {
    EXPECT_NE(bpf_object__find_map_by_name(skeleton_->obj, name), nullptr) << name;
  }
  EXPECT_NE(bpf_map__map_flags(skeleton_->maps.meta) & BPF_F_MMAPABLE, 0U)
      << "user space must not write over the generation";
}

}  // namespace
}  // namespace vmleak
