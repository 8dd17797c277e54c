// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>

#include "model/reference_class.h"

namespace vmleak {
namespace {

TEST(ReferenceClasses, HaveUniqueNames) {
  std::set<std::string_view> names;
  for (const auto& row : reference_classes()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(find_reference_class(row.name), &row);
  }
  EXPECT_EQ(find_reference_class("kvm/nothing"), nullptr);
  EXPECT_EQ(find_reference_class(""), nullptr);
}

// What stands before the slash is what the reference keeps.
TEST(ReferenceClasses, AreNamedAfterWhatTheyKeep) {
  const std::map<NodeKind, std::string_view> prefixes{{NodeKind::kKvm, "kvm"},
                                                      {NodeKind::kOpenFile, "file"},
                                                      {NodeKind::kVfioDevice, "vfio-device"},
                                                      {NodeKind::kVfioGroup, "vfio-group"},
                                                      {NodeKind::kVfioContainer, "vfio-container"},
                                                      {NodeKind::kIommuGroup, "iommu-group"},
                                                      {NodeKind::kMm, "mm"},
                                                      {NodeKind::kModule, "module"},
                                                      {NodeKind::kIoUring, "io-uring"},
                                                      {NodeKind::kEventfd, "eventfd"},
                                                      {NodeKind::kFile, "image"}};
  for (const auto& row : reference_classes()) {
    const auto slash = row.name.find('/');
    ASSERT_NE(slash, std::string_view::npos) << row.name;
    ASSERT_TRUE(prefixes.contains(row.held)) << row.name;
    EXPECT_EQ(row.name.substr(0, slash), prefixes.at(row.held));
    EXPECT_GT(row.name.size(), slash + 1) << row.name;
  }
}

TEST(ReferenceClasses, CountInCountersOfWhatTheyKeep) {
  const std::map<NodeKind, std::set<std::string_view>> counters{
      {NodeKind::kKvm, {"users_count"}},
      {NodeKind::kOpenFile, {"f_count"}},
      {NodeKind::kVfioDevice, {"refcount", "open_count"}},
      {NodeKind::kVfioGroup, {"drivers", "container_users", "opened_file"}},
      {NodeKind::kVfioContainer, {"kref"}},
      {NodeKind::kIommuGroup, {"owner_cnt", "devices_kobj"}},
      {NodeKind::kMm, {"mm_users"}},
      {NodeKind::kModule, {"refcount"}},
      {NodeKind::kEventfd, {"kref"}}};
  for (const auto& row : reference_classes()) {
    if (row.counter.empty()) continue;
    ASSERT_TRUE(counters.contains(row.held)) << row.name;
    EXPECT_TRUE(counters.at(row.held).contains(row.counter)) << row.name;
  }
}

TEST(ReferenceClasses, SayWhereTheyAreTakenAndGivenBack) {
  for (const auto& row : reference_classes()) {
    EXPECT_FALSE(row.taken_in.empty()) << row.name;
    EXPECT_FALSE(row.dropped_in.empty()) << row.name;
    EXPECT_NE(row.taken_in, row.dropped_in) << row.name;
  }
}

// Rules that look for a culprit leave out what an idle object has, and nothing
// that a user takes.
TEST(ReferenceClasses, AreStructuralWhenAnIdleObjectHasThem) {
  for (const auto* name : {"vfio-device/registered", "vfio-group/device", "iommu-group/driver",
                           "iommu-group/member", "iommu-group/vfio-group", "module/dependent"}) {
    ASSERT_NE(find_reference_class(name), nullptr) << name;
    EXPECT_TRUE(find_reference_class(name)->structural) << name;
  }
  for (const auto& row : reference_classes()) {
    const bool taken_by_users = row.held == NodeKind::kKvm || row.held == NodeKind::kOpenFile ||
                                row.held == NodeKind::kMm || row.held == NodeKind::kVfioContainer;
    EXPECT_FALSE(taken_by_users && row.structural) << row.name;
  }
}

}  // namespace
}  // namespace vmleak
