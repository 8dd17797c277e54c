// SPDX-License-Identifier: Apache-2.0
//
// Books of VFIO and IOMMU groups.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "book_queries.h"
#include "bpf/book_builder.h"
#include "bpf_records.h"

namespace vmleak {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kGroup = 0xffff'0000'0010'0000;
constexpr std::uint64_t kIommuGroup = 0xffff'0000'0011'0000;
constexpr std::uint64_t kContainer = 0xffff'0000'0012'0000;
constexpr std::uint64_t kDevice = 0xffff'0000'0013'0000;
constexpr std::uint64_t kGroupFile = 0xffff'0000'0014'0000;
constexpr std::uint64_t kContainerFile = 0xffff'0000'0015'0000;
constexpr std::uint64_t kDeviceFile = 0xffff'0000'0016'0000;
constexpr std::uint64_t kKvmDevice = 0xffff'0000'0017'0000;
constexpr std::uint64_t kKvmDeviceFile = 0xffff'0000'0018'0000;

vmleak_vfio_device_record device_record(std::uint64_t address, std::int64_t refcount,
                                        std::int64_t open_count) {
  vmleak_vfio_device_record record{};
  record.device = address;
  record.group = kGroup;
  record.refcount = refcount;
  record.open_count = open_count;
  set_text(record.name, "0000:01:00.0");
  set_text(record.driver, "vfio-pci");
  return record;
}

vmleak_iommu_member_record member_record(std::string_view name, std::string_view driver,
                                         bool managed) {
  vmleak_iommu_member_record record{};
  record.group = kIommuGroup;
  record.driver_managed_dma = managed ? 1 : 0;
  set_text(record.name, name);
  set_text(record.driver, driver);
  return record;
}

// A device bound to vfio-pci that nobody uses.
KernelRecords idle_device() {
  KernelRecords records;
  vmleak_vfio_group_record group{};
  group.group = kGroup;
  group.iommu_group = kIommuGroup;
  group.drivers = 1;
  group.number = 42;
  records.vfio_groups = {group};
  records.vfio_devices = {device_record(kDevice, 1, 0)};
  vmleak_iommu_group_record iommu_group{};
  iommu_group.group = kIommuGroup;
  iommu_group.number = 42;
  iommu_group.devices_kobj = 2;
  records.iommu_groups = {iommu_group};
  records.iommu_members = {member_record("0000:01:00.0", "vfio-pci", true)};
  return records;
}

// The same with a QEMU that has it, as measured on Linux 6.12.
KernelRecords device_in_use() {
  auto records = idle_device();
  records.kvms = {vm_record(3)};
  records.mms = {mm_record(1)};
  records.tasks = {task_record(kQemu, kQemu)};
  auto& group = records.vfio_groups[0];
  group.container = kContainer;
  group.opened_file = kGroupFile;
  group.container_users = 2;
  group.kvm = kVm;
  auto& device = records.vfio_devices[0];
  device.refcount = 2;
  device.open_count = 1;
  device.kvm = kVm;
  device.holds_kvm = 1;
  vmleak_vfio_container_record container{};
  container.container = kContainer;
  container.kref = 2;
  container.groups = 1;
  set_text(container.driver, "vfio-iommu-type1");
  records.vfio_containers = {container};
  vmleak_dma_user_record user{};
  user.container = kContainer;
  user.mm = kVmMm;
  user.bytes = 1 << 20;
  user.tgid = static_cast<std::int32_t>(kQemu);
  set_text(user.comm, "qemu-system-x86");
  records.dma_users = {user, user};
  records.iommu_groups[0].owner = kGroup;
  records.iommu_groups[0].owner_cnt = 1;

  const auto group_file = file_of(kGroupFile, VMLEAK_FILE_VFIO_GROUP, kGroup, 3);
  auto kvm_device = file_of(kKvmDeviceFile, VMLEAK_FILE_KVM_DEVICE, kVm);
  kvm_device.via = kKvmDevice;
  records.fds = {
      fd_record(kQemu, 9, file_of(kVmFile, VMLEAK_FILE_KVM_VM, kVm)),
      fd_record(kQemu, 10, kvm_device), fd_record(kQemu, 11, group_file),
      fd_record(kQemu, 12, file_of(kContainerFile, VMLEAK_FILE_VFIO_CONTAINER, kContainer)),
      fd_record(kQemu, 13, file_of(kDeviceFile, VMLEAK_FILE_VFIO_DEVICE, kDevice))};
  records.holds = {hold_record(group_file, VMLEAK_HOLD_GROUP_OPENED, kGroup),
                   hold_record(group_file, VMLEAK_HOLD_KVM_VFIO, kKvmDevice)};
  records.kvm_of_device = {{kKvmDevice, kVm}};
  return records;
}

TEST(BookOfVfio, AnIdleDeviceIsExplainedByItsRegistrationAlone) {
  const auto book = build_book(idle_device(), book_options());
  EXPECT_THAT(unbalanced(book), IsEmpty());
  const auto& device = only_node(book, NodeKind::kVfioDevice);
  EXPECT_EQ(device.id, "vfio_device:0000:01:00.0");
  EXPECT_THAT(classes_on(book, device.id), ElementsAre("vfio-device/registered"));
  EXPECT_THAT(classes_on(book, "vfio_group:42"), ElementsAre("vfio-group/device"));
  EXPECT_THAT(classes_on(book, "iommu_group:42"),
              UnorderedElementsAre("iommu-group/member", "iommu-group/vfio-group"));
}

// The number may be another group's by now.
TEST(BookOfVfio, AGroupThatItsDeviceHasLeftHasNoNumber) {
  for (const bool keeps_pointer : {false, true}) {
    KernelRecords records;
    vmleak_vfio_group_record group{};
    group.group = kGroup;
    group.iommu_group = keeps_pointer ? kIommuGroup : 0;
    group.number = keeps_pointer ? 42 : 0;
    records.vfio_groups = {group};
    const auto book = build_book(records, book_options());
    const auto& node = only_node(book, NodeKind::kVfioGroup);
    EXPECT_EQ(std::get<VfioGroupFacts>(node.facts).number, -1);
    EXPECT_EQ(node.name, "without a device");
  }
}

TEST(BookOfVfio, EveryCountOfADeviceInUseIsExplained) {
  const auto book = build_book(device_in_use(), book_options());
  EXPECT_THAT(unbalanced(book), IsEmpty());
  EXPECT_THAT(
      classes_on(book, "vfio_device:0000:01:00.0"),
      UnorderedElementsAre("vfio-device/registered", "vfio-device/file", "vfio-device/open"));
  EXPECT_THAT(classes_on(book, only_node(book, NodeKind::kKvm).id),
              UnorderedElementsAre("kvm/vm-file", "kvm/device-file", "kvm/vfio-device"));
  EXPECT_THAT(classes_on(book, node_of_type(book, "vfio/group-file").id),
              UnorderedElementsAre("file/fd", "file/kvm-vfio", "file/vfio-device-open"));
}

TEST(BookOfVfio, KvmVfioHoldsThroughItsFile) {
  const auto book = build_book(device_in_use(), book_options());
  for (const auto& reference : references_on(book, node_of_type(book, "vfio/group-file").id)) {
    if (reference.cls != "file/kvm-vfio") continue;
    EXPECT_EQ(reference.holder, node_of_type(book, "kvm/device-file").id);
  }
}

TEST(BookOfVfio, WithoutItsFileTheVmHoldsWhatKvmVfioHas) {
  auto records = device_in_use();
  std::erase_if(records.fds, [](const auto& fd) { return fd.fd == 10; });
  const auto book = build_book(records, book_options());
  bool found = false;
  for (const auto& reference : references_on(book, node_of_type(book, "vfio/group-file").id)) {
    if (reference.cls != "file/kvm-vfio") continue;
    found = true;
    EXPECT_EQ(reference.holder, only_node(book, NodeKind::kKvm).id);
  }
  EXPECT_TRUE(found);
}

// Until Linux 6.2 every open file of a device took what later its first takes.
TEST(BookOfVfio, OldKernelsCountEveryOpenDeviceFile) {
  auto records = device_in_use();
  records.vfio_devices[0].open_count = 2;
  auto options = book_options();
  const auto sum = [&](std::string_view cls) {
    std::int64_t found = 0;
    for (const auto& reference : build_book(records, options).references) {
      if (reference.cls == cls) found += reference.count;
    }
    return found;
  };
  EXPECT_EQ(sum("vfio-group/open-device"), 1);
  EXPECT_EQ(sum("file/vfio-device-open"), 1);
  options.counts_device_files = true;
  EXPECT_EQ(sum("vfio-group/open-device"), 2);
  EXPECT_EQ(sum("file/vfio-device-open"), 2);
}

TEST(BookOfVfio, ADeviceThatOnlyPointsToItsVmDoesNotHoldIt) {
  auto records = device_in_use();
  records.vfio_devices[0].holds_kvm = 0;
  EXPECT_THAT(classes(build_book(records, book_options())), Not(Contains("kvm/vfio-device")));
}

TEST(BookOfVfio, DmaOfOneProcessIsAddedUp) {
  const auto book = build_book(device_in_use(), book_options());
  const auto& users =
      std::get<VfioContainerFacts>(only_node(book, NodeKind::kVfioContainer).facts).dma_users;
  ASSERT_EQ(users.size(), 1);
  EXPECT_EQ(users[0].bytes, 2U << 20);
  EXPECT_EQ(users[0].pid, kQemu);
  EXPECT_FALSE(users[0].exited);
}

// After remove and rescan an old device, still referenced, and the new one have
// the same PCI address.
TEST(BookOfVfio, TwoDevicesAtOneAddressAreTwoNodes) {
  auto records = idle_device();
  records.vfio_devices.push_back(device_record(kDevice + 0x1000, 1, 0));
  const auto book = build_book(records, book_options());
  const auto devices = nodes_of_kind(book, NodeKind::kVfioDevice);
  ASSERT_EQ(devices.size(), 2);
  EXPECT_EQ(devices[0]->id, "vfio_device:0000:01:00.0");
  EXPECT_TRUE(devices[1]->id.starts_with("vfio_device:0000:01:00.0~")) << devices[1]->id;
  for (const auto* device : devices) {
    EXPECT_THAT(classes_on(book, device->id), ElementsAre("vfio-device/registered"));
    EXPECT_EQ(std::get<VfioDeviceFacts>(device->facts).pci_address, "0000:01:00.0");
  }
}

TEST(BookOfVfio, AGroupIsNotViableWhenAHostDriverHasAMember) {
  auto records = idle_device();
  records.iommu_members.push_back(member_record("0000:01:00.1", "snd_hda_intel", false));
  records.iommu_members.push_back(member_record("0000:01:00.2", "", false));
  records.iommu_groups[0].devices_kobj = 4;
  records.iommu_groups[0].owner_cnt = 1;
  const auto book = build_book(records, book_options());
  const auto& facts = std::get<IommuGroupFacts>(only_node(book, NodeKind::kIommuGroup).facts);
  EXPECT_FALSE(facts.viable);
  ASSERT_EQ(facts.members.size(), 3);
  EXPECT_EQ(facts.members[1].driver, "snd_hda_intel");
  EXPECT_THAT(unbalanced(book), IsEmpty());
}

TEST(BookOfVfio, AVhostWorkerKeepsTheAddressSpaceAndItsFiles) {
  constexpr std::uint64_t kVhostFile = 0xffff'0000'0020'0000;
  KernelRecords records;
  records.mms = {mm_record(1)};
  const auto vhost_file = file_of(kVhostFile, VMLEAK_FILE_VHOST_NET, 0);
  records.fds = {fd_record(kOtherProcess, 18, vhost_file)};
  vmleak_vhost_record vhost{};
  vhost.file = kVhostFile;
  vhost.mm = kVmMm;
  vhost.worker_tid = 4715;
  set_text(vhost.worker_comm, "vhost-4711");
  records.vhosts = {vhost};
  const auto book = build_book(records, book_options());
  EXPECT_THAT(unbalanced(book), IsEmpty());
  const auto users = references_on(book, only_node(book, NodeKind::kMm).id);
  ASSERT_EQ(users.size(), 1);
  EXPECT_EQ(users[0].cls, "mm/vhost");
  EXPECT_EQ(users[0].holder, node_of_type(book, "vhost/net-file").id);
  EXPECT_EQ(users[0].detail, "worker vhost-4711 (4715)");
}

}  // namespace
}  // namespace vmleak
