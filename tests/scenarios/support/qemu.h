// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace vmleak::scenarios {

struct QemuOptions {
  std::string name = "scenario";
  std::string uuid = "5b1e0c2a-7d1f-4a52-9e7b-3c0f4a1d2b6e";
  int cpus = 1;
  std::vector<std::string> vfio_devices{};  // PCI addresses, all bound to vfio-pci
  // A file that QEMU inherits under this descriptor, without knowing.
  struct Inherited {
    std::string path;
    int fd;
  };
  std::optional<Inherited> inherited{};
};

// A real QEMU with KVM, a disk image, and firmware that halts.
class Qemu {
 public:
  // Returns when its vCPUs exist and the devices are open.
  explicit Qemu(const QemuOptions& options);

  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  // Of a file as /proc/PID/fd names it.
  [[nodiscard]] int fd(std::string_view target) const;
  [[nodiscard]] std::string disk() const { return (directory_.path() / "disk.qcow2").string(); }

  void kill() { process_.kill(); }
  void kill_only() { process_.kill_only(); }
  void wait_for_death() { process_.wait_for_death(); }

 private:
  void wait_for_file(const std::string& target) const;
  [[nodiscard]] std::vector<std::string> command_line(const QemuOptions& options) const;

  TemporaryDirectory directory_;
  ChildProcess process_;
};

}  // namespace vmleak::scenarios
