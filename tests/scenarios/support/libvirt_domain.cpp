// SPDX-License-Identifier: Apache-2.0
#include "support/libvirt_domain.h"

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "support/check.h"
#include "support/temporary_directory.h"
#include "support/wait.h"

namespace vmleak::scenarios {
namespace {

// "0000:8a:00.1" as attributes of <address>.
std::string address_attributes(const std::string& address) {
  if (address.size() != 12) fail("not a PCI address: {}", address);
  return fmt::format("domain='0x{}' bus='0x{}' slot='0x{}' function='0x{}'", address.substr(0, 4),
                     address.substr(5, 2), address.substr(8, 2), address.substr(11));
}

std::string host_device_xml(const std::string& address, bool managed) {
  return fmt::format(
      "<hostdev mode='subsystem' type='pci' managed='{}'><driver name='vfio'/>"
      "<source><address {}/></source><rom bar='off'/></hostdev>",
      managed ? "yes" : "no", address_attributes(address));
}

std::string domain_xml(const LibvirtDomainOptions& options) {
  const char* firmware = std::getenv("VMLEAK_LAB_FIRMWARE");
  if (firmware == nullptr) fail("define a domain: VMLEAK_LAB_FIRMWARE is not set");
  std::string devices;
  for (const auto& address : options.host_devices) {
    devices += host_device_xml(address, options.managed);
  }
  return fmt::format(R"(<domain type='kvm'><name>{}</name><uuid>{}</uuid>
<memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='rom'>{}</loader></os>
<cpu mode='host-passthrough' migratable='off'/>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<controller type='usb' model='none'/><memballoon model='none'/>{}</devices></domain>
)",
                     options.name, options.uuid, firmware, devices);
}

}  // namespace

LibvirtDomain::LibvirtDomain(LibvirtDomainOptions options)
    : host_(LibvirtHost::get()), options_(std::move(options)) {
  const TemporaryDirectory directory;
  const auto file = (directory.path() / "domain.xml").string();
  std::ofstream(file) << domain_xml(options_);
  host_.virsh({"define", file});
  defined_ = true;
}

LibvirtDomain::~LibvirtDomain() {
  if (!defined_) return;
  try {
    host_.start_libvirtd();
    // Fails where it does not run.
    static_cast<void>(host_.try_virsh({"destroy", name()}));
    undefine();
  } catch (const std::exception& error) {
    std::cerr << "remove domain " << name() << ": " << error.what() << '\n';
  }
}

void LibvirtDomain::undefine() {
  host_.virsh({"undefine", name()});
  defined_ = false;
}

void LibvirtDomain::crash_with_libvirtd() {
  const auto qemu = pid();
  host_.kill_libvirtd();
  check(::kill(qemu, SIGKILL), "kill QEMU");
  wait_until("QEMU to be gone", [qemu] { return ::kill(qemu, 0) != 0; });
  for (const auto* path :
       {"/run/libvirt/qemu/{}.pid", "/run/libvirt/qemu/{}.xml", "/etc/libvirt/qemu/{}.xml"}) {
    std::filesystem::remove(fmt::format(fmt::runtime(path), name()));
  }
  defined_ = false;
}

pid_t LibvirtDomain::pid() const {
  const auto path = fmt::format("/run/libvirt/qemu/{}.pid", name());
  pid_t pid = 0;
  if (!(std::ifstream(path) >> pid)) fail("read {}: domain {} does not run", path, name());
  return pid;
}

}  // namespace vmleak::scenarios
