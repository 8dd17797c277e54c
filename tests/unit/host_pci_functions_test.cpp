// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/kernel_log.h"
#include "host/parking.h"
#include "host/pci_functions.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PciIdentity kGpu{"0000:8a:00.0", 0x10de, 0x20b0, 0x10de, 0x1450, 0x030200};

TEST(VfioIds, MatchAsTheDriverReadsThem) {
  EXPECT_TRUE(ids_match("10de:20b0", kGpu));
  EXPECT_TRUE(ids_match("8086:1533,10de:20b0", kGpu));
  EXPECT_TRUE(ids_match("10de:20b0:10de:1450", kGpu));
  EXPECT_TRUE(ids_match("10de:ffffffff:ffffffff:ffffffff:030000:ff0000", kGpu));
  EXPECT_FALSE(ids_match("10de:20b1", kGpu));
  EXPECT_FALSE(ids_match("10de:20b0:1043", kGpu));
  EXPECT_FALSE(ids_match("10de:20b0:10de:1450:020000:ff0000", kGpu));
  for (const auto* wrong : {"", ",", "10de", "10de:", "x:y", "10de-20b0"}) {
    EXPECT_FALSE(ids_match(wrong, kGpu)) << wrong;
  }
}

TEST(VfioIds, AreReadWhereTheyAreConfigured) {
  EXPECT_THAT(command_line_ids("quiet vfio-pci.ids=1:2 vfio_pci.ids=3:4 vfio-pci.disable_vga=1 "
                               "pci-stub.ids=5:6 ids=7:8\n"),
              ElementsAre("1:2", "3:4", "5:6"));
  EXPECT_THAT(modprobe_ids("# options vfio-pci ids=0:0\noptions vfio-pci disable_vga=1 \\\n"
                           "  ids=1:2\noptions vfio_pci ids=3:4\noptions other ids=5:6\n"
                           "softdep nvidia pre: vfio-pci\n"),
              ElementsAre("1:2", "3:4"));
}

TEST(KernelLog, NamesDriversAndTheirDevices) {
  const auto message = parse_kmsg_record(
      "6,812,5043210,-;e1000e 0000:8a:00.0 eth0: removed PHC\n SUBSYSTEM=pci\n "
      "DEVICE=+pci:0000:8a:00.0\n");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->driver, "e1000e");
  EXPECT_EQ(message->pci_address, "0000:8a:00.0");
  EXPECT_EQ(message->monotonic_ns, 5'043'210'000U);
  EXPECT_EQ(message->text, "e1000e 0000:8a:00.0 eth0: removed PHC");
  for (const auto* other :
       {"", "6", "6,1,x,-;e1000e 0000:8a:00.0: a\n DEVICE=+pci:0000:8a:00.0\n",
        "6,1,1,-;e1000e 0000:8a:00.0: a\n", "6,1,1,-;a b\n DEVICE=+pci:0000:8a:00.0\n",
        "6,1,1,-;usb 1-1: a\n DEVICE=+usb:1-1\n"}) {
    EXPECT_FALSE(parse_kmsg_record(other)) << other;
  }
}

class PciFunctions : public ::testing::Test {
 protected:
  void add(const std::string& address, const std::string& driver, const std::string& group) {
    const auto directory = "/sys/bus/pci/devices/" + address + "/";
    tree.file(directory + "vendor", "0x10de\n")
        .file(directory + "device", "0x20b0\n")
        .file(directory + "class", "0x030200\n")
        .file(directory + "driver_override", "(null)\n")
        .file(directory + "reset_method", "flr bus\n");
    if (!driver.empty()) tree.link(directory + "driver", "../../drivers/" + driver);
    if (!group.empty()) tree.link(directory + "iommu_group", "../../iommu_groups/" + group);
  }

  std::vector<std::string> addresses(const std::set<std::string>& named = {}) {
    PciNames names;
    const auto functions = read_pci_functions(tree.root(), named, 0, names);
    std::vector<std::string> out;
    if (!functions) return {functions.error().message};
    for (const auto& function : *functions) out.push_back(function.address);
    return out;
  }

  HostTree tree;
};

TEST_F(PciFunctions, AreThoseThatVmsHaveToDoWith) {
  EXPECT_THAT(addresses(), IsEmpty());
  add("0000:00:1f.0", "nvme", "1");
  add("0000:8a:00.0", "vfio-pci", "42");
  add("0000:8a:00.1", "snd_hda_intel", "43");  // the same slot
  add("0000:8b:00.0", "nvme", "42");           // the same group
  add("0000:8c:00.0", "nvme", "44");
  add("0000:8d:00.0", "", "");
  tree.file("/sys/bus/pci/devices/0000:8c:00.0/driver_override", "vfio-pci\n");
  EXPECT_THAT(addresses(),
              ElementsAre("0000:8a:00.0", "0000:8a:00.1", "0000:8b:00.0", "0000:8c:00.0"));
  EXPECT_THAT(
      addresses({"0000:8d:00.0", "0000:ff:00.0"}),
      ElementsAre("0000:8a:00.0", "0000:8a:00.1", "0000:8b:00.0", "0000:8c:00.0", "0000:8d:00.0"));
}

TEST_F(PciFunctions, AreReadAlsoWhileTheirDeviceIsLocked) {
  add("0000:8a:00.0", "", "");
  // Whoever reads this now does not come back.
  tree.file("/sys/bus/pci/devices/0000:8a:00.0/driver_override", "vfio-pci\n");
  PciNames names;
  const auto functions = read_pci_functions(tree.root(), {}, 0, names, {"0000:8a:00.0"});
  ASSERT_TRUE(functions);
  ASSERT_EQ(functions->size(), 1U);
  EXPECT_EQ(functions->front().driver_override, "");
  EXPECT_EQ(functions->front().vendor, 0x10de);
}

TEST_F(PciFunctions, AreReadWhole) {
  add("0000:8a:00.0", "vfio-pci", "42");
  tree.file("/etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:20b0\n")
      .file("/etc/modprobe.d/backup", "options vfio-pci ids=10de:20b0\n")
      .file("/etc/driverctl.d/0000:8a:00.0", "vfio-pci\n");
  PciNames names;
  const auto functions = read_pci_functions(tree.root(), {}, 0, names);
  ASSERT_TRUE(functions);
  ASSERT_EQ(functions->size(), 1U);
  const auto& gpu = functions->front();
  EXPECT_EQ(gpu.vendor, 0x10de);
  EXPECT_EQ(gpu.driver, "vfio-pci");
  EXPECT_TRUE(gpu.driver_override.empty());
  EXPECT_EQ(gpu.iommu_group, 42);
  EXPECT_THAT(gpu.reset_methods, ElementsAre("flr", "bus"));
  ASSERT_EQ(gpu.parking.size(), 2U);
  EXPECT_EQ(gpu.parking[0].source, "modprobe.d");
  EXPECT_EQ(gpu.parking[1].source, "driverctl");
  EXPECT_FALSE(gpu.host_uses_known);
}

}  // namespace
}  // namespace vmleak
