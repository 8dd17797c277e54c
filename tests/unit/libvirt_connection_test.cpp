// SPDX-License-Identifier: Apache-2.0
// libvirt's test driver is the real library without a daemon.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "base/file_descriptor.h"
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

TEST_F(Libvirt, KnowsTheParentOfAMediatedDevice) {
  const auto path = ::testing::TempDir() + "vmleak-libvirt-mdev-test.xml";
  std::ofstream(path)
      << "<node><device><name>pci_0000_06_00_0</name><parent>computer</parent>"
         "<capability type='pci'><domain>0</domain><bus>6</bus><slot>0</slot><function>0</function>"
         "<product id='0x20b0'/><vendor id='0x10de'/></capability></device>"
         "<device><name>mdev_c2177883_f1bb_47f0_914d_32a22e3a8804_0000_06_00_0</name>"
         "<parent>pci_0000_06_00_0</parent><driver><name>nvidia-vgpu-vfio</name></driver>"
         "<capability type='mdev'><type id='nvidia-11'/>"
         "<uuid>c2177883-f1bb-47f0-914d-32a22e3a8804</uuid><parent_addr>0000:06:00.0</parent_addr>"
         "<iommuGroup number='12'/></capability></device>"
         "<domain type='test'><name>vgpu</name><memory>1024</memory><os><type>hvm</type></os>"
         "<devices><hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>"
         "<address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev></devices>"
         "</domain></node>";
  const auto answer = ask_libvirt("test://" + path);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->domains.size(), 1U);
  ASSERT_EQ(answer->domains[0].host_devices.size(), 1U);
  EXPECT_EQ(answer->domains[0].host_devices[0].parent_address, "0000:06:00.0");
}

// A listening socket with nobody behind it who answers.
class Daemon {
 public:
  explicit Daemon(bool listens) : path_(::testing::TempDir() + "vmleak-libvirt-test.sock") {
    ::unlink(path_.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), generic, sizeof(address)), 0);
    if (!listens) return;
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
    // Dies in the middle of the first question.
    thread_ = std::thread([this] {
      const FileDescriptor peer(::accept(socket_.get(), nullptr, nullptr));
      char byte = 0;
      static_cast<void>(::read(peer.get(), &byte, 1));
    });
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    if (thread_.joinable()) thread_.join();
    ::unlink(path_.c_str());
  }
  [[nodiscard]] std::string uri() const { return "qemu+unix:///system?socket=" + path_; }

 private:
  std::string path_;
  FileDescriptor socket_;
  std::thread thread_;
};

TEST_F(Libvirt, ThatIsNotRunningIsAFact) {
  const Daemon stopped(false);
  const auto answer = ask_libvirt(stopped.uri());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ECONNREFUSED) << answer.error().message;
}

TEST_F(Libvirt, ThatDiesWhileItIsAskedIsNone) {
  const Daemon dying(true);
  const auto answer = ask_libvirt(dying.uri());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, EIO) << answer.error().message;
}

TEST_F(Libvirt, SaysWhyThereIsNoConnection) {
  const auto answer = ask_libvirt("qemu+unix:///system?socket=/nonexistent/socket");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ECONNREFUSED);
  EXPECT_THAT(answer.error().message, HasSubstr("connect qemu+unix:///system"));
}

}  // namespace
}  // namespace vmleak
