// SPDX-License-Identifier: Apache-2.0
#include "records/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <string>

#include "model/record_source.h"
#include "records/audit_log.h"
#include "records/libvirt_log.h"
#include "records/log_file.h"
#include "records/pods.h"
#include "records/proxmox.h"
#include "records/systemd_journal.h"

namespace vmleak {
namespace {

constexpr std::size_t kAllBytes = std::size_t{64} << 20;
// Where the launcher of a KubeVirt pod runs.
constexpr std::string_view kLauncherContainer = "compute";

using Parse = std::function<std::vector<PastRun>(std::string_view text, const LogFile& file)>;

struct Log {
  LogFile file;
  std::string_view source;
  Parse parse;
};

std::vector<PastRun> parse_audit(std::string_view text, const LogFile& file) {
  return parse_audit_log(text, file.path);
}

std::vector<PastRun> parse_domain_log(std::string_view text, const LogFile& file) {
  return parse_libvirt_log(text, file.name, file.path);
}

// Where a kind of log is.
struct Place {
  std::string_view source;
  std::string_view directory;
  std::string_view mark;  // what its file names contain
  std::vector<PastRun> (*parse)(std::string_view text, const LogFile& file);
};

constexpr std::array kPlaces{
    Place{kLinuxAudit, "/var/log/audit", "audit.log", parse_audit},
    Place{kLibvirtLog, "/var/log/libvirt/qemu", ".log", parse_domain_log},
};

class Reader {
 public:
  Reader(const HostRoot& root, std::uint64_t since_ns) : root_(root), since_ns_(since_ns) {}

  void add_logs() {
    for (const auto& place : kPlaces) {
      for (auto& file : find_logs(root_, place.directory, place.mark, since_ns_)) {
        logs_.push_back({std::move(file), place.source, place.parse});
      }
    }
  }

  void add_pods() {
    for (const auto& pod : read_pods(root_)) {
      has(kKubernetes);
      records_.pods[pod.uid] = pod.text();
      const auto domain = launcher_domain(pod);
      if (domain.empty()) continue;
      const auto directory =
          fmt::format("{}/{}_{}_{}/{}", kPodLogs, pod.space, pod.name, pod.uid, kLauncherContainer);
      for (auto& file : find_logs(root_, directory, ".log", since_ns_)) {
        logs_.push_back(
            {std::move(file), kKubernetes, [domain](std::string_view text, const LogFile& log) {
               return parse_launcher_log(text, domain, log.path);
             }});
      }
    }
  }

  // The newest first, until it is enough.
  void read_logs() {
    std::stable_sort(logs_.begin(), logs_.end(), [](const Log& a, const Log& b) {
      return a.file.changed_ns > b.file.changed_ns;
    });
    std::size_t bytes = 0;
    std::int64_t skipped = 0;
    for (const auto& log : logs_) {
      has(log.source);
      if (bytes > kAllBytes) {
        ++skipped;
        continue;
      }
      const auto text = read_log(log.file);
      if (!text) {
        lose(text.error().message);
        continue;
      }
      bytes += text->size();
      add(log.parse(*text, log.file));
    }
    if (skipped != 0) lose("logs of VMs: more than 64 MiB, the oldest were not read", skipped);
  }

  void add_machines() {
    auto messages = read_machine_messages(root_);
    if (messages) {
      if (!messages->empty()) has(kMachined);
      add(machine_runs(*std::move(messages)));
    } else if (!is_gone(messages.error())) {
      lose(messages.error().message);
    }
  }

  void add_proxmox() {
    auto answer = read_proxmox(root_);
    if (answer.present) has(kProxmox);
    records_.domains = std::move(answer.domains);
    add(std::move(answer.runs));
  }

  Records take() {
    name_machines(records_.runs);
    auto& sources = records_.sources;
    std::sort(sources.begin(), sources.end(),
              [](const auto& a, const auto& b) { return record_rank(a) < record_rank(b); });
    return std::move(records_);
  }

 private:
  void has(std::string_view source) {
    auto& sources = records_.sources;
    if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
      sources.emplace_back(source);
    }
  }

  void lose(const std::string& what, std::int64_t count = 1) {
    records_.losses.push_back({what, count, {NodeKind::kVfioDevice}});
  }

  void add(std::vector<PastRun> runs) {
    for (auto& run : runs) {
      if (run.ended_ns == 0 || run.ended_ns >= since_ns_) records_.runs.push_back(std::move(run));
    }
  }

  const HostRoot& root_;
  std::uint64_t since_ns_;
  std::vector<Log> logs_;
  Records records_;
};

}  // namespace

Records read_records(const HostRoot& root, std::uint64_t since_ns) {
  Reader reader(root, since_ns);
  reader.add_logs();
  reader.add_pods();
  reader.read_logs();
  reader.add_machines();
  reader.add_proxmox();
  return reader.take();
}

}  // namespace vmleak
