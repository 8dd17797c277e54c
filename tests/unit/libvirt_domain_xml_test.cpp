// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <string>

#include "libvirt/domain_state.h"
#include "libvirt/domain_xml.h"

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

TEST(DomainState, IsCalledAsVirshCallsIt) {
  EXPECT_EQ(domain_state_name(VIR_DOMAIN_SHUTOFF), "shut off");
  EXPECT_EQ(domain_reason_name(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED), "destroyed");
  EXPECT_EQ(domain_reason_name(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR), "I/O error");
  EXPECT_EQ(domain_state_name(99), "?");
  EXPECT_EQ(domain_reason_name(VIR_DOMAIN_RUNNING, 99), "unknown");
}

}  // namespace
}  // namespace vmleak
