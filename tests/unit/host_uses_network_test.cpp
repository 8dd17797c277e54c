// SPDX-License-Identifier: Apache-2.0
#include "host/network_tables.h"
#include "host_uses_fixture.h"

namespace vmleak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum HostUseKind;

constexpr const char* kIpv4Routes =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth1\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n";

TEST(Routes, AreDefaultOnesOfAnInterface) {
  EXPECT_THAT(parse_ipv4_default_routes(kIpv4Routes), ElementsAre("eth0"));
  const std::string zero(32, '0');
  const auto line = [&](const std::string& length, const std::string& interface) {
    return zero + " " + length + " " + zero + " 00 " + zero +
           " 00000400 00000001 00000000 00000003     " + interface + "\n";
  };
  EXPECT_THAT(parse_ipv6_default_routes(line("00", "eth2") + line("80", "eth3") + line("00", "lo")),
              ElementsAre("eth2"));
  EXPECT_THAT(parse_ipv4_default_routes(""), IsEmpty());
  EXPECT_THAT(parse_ipv6_default_routes("\n"), IsEmpty());
}

class HostNetworkUses : public HostUsesTest {
 protected:
  HostNetworkUses() {
    interface = add("net/eth0", "net");
    tree.file(interface + "/flags", "0x1003\n");
  }
  std::string interface;
};

TEST_F(HostNetworkUses, UpWithoutAnAddressIsFree) {
  addresses = {{"eth1", "10.0.0.5", false}, {"eth0", "fe80::1", true}};
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostNetworkUses, DefaultRoute) {
  tree.file("/proc/net/route", kIpv4Routes);
  EXPECT_THAT(uses(), ElementsAre(IsUse(kNetwork, "eth0 carries the default route")));
}

TEST_F(HostNetworkUses, Address) {
  addresses = {{"eth0", "10.0.0.5", false}};
  EXPECT_THAT(uses(), ElementsAre(IsUse(kNetwork, "eth0 is up and has the address 10.0.0.5")));
  tree.file(interface + "/flags", "0x1002\n");
  EXPECT_THAT(uses(), IsEmpty()) << "it is down";
  tree.file(interface + "/flags", "?\n");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "flags of eth0")));
}

TEST_F(HostNetworkUses, TheOperatorsConnectionIsFoundAboveSudo) {
  using namespace std::string_view_literals;
  tree.file("/proc/self/status", "Name:\tvmleak\nPPid:\t40\n")
      .file("/proc/40/environ", "TERM=dumb\0"sv)
      .file("/proc/40/status", "Name:\tsudo\nPPid:\t30\n")
      .file("/proc/30/environ", "A=1\0SSH_CONNECTION=10.0.0.9 50000 10.0.0.5 22\0B=\0"sv)
      .file("/proc/30/status", "Name:\tbash\nPPid:\t1\n");
  addresses = {{"eth0", "10.0.0.5", false}};
  EXPECT_THAT(uses(), ElementsAre(IsUse(kNetwork, "your own connection (SSH to 10.0.0.5)")));
  addresses = {{"eth1", "10.0.0.5", false}};
  EXPECT_THAT(uses(), IsEmpty());
  std::filesystem::remove(tree.at("/proc/30/environ"));
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "/proc/30/environ")));
}

TEST_F(HostNetworkUses, PortOfABridge) {
  tree.link(interface + "/master", "../../../../virtual/net/br0");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kNetwork, "eth0 is a port of br0")));
}

TEST_F(HostNetworkUses, BelowAVlan) {
  tree.link(interface + "/upper_eth0.10", "../../../../virtual/net/eth0.10");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kNetwork, "eth0.10 is on top of eth0")));
}

TEST_F(HostNetworkUses, InAContainersNamespace) {
  add_function("0000:8b:00.0", "0x020000", "e1000e");
  tree.directory(directory("0000:8b:00.0") + "/net");
  EXPECT_THAT(uses("0000:8b:00.0"), ElementsAre(IsUse(kNetwork, "in another network namespace")));
}

TEST_F(HostNetworkUses, OfAVirtioDevice) {
  add_function("0000:8b:00.0", "0x020000", "virtio-pci");
  add("virtio3/net/eth7", "net", "", "", "0000:8b:00.0");
  tree.file(add("virtio3", "virtio", "", "", "0000:8b:00.0") + "/device", "0x0001\n");
  tree.link(directory("0000:8b:00.0") + "/virtio3/net/eth7/master", "../../br0");
  EXPECT_THAT(uses("0000:8b:00.0"), ElementsAre(IsUse(kNetwork, "eth7 is a port of br0")));
}

TEST_F(HostNetworkUses, AreUnknownInAnotherNamespace) {
  std::filesystem::remove(tree.at("/proc/self/ns/net"));
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "/proc/self/ns/net")));
  tree.link("/proc/self/ns/net", "net:[2]");
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "not the host's network namespace")));
}

TEST_F(HostNetworkUses, AreUnknownWithoutRoutes) {
  std::filesystem::remove(tree.at("/proc/net/route"));
  EXPECT_THAT(uses(), ElementsAre(IsUse(kUnknown, "/proc/net/route")));
}

}  // namespace
}  // namespace vmleak
