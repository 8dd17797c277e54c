// SPDX-License-Identifier: Apache-2.0

// IOMMU groups, PCI devices, debugfs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "host/debugfs.h"
#include "host/iommu_groups.h"
#include "host/pci.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

HostTree& add_member(HostTree& tree, int group, const std::string& address,
                     const std::string& driver) {
  const std::string directory =
      fmt::format("/sys/kernel/iommu_groups/{}/devices/{}/", group, address);
  tree.directory(directory);
  if (!driver.empty()) tree.link(directory + "driver", "../../bus/pci/drivers/" + driver);
  return tree;
}

TEST(IommuGroups, HaveMembersWithDrivers) {
  HostTree tree;
  add_member(tree, 10, "0000:8a:00.0", "vfio-pci");
  add_member(tree, 10, "0000:8a:00.1", "snd_hda_intel");
  add_member(tree, 2, "0000:00:01.0", "pcieport");
  add_member(tree, 2, "0000:01:00.0", "");
  tree.directory("/sys/kernel/iommu_groups/not-a-number/devices");
  tree.directory("/sys/kernel/iommu_groups/3");  // going away: its devices are gone
  const auto groups = read_iommu_groups(tree.root());
  ASSERT_TRUE(groups) << groups.error().message;
  ASSERT_THAT(*groups, SizeIs(2));
  const auto& second = (*groups)[0];
  EXPECT_EQ(second.number, 2) << "by number, not by name";
  ASSERT_THAT(second.members, SizeIs(2));
  EXPECT_EQ(second.members[0].driver, "pcieport");
  EXPECT_TRUE(second.members[0].driver_managed_dma);
  EXPECT_EQ(second.members[1].driver, "");
  EXPECT_TRUE(second.viable());
  const auto& tenth = (*groups)[1];
  EXPECT_EQ(tenth.members[0].address, "0000:8a:00.0");
  EXPECT_TRUE(tenth.members[0].driver_managed_dma);
  EXPECT_FALSE(tenth.members[1].driver_managed_dma);
  EXPECT_FALSE(tenth.viable()) << "the sound driver owns the group's DMA";
}

TEST(IommuGroups, AreNoneWithoutAnIommu) {
  const auto groups = read_iommu_groups(HostTree().root());
  ASSERT_TRUE(groups);
  EXPECT_THAT(*groups, IsEmpty());
}

TEST(IommuGroups, CanBeOpened) {
  HostTree tree;
  add_member(tree, 7, "0000:8a:00.0", "vfio-pci");
  const auto handles = open_iommu_groups(tree.root());
  ASSERT_TRUE(handles);
  ASSERT_THAT(*handles, SizeIs(1));
  EXPECT_EQ((*handles)[0].number, 7);
  const int flags = ::fcntl((*handles)[0].directory.get(), F_GETFL);
  EXPECT_NE(flags & O_PATH, 0);
}

TEST(DriverManagedDma, OfVfioItsVariantsAndStubs) {
  for (const std::string_view driver :
       {"vfio-pci", "mlx5_vfio_pci", "hisi-acc-vfio-pci", "nvgrace-gpu-vfio-pci", "pci-stub",
        "pcieport", "vfio-platform"}) {
    EXPECT_TRUE(has_driver_managed_dma(driver)) << driver;
  }
  for (const std::string_view driver : {"", "nvidia", "nvme", "shpchp", "vfio", "vfio-pci-x"}) {
    EXPECT_FALSE(has_driver_managed_dma(driver)) << driver;
  }
}

HostTree& add_device(HostTree& tree) {
  const std::string directory = "/sys/bus/pci/devices/0000:8a:00.0/";
  return tree.file(directory + "vendor", "0x10de\n")
      .file(directory + "device", "0x20f1\n")
      .file(directory + "class", "0x030200\n")
      .link(directory + "driver", "../../../bus/pci/drivers/vfio-pci")
      .link(directory + "iommu_group", "../../../kernel/iommu_groups/42");
}

TEST(PciDevice, IsRead) {
  HostTree tree;
  add_device(tree);
  const auto device = read_pci_device(tree.root(), "0000:8a:00.0");
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->vendor, 0x10de);
  EXPECT_EQ(device->device, 0x20f1);
  EXPECT_EQ(device->class_code, 0x030200U);
  EXPECT_EQ(device->driver, "vfio-pci");
  EXPECT_EQ(device->iommu_group, 42);
  EXPECT_EQ(pci_class_name(device->class_code), "GPU");
}

TEST(PciDevice, MissingAndBrokenOnes) {
  HostTree tree;
  add_device(tree);
  EXPECT_TRUE(is_gone(read_pci_device(tree.root(), "0000:8b:00.0").error()));
  tree.file("/sys/bus/pci/devices/0000:8a:00.0/vendor", "0xfffff\n");
  const auto broken = read_pci_device(tree.root(), "0000:8a:00.0");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("\"0xfffff\" is no number"));
}

TEST(PciClass, HasShortNames) {
  EXPECT_EQ(pci_class_name(0x010802), "NVMe");
  EXPECT_EQ(pci_class_name(0x010700), "storage");
  EXPECT_EQ(pci_class_name(0x020000), "network");
  EXPECT_EQ(pci_class_name(0x030000), "GPU");
  EXPECT_EQ(pci_class_name(0x040300), "audio");
  EXPECT_EQ(pci_class_name(0x120000), "accelerator");
  EXPECT_EQ(pci_class_name(0xff0000), "device");
}

TEST(ShortPciName, LeavesOutLegalFormsAndChipCodes) {
  EXPECT_EQ(short_pci_name("NVIDIA Corporation", "GA100 [A100 PCIe 40GB]"),
            "NVIDIA A100 PCIe 40GB");
  EXPECT_EQ(short_pci_name("Advanced Micro Devices, Inc. [AMD/ATI]", "Navi 21 [Radeon RX 6800]"),
            "AMD/ATI Radeon RX 6800");
  EXPECT_EQ(short_pci_name("Intel Corporation", "82574L Gigabit Network Connection"),
            "Intel 82574L Gigabit Network Connection");
  EXPECT_EQ(short_pci_name("Red Hat, Inc.", "Virtio 1.0 block device"),
            "Red Hat Virtio 1.0 block device");
  EXPECT_EQ(short_pci_name("Mellanox Technologies", "MT28908 Family [ConnectX-6]"),
            "Mellanox ConnectX-6");
  EXPECT_EQ(short_pci_name(" Inc", "]"), " Inc ]");
  EXPECT_EQ(short_pci_name("[]", "a ]"), "[] a ]");
}

TEST(PciNames, AreNumbersWhenUnknown) {
  PciNames names;
  EXPECT_EQ(names.name(0xf0ff, 0x1234), "f0ff:1234");
}

TEST(PciNames, ComeFromTheIdList) {
  const HostRoot host;
  PciNames names;
  if (!names.available() || !host.open("/usr/share/misc/pci.ids", O_PATH)) {
    GTEST_SKIP() << "libpci or its list is not installed";
  }
  EXPECT_EQ(names.name(0x8086, 0x10d3), "Intel 82574L Gigabit Network Connection");
  EXPECT_EQ(names.name(0x8086, 0xfffe), "Intel 8086:fffe");
  PciNames moved = std::move(names);
  EXPECT_EQ(moved.name(0x8086, 0x10d3), "Intel 82574L Gigabit Network Connection");
}

TEST(DebugfsVmName, IsPidAndDescriptor) {
  const auto name = parse_debugfs_vm_name("4711-12");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->pid, 4711);
  EXPECT_EQ(name->fd, 12);
  for (const std::string_view other : {"", "-", "4711", "4711-", "-12", "a-1", "1-2-3", "--1-2",
                                       "99999999999999999999-1", "mmu_cache"}) {
    EXPECT_FALSE(parse_debugfs_vm_name(other)) << other;
  }
}

FileDescriptor open_directory(const HostTree& tree) {
  return FileDescriptor(::open(tree.at("/").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

TEST(DebugfsVms, AreListedWithOneFile) {
  HostTree tree;
  tree.file("/kvm/4711-12/exits", "1")
      .file("/kvm/4711-12/mmu_rmaps_stat", "1")
      .file("/kvm/4711-12/vcpu0/guest_mode", "1")
      .file("/kvm/99-3/exits", "1")
      .file("/kvm/99-3/blocking", "1")
      .directory("/kvm/100-3/vcpu0")  // no file: it is being removed
      .file("/kvm/exits", "1");
  const auto directory = open_directory(tree);
  constexpr std::string_view kPreferred[] = {"mmu_rmaps_stat"};
  const auto vms = list_debugfs_vms(directory.get(), kPreferred);
  ASSERT_TRUE(vms) << vms.error().message;
  ASSERT_THAT(*vms, SizeIs(2));
  EXPECT_EQ((*vms)[0].name, "4711-12");
  EXPECT_EQ((*vms)[0].pid, 4711);
  EXPECT_EQ((*vms)[0].fd, 12);
  EXPECT_EQ((*vms)[0].file, "mmu_rmaps_stat");
  EXPECT_NE(::fcntl((*vms)[0].handle.get(), F_GETFL) & O_PATH, 0);
  EXPECT_EQ((*vms)[1].file, "blocking");
}

TEST(DebugfsVms, AreNoneWithoutKvm) {
  const HostTree tree;
  const auto directory = open_directory(tree);
  const auto vms = list_debugfs_vms(directory.get());
  ASSERT_TRUE(vms);
  EXPECT_THAT(*vms, IsEmpty());
}

TEST(Debugfs, OpensAlsoUnmountedAndLeavesNoMount) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const HostRoot host;
  const auto mounts_before = host.read("/proc/self/mounts");
  const HostTree nothing_mounted;
  const auto debugfs = open_debugfs(nothing_mounted.root());
  if (!debugfs && debugfs.error().code == EPERM) GTEST_SKIP() << debugfs.error().message;
  ASSERT_TRUE(debugfs) << debugfs.error().message;
  struct statfs facts {};
  ASSERT_EQ(::fstatfs(debugfs->get(), &facts), 0);
  EXPECT_EQ(facts.f_type, DEBUGFS_MAGIC);
  EXPECT_TRUE(list_debugfs_vms(debugfs->get()));
  EXPECT_EQ(*host.read("/proc/self/mounts"), *mounts_before);
}

}  // namespace
}  // namespace vmleak
