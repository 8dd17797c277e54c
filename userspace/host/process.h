// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_root.h"
#include "model/node.h"
#include "model/snapshot.h"

namespace vmleak {

// The texts of one process below /proc/PID.
struct ProcessTexts {
  std::string stat;
  std::string status;
  std::string cgroup;
  std::string cmdline;
  std::vector<std::string> thread_stats;  // task/*/stat; empty for a lone leader
};

struct HostProcess {
  ProcessFacts facts;  // all but `mm`, which /proc does not tell
  bool kernel_thread = false;
  bool core_dumping = false;
};

// Nothing when `stat` is not of its form.  `ticks_per_second` is
// sysconf(_SC_CLK_TCK).
std::optional<HostProcess> parse_process(const ProcessTexts& texts, std::int64_t ticks_per_second);

// "qemu -name a" from "qemu\0-name\0a\0", at most 4096 bytes.
std::string join_arguments(std::string_view cmdline);

// Reads one process here and now.  May hang on a process that is on its way
// out: its command line lies in memory behind a lock.  Error with is_gone()
// when there is no such process.
Result<HostProcess> read_process(const HostRoot& root, std::int64_t pid);

struct ProcessBatch {
  std::vector<HostProcess> processes;  // without those that are gone
  std::vector<Loss> losses;            // what did not answer
};

// Reads many in a helper process.  A process that does not answer is left
// behind with what is known of it, at least its pid.  `deadline` is for all.
ProcessBatch read_processes(const HostRoot& root, std::span<const std::int64_t> pids,
                            std::chrono::milliseconds deadline,
                            const std::function<bool()>& interrupted = {});

}  // namespace vmleak
