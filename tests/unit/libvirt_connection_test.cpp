// SPDX-License-Identifier: Apache-2.0
// libvirt's test driver is the real library without a daemon.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "libvirt/connection.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;

class Libvirt : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::dlopen("libvirt.so.0", RTLD_LAZY) == nullptr) GTEST_SKIP() << "libvirt is not installed";
  }
};

std::string domain_xml(int number) {
  return fmt::format(
      "<domain type='test'><name>gpu-{0}</name>"
      "<uuid>5b1e0c2a-0000-4000-8000-{0:012}</uuid><memory>1024</memory><os><type>hvm</type></os>"
      "<devices><hostdev mode='subsystem' type='pci' managed='yes'><source>"
      "<address domain='0x0' bus='{1:#x}' slot='{2:#x}' function='0x0'/>"
      "</source></hostdev></devices></domain>",
      number, number / 32 % 256, number % 32);
}

TEST_F(Libvirt, TellsAllDomains) {
  constexpr int kDomains = 1000;
  const auto path = ::testing::TempDir() + "vmleak-libvirt-test.xml";
  {
    std::ofstream file(path);
    file << "<node>";
    for (int i = 0; i < kDomains; ++i) file << domain_xml(i);
    file << "</node>";
  }
  const auto answer = ask_libvirt("test://" + path);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->version.empty());
  ASSERT_EQ(answer->domains.size(), std::size_t{kDomains});
  std::size_t managed = 0;
  for (const auto& domain : answer->domains) {
    EXPECT_EQ(domain.source, "libvirt");
    EXPECT_EQ(domain.state, "running");
    EXPECT_TRUE(domain.active);
    for (const auto& device : domain.host_devices) managed += device.managed ? 1U : 0U;
  }
  EXPECT_EQ(managed, std::size_t{kDomains});
}

TEST_F(Libvirt, SaysWhyThereIsNoConnection) {
  const auto answer = ask_libvirt("qemu+unix:///system?socket=/nonexistent/socket");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ECONNREFUSED);
  EXPECT_THAT(answer.error().message, HasSubstr("connect qemu+unix:///system"));
}

}  // namespace
}  // namespace vmleak
