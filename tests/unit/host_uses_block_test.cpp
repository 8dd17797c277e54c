// SPDX-License-Identifier: Apache-2.0
#include "host/mounts.h"
#include "host_uses_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum HostUseKind;

TEST(Mountinfo, IsReadAsTheKernelWritesIt) {
  const auto mounts = parse_mountinfo(
      "22 1 259:2 / / rw,relatime shared:1 master:2 - ext4 /dev/nvme0n1p2 rw\n"
      "23 1 0:31 / /mnt/a\\040b rw - 9p my\\134tag rw,trans=virtio\n");
  ASSERT_TRUE(mounts);
  ASSERT_EQ(mounts->size(), 2U);
  EXPECT_EQ((*mounts)[0].number, (DeviceNumber{259, 2}));
  EXPECT_EQ((*mounts)[0].source, "/dev/nvme0n1p2");
  EXPECT_EQ((*mounts)[1].point, "/mnt/a b");
  EXPECT_EQ((*mounts)[1].type, "9p");
  EXPECT_EQ((*mounts)[1].source, "my\\tag");
  for (const auto* wrong : {"22 1 259:2 / / rw ext4 /dev/sda rw\n", "22 1 x / / rw - a b c\n",
                            "22 1 259:2 / / rw -\n", "\n"}) {
    EXPECT_FALSE(parse_mountinfo(wrong)) << wrong;
  }
}

class HostBlockUses : public HostUsesTest {
 protected:
  HostBlockUses() {
    set_class("0x010802");
    disk = add("nvme/nvme0/nvme0n1", "block", "259:0", "nvme0n1");
    partition = add("nvme/nvme0/nvme0n1/nvme0n1p1", "block", "259:1", "nvme0n1p1");
    add("nvme/nvme0", "nvme", "241:0", "nvme0");
    tree.directory(disk + "/holders").directory(partition + "/holders");
  }
  std::string disk;
  std::string partition;
};

TEST_F(HostBlockUses, AnIdleDiskIsFreeOnceItWasOpenedExclusively) {
  EXPECT_THAT(uses(), IsEmpty());
  EXPECT_THAT(tried, ElementsAre("nvme0n1p1", "nvme0n1"));
}

TEST_F(HostBlockUses, Mounted) {
  tree.file("/proc/1/mountinfo", "1 0 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme0n1p1 is mounted on /srv")));
  EXPECT_THAT(tried, IsEmpty());
}

TEST_F(HostBlockUses, MountedByAFileSystemWithANumberOfItsOwn) {
  tree.file("/proc/self/mountinfo", "1 0 0:40 / /data rw - btrfs /dev/nvme0n1 rw\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme0n1 is mounted on /data")));
}

TEST_F(HostBlockUses, Swap) {
  tree.file("/proc/swaps",
            "Filename Type Size Used Priority\n/dev/nvme0n1p1 partition 1048572 0 -2\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme0n1p1 is swap")));
}

TEST_F(HostBlockUses, PartOfAVolume) {
  tree.directory(partition + "/holders/dm-3").file("/sys/class/block/dm-3/dm/name", "vg0-root\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme0n1p1 is a part of dm-3 (vg0-root)")));
}

TEST_F(HostBlockUses, KeptByAnOwnerThatIsNotSeen) {
  held = {"nvme0n1"};
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme0n1 is kept")));
}

TEST_F(HostBlockUses, OpenByAProgram) {
  open_node("812", "qemu-system-x86", "/dev/nvme0n1", {true, {259, 0}});
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme0n1 is open by qemu-system-x86 (812)")));
}

TEST_F(HostBlockUses, AnotherDevicesNodeIsNoUse) {
  open_node("812", "dd", "/dev/nvme1n1", {true, {259, 5}});
  open_node("813", "cat", "/dev/something", {false, {259, 0}});
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostBlockUses, MultipathNamespacesAreBelowTheSubsystem) {
  const std::string subsystem = "/sys/class/nvme-subsystem/nvme-subsys1";
  const auto path = add("nvme/nvme1/nvme1c1n1", "block");
  add("nvme/nvme1", "nvme", "241:1", "nvme1");
  tree.file(path + "/hidden", "1\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "is not found in")));
  tree.link(subsystem + "/nvme1", "../../pci/nvme/nvme1")
      .link(subsystem + "/nvme1n1/subsystem", "../../../class/block")
      .file(subsystem + "/nvme1n1/dev", "259:9\n")
      .file(subsystem + "/nvme1n1/uevent", "DEVNAME=nvme1n1\n");
  EXPECT_THAT(uses(), IsEmpty());
  held = {"nvme1n1"};
  EXPECT_THAT(uses(), ElementsAre(IsUse(kBlockDevice, "nvme1n1 is kept")));
}

TEST_F(HostBlockUses, BehindAControllerOfItsOwnDomain) {
  add_function("0000:00:0e.0", "0x010400", "vmd");
  add_function("0000:00:01.0", "0x060400", "pcieport");
  for (const std::string above : {"0000:00:0e.0", "0000:00:01.0"}) {
    add("pci10000:e0/10000:e0:06.0/nvme/nvme7/nvme7n1", "block", "259:7", "nvme7n1", above);
  }
  held = {"nvme7n1"};
  EXPECT_THAT(uses("0000:00:0e.0"), ElementsAre(IsUse(kBlockDevice, "nvme7n1 is kept")));
  EXPECT_THAT(uses("0000:00:01.0"), IsEmpty()) << "a bridge is not what is below it";
}

TEST_F(HostBlockUses, WhatCannotBeReadIsUnknown) {
  unreadable_disk = "nvme0n1";
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "Input/output error")));
  std::filesystem::remove(tree.at("/proc/swaps"));
  tree.file("/proc/1/mountinfo", "nonsense\n");
  held = {"nvme0n1p1"};
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "not a list of mounts"),
                                  IsUse(kUnknown, "/proc/swaps"), IsUse(kBlockDevice, "kept")));
}

TEST_F(HostBlockUses, ADiskWithoutANumberIsUnknown) {
  add("ata1/host0/block/sda", "block");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "sda has no device number")));
}

TEST_F(HostBlockUses, WithoutProcessesNothingIsKnown) {
  std::filesystem::remove_all(tree.at("/proc/1/fd"));
  tree.file("/proc/1/fd", "no directory\n");
  EXPECT_THAT(uses(), ::testing::Contains(IsUse(kUnknown, "/proc/1/fd")));
}

TEST_F(HostUsesTest, AFunctionThatIsNotThereIsUnknown) {
  EXPECT_THAT(uses("0000:8b:00.0"), ElementsAre(IsUse(kUnknown, "0000:8b:00.0")));
}

TEST(SystemProbes, TellDeviceNodesFromOtherFiles) {
  const auto probes = system_probes();
  const HostTree tree;
  const auto null = probes.device_node("/dev/null");
  ASSERT_TRUE(null) << null.error().message;
  EXPECT_EQ(*null, (DeviceNode{false, {1, 3}}));
  const auto directory = probes.device_node(tree.at("/"));
  ASSERT_TRUE(directory) << directory.error().message;
  EXPECT_EQ(*directory, std::nullopt);
  EXPECT_FALSE(probes.device_node(tree.at("/nothing")));
  EXPECT_FALSE(probes.is_held("null", {1, 3})) << "it is no disk";
  EXPECT_TRUE(probes.addresses());
}

TEST_F(HostUsesTest, OnlyWhatIsKnownCountsAsKnown) {
  std::vector<PciFunction> functions(2);
  functions[0].address = kAddress;
  functions[1].address = "0000:8b:00.0";
  HostUses(tree.root(), HostProbes()).add_to(functions);
  EXPECT_TRUE(functions[0].host_uses_known);
  EXPECT_THAT(functions[0].host_uses, IsEmpty());
  EXPECT_FALSE(functions[1].host_uses_known);
}

}  // namespace
}  // namespace vmleak
