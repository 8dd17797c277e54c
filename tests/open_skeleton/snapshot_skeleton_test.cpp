// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "bpf/handles.h"
#include "bpf/snapshot_programs.h"
#include "snapshot.skel.h"

namespace vmleak {
namespace {

using ::testing::UnorderedElementsAreArray;

class SnapshotSkeleton : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(skeleton_); }

  [[nodiscard]] std::vector<const bpf_program*> programs() const {
    std::vector<const bpf_program*> found;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) found.push_back(program);
    return found;
  }

  Skeleton<snapshot_bpf> skeleton_{snapshot_bpf::open()};
};

TEST_F(SnapshotSkeleton, NoProgramIsLoadedUnlessAskedFor) {
  EXPECT_FALSE(programs().empty());
  for (const auto* program : programs()) {
    EXPECT_FALSE(bpf_program__autoload(program)) << bpf_program__name(program);
  }
}

// <kind>__<what it reads>: the kind is that of the section.
TEST_F(SnapshotSkeleton, NamesBeginWithTheKindOfTheirSection) {
  for (const auto* program : programs()) {
    const std::string_view name = bpf_program__name(program);
    const std::string_view section = bpf_program__section_name(program);
    if (name.starts_with("iter__")) {
      EXPECT_TRUE(section.starts_with("?iter/") || section.starts_with("iter/")) << name;
    } else {
      EXPECT_TRUE(name.starts_with("run__")) << name;
      EXPECT_TRUE(section == "?syscall" || section == "syscall") << name << " in " << section;
    }
  }
}

TEST_F(SnapshotSkeleton, TheTablesNameEveryProgramOnce) {
  std::vector<std::string> compiled;
  for (const auto* program : programs()) compiled.emplace_back(bpf_program__name(program));
  EXPECT_THAT(SnapshotPrograms::program_names(), UnorderedElementsAreArray(compiled));
}

TEST_F(SnapshotSkeleton, LibbpfTakesEachForWhatItsNameSays) {
  for (const auto* program : programs()) {
    const std::string_view name = bpf_program__name(program);
    const auto expected = name.starts_with("run__") ? BPF_PROG_TYPE_SYSCALL : BPF_PROG_TYPE_TRACING;
    EXPECT_EQ(bpf_program__type(program), expected) << name;
  }
}

}  // namespace
}  // namespace vmleak
