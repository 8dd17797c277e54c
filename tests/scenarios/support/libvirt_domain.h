// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/libvirt_host.h"

namespace vmleak::scenarios {

struct LibvirtDomainOptions {
  std::string name = "gpu-07";
  std::string uuid = "5b1e0c2a-7d1f-4a52-9e7b-3c0f4a1d2b6e";
  std::vector<std::string> host_devices{};  // PCI addresses
  bool managed = true;                      // libvirt binds them to vfio-pci and back
};

// A domain of QEMU with firmware that halts.  Whatever the test left of it is
// destroyed and undefined at the end.
class LibvirtDomain {
 public:
  // Defines it.
  explicit LibvirtDomain(LibvirtDomainOptions options);
  LibvirtDomain(const LibvirtDomain&) = delete;
  LibvirtDomain& operator=(const LibvirtDomain&) = delete;
  ~LibvirtDomain();

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const std::string& uuid() const { return options_.uuid; }

  void start() { host_.virsh({"start", name()}); }
  [[nodiscard]] VirshResult try_start() { return host_.try_virsh({"start", name()}); }
  void destroy() { host_.virsh({"destroy", name()}); }
  void undefine();
  // As a management plane deletes a VM.
  void remove() {
    destroy();
    undefine();
  }

  // libvirtd, then QEMU die by SIGKILL, and what libvirt knew of the domain is
  // lost; its log stays.  libvirtd does not run afterwards.
  void crash_with_libvirtd();

  // Of the running domain's QEMU.
  [[nodiscard]] pid_t pid() const;

 private:
  LibvirtHost& host_;
  LibvirtDomainOptions options_;
  bool defined_ = false;
};

}  // namespace vmleak::scenarios
