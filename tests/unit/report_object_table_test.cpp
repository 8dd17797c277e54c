// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/object_table.h"
#include "report_values.h"

namespace vmleak {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using vmleak::testing::held_device;

Book book_with_device() {
  Book book;
  book.nodes = {{"vfio_device:0000:5c:00.0",
                 NodeKind::kVfioDevice,
                 "",
                 "",
                 0xffff888012345678,
                 {},
                 VfioDeviceFacts{}},
                {"process:8733", NodeKind::kProcess, "", "", 0, {}, ProcessFacts{}}};
  return book;
}

Explanation idle_module() {
  Explanation it;
  it.object = {"module", "vfio", "vfio"};
  it.counters = {{it.object, "refcount", 12, {}, 0, 0}};
  return it;
}

TEST(ObjectTable, ListsOnlyCountedObjects) {
  EXPECT_EQ(object_nodes(book_with_device()), std::vector<NodeId>{"vfio_device:0000:5c:00.0"});
}

TEST(ObjectTable, AlignsNumbersToTheRight) {
  const ObjectTableOptions options{.columns = *parse_columns("kind,refs,holders")};
  EXPECT_EQ(object_table({held_device(), idle_module()}, book_with_device(), options),
            "KIND        REFS HOLDERS\n"
            "vfio_device    2 containerd-shim 8733, backup 99\n"
            "module        12 -\n");
}

TEST(ObjectTable, IsReadableByProgramsWhenRaw) {
  const ObjectTableOptions options{
      .columns = *parse_columns("KIND,NAME,OWNER"), .headings = false, .raw = true};
  EXPECT_EQ(object_table({held_device(), idle_module()}, book_with_device(), options),
            "vfio_device 0000:5c:00.0\\x20NVIDIA\\x20A100 kata-9f\n"
            "module vfio -\n");
}

TEST(ObjectTable, ShowsAddressesOnlyWhenAsked) {
  ObjectTableOptions options{.columns = *parse_columns("ADDRESS"), .headings = false};
  EXPECT_EQ(object_table({held_device()}, book_with_device(), options), "-\n");
  options.addresses = true;
  EXPECT_EQ(object_table({held_device()}, book_with_device(), options), "0xffff888012345678\n");
}

TEST(ObjectTable, NamesTheColumnsThereAreWhenOneIsUnknown) {
  const auto columns = parse_columns("KIND,SIZE");
  ASSERT_FALSE(columns);
  EXPECT_THAT(columns.error().message, HasSubstr("unknown column \"SIZE\"; there are KIND, ID"));
  EXPECT_FALSE(parse_columns("KIND,"));
  EXPECT_FALSE(parse_columns(","));
}

TEST(ObjectTable, EveryDocumentedColumnWorks) {
  const std::string all =
      "KIND,ID,NAME,OWNER,UUID,VERDICT,COUNTER,REFS,UNACCOUNTED,BOUND,COUNTERS,HOLDERS,STATE,"
      "FINDINGS,ADDRESS";
  const ObjectTableOptions options{.columns = *parse_columns(all)};
  const auto document =
      json::parse(object_json_table({held_device()}, book_with_device(), options));
  EXPECT_EQ(document["schema"], "vmleak.objects/1");
  const auto& row = document["objects"][0];
  EXPECT_EQ(row["kind"], "vfio_device");
  EXPECT_EQ(row["verdict"], "held");
  EXPECT_EQ(row["counter"], "refcount");
  EXPECT_EQ(row["refs"], 2);
  EXPECT_EQ(row["unaccounted"], 0);
  EXPECT_EQ(row["counters"], "refcount=2");
  EXPECT_EQ(row["findings"], "b07e44");
  EXPECT_TRUE(row["uuid"].is_null());
  EXPECT_TRUE(row["address"].is_null());
}

}  // namespace
}  // namespace vmleak
