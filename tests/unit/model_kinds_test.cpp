// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "model/kinds.h"
#include "model/node.h"

namespace vmleak {
namespace {

TEST(NodeKind, HasANameThatLeadsBack) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(NodeKind::kDriver); ++i) {
    const auto kind = static_cast<NodeKind>(i);
    const auto name = to_string(kind);
    EXPECT_NE(name, "?") << i;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(node_kind_from(name), kind);
    EXPECT_EQ(nlohmann::json(kind), name);
    EXPECT_EQ(nlohmann::json(name).get<NodeKind>(), kind);
  }
}

TEST(Verdict, HasANameThatLeadsBack) {
  for (int i = 0; i <= static_cast<int>(Verdict::kInconclusive); ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_NE(to_string(verdict), "?") << i;
    EXPECT_EQ(verdict_from(to_string(verdict)), verdict);
  }
}

TEST(OtherNames, LeadBack) {
  for (int i = 0; i <= static_cast<int>(OwnerState::kUnknown); ++i) {
    const auto state = static_cast<OwnerState>(i);
    EXPECT_EQ(nlohmann::json(state).get<OwnerState>(), state);
  }
  for (int i = 0; i <= static_cast<int>(Tier::kProc); ++i) {
    const auto tier = static_cast<Tier>(i);
    EXPECT_EQ(nlohmann::json(tier).get<Tier>(), tier);
  }
  for (int i = 0; i <= static_cast<int>(FamilyState::kStale); ++i) {
    const auto state = static_cast<FamilyState>(i);
    EXPECT_EQ(nlohmann::json(state).get<FamilyState>(), state);
  }
}

TEST(Names, ThatAreUnknownAreRefused) {
  EXPECT_FALSE(node_kind_from("vfio"));
  EXPECT_FALSE(node_kind_from(""));
  EXPECT_FALSE(verdict_from("LEAKED"));
  EXPECT_THROW(static_cast<void>(nlohmann::json("lost").get<Verdict>()), nlohmann::json::exception);
  EXPECT_THROW(static_cast<void>(nlohmann::json(3).get<NodeKind>()), nlohmann::json::exception);
  EXPECT_THROW(static_cast<void>(nlohmann::json(nullptr).get<Tier>()), nlohmann::json::exception);
}

TEST(NodeId, IsKindAndLocalId) {
  const auto id = make_node_id(NodeKind::kVfioDevice, "0000:8a:00.0");
  EXPECT_EQ(id, "vfio_device:0000:8a:00.0");
  EXPECT_EQ(local_id(id), "0000:8a:00.0");
}

}  // namespace
}  // namespace vmleak
