// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <string>

#include "libvirt/domain_state.h"
#include "libvirt/domain_xml.h"
#include "libvirt/node_device_xml.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDomain = R"(<domain type='kvm' id='3'>
  <name>gpu-07</name>
  <uuid>5b1e0c2a-0000-4000-8000-000000000001</uuid>
  <memory unit='KiB'>67108864</memory>
  <memoryBacking><hugepages><page size='1048576' unit='KiB'/></hugepages></memoryBacking>
  <devices>
    <disk type='file' device='disk'><source file='/images/gpu-07.qcow2' index='1'/></disk>
    <disk type='block' device='disk'><source dev='/dev/vg/data'/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/></disk>
    <interface type='bridge'><source bridge='br0'/><target dev='vnet0'/></interface>
    <interface type='hostdev' managed='yes'>
      <source><address type='pci' domain='0x0000' bus='0x3b' slot='0x02' function='0x1'/></source>
    </interface>
    <interface type='network'>
      <actual type='hostdev' managed='yes'>
        <source><address type='pci' domain='0x0000' bus='0x3b' slot='0x02' function='0x2'/></source>
      </actual>
    </interface>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x8a' slot='0x00' function='0x0'/></source>
      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci' managed='no'>
      <source><address domain='0x0000' bus='0x8a' slot='0x00' function='0x1'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
      <source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>
  </devices>
</domain>)";

TEST(DomainXml, SaysWhatADomainHas) {
  const auto domain = parse_domain_xml(kDomain);
  ASSERT_TRUE(domain) << domain.error().message;
  EXPECT_EQ(domain->name, "gpu-07");
  EXPECT_EQ(domain->uuid, "5b1e0c2a-0000-4000-8000-000000000001");
  EXPECT_EQ(domain->memory_bytes, 64ULL << 30);
  EXPECT_EQ(domain->hugepage_bytes, 1ULL << 30);
  EXPECT_THAT(domain->disks, ElementsAre("/images/gpu-07.qcow2", "/dev/vg/data"));
  EXPECT_THAT(domain->interfaces, ElementsAre("vnet0"));
  ASSERT_EQ(domain->host_devices.size(), 5U);
  EXPECT_EQ(domain->host_devices[0].pci_address, "0000:3b:02.1");
  EXPECT_EQ(domain->host_devices[1].pci_address, "0000:3b:02.2");
  EXPECT_TRUE(domain->host_devices[1].managed);
  EXPECT_EQ(domain->host_devices[2].pci_address, "0000:8a:00.0");
  EXPECT_TRUE(domain->host_devices[2].managed);
  EXPECT_EQ(domain->host_devices[3].pci_address, "0000:8a:00.1");
  EXPECT_FALSE(domain->host_devices[3].managed);
  EXPECT_EQ(domain->host_devices[4].mdev_uuid, "c2177883-f1bb-47f0-914d-32a22e3a8804");
}

TEST(DomainXml, OfAPlainDomainHasNoDevices) {
  const auto domain =
      parse_domain_xml("<domain><name>a</name><memory>1024</memory><devices/></domain>");
  ASSERT_TRUE(domain);
  EXPECT_EQ(domain->memory_bytes, 1ULL << 20);
  EXPECT_EQ(domain->hugepage_bytes, 0U);
  EXPECT_THAT(domain->host_devices, IsEmpty());
}

TEST(DomainXml, WithAnImpossibleAddressHasNoDevice) {
  const auto domain = parse_domain_xml(
      "<domain><devices><hostdev type='pci'><source><address bus='0x1ff' slot='0x0' "
      "function='0'/></source></hostdev></devices></domain>");
  ASSERT_TRUE(domain);
  EXPECT_THAT(domain->host_devices, IsEmpty());
}

TEST(DomainXml, MustBeThatOfADomain) {
  EXPECT_THAT(parse_domain_xml("").error().message, HasSubstr("parse domain XML"));
  EXPECT_THAT(parse_domain_xml("<network/>").error().message, HasSubstr("no <domain>"));
  EXPECT_FALSE(parse_domain_xml("<domain><name>a</domain>"));
  EXPECT_FALSE(parse_domain_xml(std::string(1 << 20, 'x')));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_FALSE(parse_domain_xml(deep));
}

// Where libvirt 9.0 has other ways to write the same.
TEST(DomainXml, HasDisksAndInterfacesOfAllKinds) {
  const auto domain = parse_domain_xml(R"(<domain><devices>
    <disk type='network' device='disk'><source protocol='rbd' name='pool/gpu-07'/></disk>
    <disk type='volume'><source pool='default' volume='gpu-07.qcow2'/></disk>
    <disk type='dir'><source dir='/srv/floppy'/></disk>
    <disk type='vhostuser'><source type='unix' path='/run/spdk/vhost.0'/></disk>
    <disk type='file'><source file='/a'/><mirror type='file'><source file='/b'/></mirror></disk>
    <disk type='file'><source file='/top'/><backingStore type='file'><source file='/base'/>
      <backingStore type='block'><source dev='/dev/root'/></backingStore></backingStore></disk>
    <disk type='nvme'><source type='pci' managed='yes' namespace='1'>
      <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></disk>
    <interface type='direct'><source dev='eth0' mode='bridge'/><target dev='macvtap0'/></interface>
    <interface type='bridge'><target dev='vnet0'/></interface>
    <interface type='hostdev' managed='yes'><driver name='vfio'/>
      <source><address type='pci' domain='0x0' bus='0x3b' slot='0x02' function='0x1'/></source>
    </interface>
  </devices></domain>)");
  ASSERT_TRUE(domain);
  EXPECT_THAT(domain->disks,
              ElementsAre("pool/gpu-07", "gpu-07.qcow2", "/srv/floppy", "/run/spdk/vhost.0", "/a",
                          "/b", "/top", "/base", "/dev/root"));
  EXPECT_THAT(domain->interfaces, ElementsAre("macvtap0", "vnet0"));
  ASSERT_EQ(domain->host_devices.size(), 2U);
  EXPECT_EQ(domain->host_devices[0].pci_address, "0000:01:00.0");
  EXPECT_TRUE(domain->host_devices[0].managed);
  EXPECT_EQ(domain->host_devices[1].pci_address, "0000:3b:02.1");
}

TEST(NodeDeviceXml, HasTheParentOfAMediatedDevice) {
  const auto device = parse_mediated_device_xml(
      "<device><name>mdev_c2</name><path>/sys/devices/pci0000:00/0000:06:00.0/c2177883</path>"
      "<driver><name>vfio_mdev</name></driver><capability type='mdev'><uuid>c2177883-f1bb</uuid>"
      "<parent_addr>0000:06:00.1</parent_addr></capability></device>");
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->uuid, "c2177883-f1bb");
  EXPECT_EQ(device->parent_address, "0000:06:00.1");
  EXPECT_EQ(device->driver, "vfio_mdev");
}

TEST(NodeDeviceXml, OfAnOldLibvirtHasItInThePath) {
  const auto device = parse_mediated_device_xml(
      "<device><path>/sys/devices/pci0000:00/0000:06:00.0/c2177883</path>"
      "<capability type='mdev'><type id='a'/></capability></device>");
  ASSERT_TRUE(device);
  EXPECT_EQ(device->uuid, "c2177883");
  EXPECT_EQ(device->parent_address, "0000:06:00.0");
  EXPECT_EQ(
      parse_mediated_device_xml("<device><parent>pci_0000_06_00_0</parent>"
                                "<capability type='mdev'><uuid>c2</uuid></capability></device>")
          ->parent_address,
      "0000:06:00.0");
  // A parent that is no PCI function.
  EXPECT_EQ(parse_mediated_device_xml("<device><path>/sys/devices/css0/0.0.0052/c2</path>"
                                      "<capability type='mdev'/></device>")
                ->parent_address,
            "");
  for (const auto* wrong : {"", "<device/>", "<device><capability type='pci'/></device>",
                            "<device><capability type='mdev'/></device>"}) {
    EXPECT_FALSE(parse_mediated_device_xml(wrong)) << wrong;
  }
}

TEST(DomainState, IsCalledAsVirshCallsIt) {
  EXPECT_EQ(domain_state_name(VIR_DOMAIN_SHUTOFF), "shut off");
  EXPECT_EQ(domain_reason_name(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED), "destroyed");
  EXPECT_EQ(domain_reason_name(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR), "I/O error");
  EXPECT_EQ(domain_state_name(99), "?");
  EXPECT_EQ(domain_reason_name(VIR_DOMAIN_RUNNING, 99), "unknown");
}

}  // namespace
}  // namespace vmleak
