// SPDX-License-Identifier: Apache-2.0

// The counters of VFIO in each state that a user can bring them into.  The
// values were measured on 6.1 and 6.12 by other means; every one of them is
// explained by the holders that are seen.

#include <gtest/gtest.h>

#include "support/actors.h"
#include "support/audit.h"
#include "support/books.h"
#include "support/check.h"
#include "support/requirement.h"
#include "support/vfio_user.h"

namespace vmleak::scenarios {
namespace {

// One state; a counter that does not exist in it has no value.
struct State {
  const char* name;
  void (*enter)(VfioUser& vfio);
  bool usable;  // by the process that has entered it
  std::int64_t device_refcount;
  std::int64_t open_count;
  std::int64_t container_users;
  std::int64_t owner_cnt;
  std::optional<std::int64_t> group_file_count;
  std::optional<std::int64_t> container_kref;
};

std::ostream& operator<<(std::ostream& stream, const State& state) { return stream << state.name; }

void nothing(VfioUser& /*vfio*/) {}
void group(VfioUser& vfio) { vfio.open_group(); }
void group_and_container(VfioUser& vfio) {
  vfio.open_group();
  vfio.open_container();
}
void all(VfioUser& vfio) { vfio.open_all(); }
void device_only(VfioUser& vfio) {
  vfio.open_all();
  vfio.close_container();
  vfio.close_group();
}
void mapping_only(VfioUser& vfio) {
  vfio.open_all();
  vfio.map_bar();
  vfio.close_files();
}

// clang-format off
const State kStates[] = {
    // name             enter                usable  refcount  open  users  owner  group file    container
    {"Nothing",         nothing,             true,   1,        0,    0,     0,     std::nullopt, std::nullopt},
    {"Group",           group,               false,  1,        0,    0,     0,     1,            std::nullopt},
    {"GroupContainer",  group_and_container, true,   1,        0,    1,     1,     1,            2},
    {"All",             all,                 true,   2,        1,    2,     1,     2,            2},
    {"DeviceOnly",      device_only,         true,   2,        1,    2,     1,     1,            1},
    {"MappingOnly",     mapping_only,        true,   2,        1,    2,     1,     1,            1},
};
// clang-format on

class VfioEquation : public testing::TestWithParam<State> {
 protected:
  void SetUp() override {
    REQUIRE_LAB("this machine has no VFIO device to spare");
    const auto devices = lab_devices("E1000E");
    ASSERT_EQ(devices.size(), 1U) << "start the lab with --device e1000e";
    device_ = std::make_unique<PciDevice>(devices[0], "vfio-pci");
  }

  // The value, and that all of it is explained.
  static void expect_counter(const Books& books, const std::string& node, std::string_view counter,
                             std::int64_t value) {
    EXPECT_EQ(books.counter(node, counter), value) << counter << " of " << node;
    EXPECT_EQ(books.unaccounted(node, counter), 0) << counter << " of " << node;
  }

  std::unique_ptr<PciDevice> device_;
};

TEST_P(VfioEquation, ClosesIn) {
  const auto& state = GetParam();
  const ChildProcess user("user", [&](const Stage& stage) {
    VfioUser vfio(device_->group_path(), device_->address());
    state.enter(vfio);
    stage.pause();
  });

  const auto books = Books::take();
  const auto device = books.node("vfio_device", "pci_address", device_->address());
  const auto group = books.node("vfio_group", "number", device_->iommu_group());
  const auto iommu_group = books.node("iommu_group", "number", device_->iommu_group());
  expect_counter(books, device, "refcount", state.device_refcount);
  expect_counter(books, device, "open_count", state.open_count);
  expect_counter(books, group, "drivers", 1);
  expect_counter(books, group, "container_users", state.container_users);
  expect_counter(books, iommu_group, "owner_cnt", state.owner_cnt);
  EXPECT_EQ(books.unaccounted(iommu_group, "devices_kobj"), 0);

  const std::string group_file = books.fact(group, "open_file");
  ASSERT_EQ(!group_file.empty(), state.group_file_count.has_value());
  if (state.group_file_count) {
    expect_counter(books, group_file, "f_count", *state.group_file_count);
  }
  const std::string container = books.fact(group, "container");
  ASSERT_EQ(!container.empty(), state.container_kref.has_value());
  if (state.container_kref) expect_counter(books, container, "kref", *state.container_kref);
  // A group alone can't be used, only kept from others.
  const auto audit = run_audit();
  EXPECT_TRUE(state.usable ? is_clean(audit) : has_one(audit, "held"));
}

INSTANTIATE_TEST_SUITE_P(States, VfioEquation, testing::ValuesIn(kStates),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

// With a VM that knows its devices.
TEST_F(VfioEquation, ClosesForAPassthroughVm) {
  const auto vmm = cast_passthrough_vmm(*device_);
  const auto books = Books::take();
  const auto kvm = books.node("kvm", "creator_pid", vmm->pid());
  EXPECT_EQ(books.unaccounted(kvm, "users_count"), 0);
  const auto group = books.node("vfio_group", "number", device_->iommu_group());
  const std::string group_file = books.fact(group, "open_file");
  // Its descriptor, the open device, kvm-vfio.
  expect_counter(books, group_file, "f_count", 3);
  for (const auto* module : {"vfio", "vfio_pci", "kvm"}) {
    EXPECT_EQ(books.unaccounted(fmt::format("module:{}", module), "refcount"), 0) << module;
  }
}

}  // namespace
}  // namespace vmleak::scenarios
