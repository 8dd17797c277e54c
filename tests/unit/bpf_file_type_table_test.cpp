// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "bpf/file_type_table.h"
#include "model/reference_class.h"

namespace vmleak {
namespace {

TEST(FileTypeTable, NamesEachTypeAndFunctionOnce) {
  std::set<vmleak_file_type> types;
  std::set<std::string_view> names;
  std::set<std::string_view> functions;
  for (const auto& row : file_type_table()) {
    EXPECT_TRUE(types.insert(row.type).second) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(functions.insert(row.function).second) << row.name;
    EXPECT_EQ(file_type_name(row.type), row.name);
  }
}

TEST(FileTypeTable, HasARowForEveryType) {
  for (int type = VMLEAK_FILE_OTHER + 1; type <= VMLEAK_FILE_IMAGE; ++type) {
    EXPECT_NE(file_type_name(static_cast<std::uint32_t>(type)), "?") << type;
  }
}

TEST(FileTypeTable, DoesNotKnowOtherTypes) {
  EXPECT_EQ(file_type_name(VMLEAK_FILE_OTHER), "?");
  EXPECT_EQ(file_type_name(VMLEAK_FILE_IMAGE + 1), "?");
  EXPECT_EQ(file_type_name(0xffff'ffff), "?");
}

// A file of KVM's is at the same time the class of its reference on the VM.
TEST(FileTypeTable, FilesThatKeepAVmAreClassesOfItsCounter) {
  for (const auto type :
       {VMLEAK_FILE_KVM_VM, VMLEAK_FILE_KVM_VCPU, VMLEAK_FILE_KVM_DEVICE, VMLEAK_FILE_KVM_VM_STATS,
        VMLEAK_FILE_KVM_VCPU_STATS, VMLEAK_FILE_KVM_GUEST_MEMFD, VMLEAK_FILE_KVM_DEBUGFS}) {
    const auto* row = find_reference_class(file_type_name(type));
    ASSERT_NE(row, nullptr) << file_type_name(type);
    EXPECT_EQ(row->counter, "users_count") << row->name;
  }
}

}  // namespace
}  // namespace vmleak
