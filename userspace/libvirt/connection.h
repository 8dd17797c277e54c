// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/domain.h"

namespace vmleak {

// What one connection told.
struct LibvirtAnswer {
  std::string version;  // of the daemon's library, "9.0.0"
  std::string qemu;     // of the hypervisor, "7.2.22"; empty when not told
  std::vector<Domain> domains;
  std::vector<std::string> problems;  // domains that are there and can't be read
};

// All domains of a libvirt connection ("qemu:///system"), read-only.  libvirt's
// library is loaded for it, where it is installed.  Waits for the daemon
// without a limit: call it in a helper process.  Error code ENOENT when there is
// no library, ECONNREFUSED when there is no daemon, EIO when there is one that
// failed.
Result<LibvirtAnswer> ask_libvirt(const std::string& uri);

}  // namespace vmleak
