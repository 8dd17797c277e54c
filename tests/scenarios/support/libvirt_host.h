// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace vmleak::scenarios {

// What a finished virsh left.
struct VirshResult {
  std::string command;
  int exit_code = -1;
  std::string output{};  // standard output and standard error, in the order they came

  [[nodiscard]] bool succeeded() const { return exit_code == 0; }
};

// For messages of failed assertions.
std::ostream& operator<<(std::ostream& stream, const VirshResult& result);

// A host that libvirt manages: virtlogd and libvirtd, without systemd, in a
// guest of scripts/lab.  Starting takes some 15 s under emulation, so one
// serves all the tests of a process.
class LibvirtHost {
 public:
  // The one of this process, running.
  static LibvirtHost& get();

  LibvirtHost(const LibvirtHost&) = delete;
  LibvirtHost& operator=(const LibvirtHost&) = delete;
  ~LibvirtHost();

  // Runs virsh; kills it and throws when it takes longer than kPatience.
  [[nodiscard]] VirshResult try_virsh(const std::vector<std::string>& arguments) const;
  // The same; throws when it fails.  Returns what it printed.
  std::string virsh(const std::vector<std::string>& arguments) const;

  [[nodiscard]] pid_t libvirtd() const { return libvirtd_; }
  // SIGKILL, and it is gone; its QEMUs stay.
  void kill_libvirtd();
  // Starts it again where it does not run; returns when it answers.
  void start_libvirtd();
  // SIGSTOP and SIGCONT.
  void freeze_libvirtd() const;
  void thaw_libvirtd() const;

 private:
  LibvirtHost();

  pid_t owner_;  // the process whose daemons they are
  pid_t virtlogd_ = -1;
  pid_t libvirtd_ = -1;
};

}  // namespace vmleak::scenarios
