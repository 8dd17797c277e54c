// SPDX-License-Identifier: Apache-2.0
#include "records/proxmox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/pci_address.h"
#include "host/text.h"
#include "host/vmm_command_line.h"
#include "model/record_source.h"

namespace vmleak {
namespace {

constexpr std::string_view kConfigs = "/etc/pve/qemu-server";
constexpr std::string_view kMappings = "/etc/pve/mapping/pci.cfg";
constexpr std::string_view kPidFiles = "/run/qemu-server";
constexpr std::string_view kTasks = "/var/log/pve/tasks";
constexpr std::array<std::string_view, 3> kTaskFiles{"index.1", "index", "active"};
// Tasks after which the VM no longer runs here.
constexpr std::array<std::string_view, 4> kEndings{"qmstop", "qmshutdown", "qmdestroy", "qmigrate"};
constexpr std::uint64_t kSecond = 1'000'000'000;

bool ends_a_run(const ProxmoxTask& task) {
  return !task.failed() && std::find(kEndings.begin(), kEndings.end(), task.type) != kEndings.end();
}

// In the order they were started; "active" repeats the last ones of "index".
std::vector<ProxmoxTask> in_order(std::vector<ProxmoxTask> tasks) {
  std::stable_sort(tasks.begin(), tasks.end(), [](const auto& a, const auto& b) {
    return a.started_ns != b.started_ns ? a.started_ns < b.started_ns : a.upid < b.upid;
  });
  // Of the two the one that knows its end.
  std::vector<ProxmoxTask> out;
  for (auto& task : tasks) {
    if (out.empty() || out.back().upid != task.upid) {
      out.push_back(std::move(task));
    } else if (out.back().ended_ns == 0) {
      out.back() = std::move(task);
    }
  }
  return out;
}

PastRun make_run(std::uint64_t vmid, std::uint64_t started_ns, std::string where) {
  PastRun run;
  run.name = fmt::format("VM {}", vmid);
  run.source = kProxmox;
  run.where = std::move(where);
  run.started_ns = started_ns;
  return run;
}

void describe(const ProxmoxVm& vm, PastRun& run) {
  if (!vm.domain.name.empty()) run.name = vm.domain.name;
  run.uuid = vm.domain.uuid;
  run.host_devices = vm.domain.host_devices;
  run.disks = vm.domain.disks;
}

class Devices {
 public:
  explicit Devices(const HostRoot& root) {
    if (auto functions = root.list("/sys/bus/pci/devices")) functions_ = *std::move(functions);
    if (const auto host = root.read_value("/proc/sys/kernel/hostname")) {
      std::string_view rest = *host;
      node_ = next_part(rest, '.');
    }
    if (const auto text = root.read(kMappings)) mappings_ = parse_proxmox_mappings(*text);
  }

  void resolve(ProxmoxVm& vm) const {
    for (const auto& slot : vm.slots) add(slot, vm);
    for (const auto& name : vm.mappings) {
      const ProxmoxMapping* only = nullptr;
      std::size_t count = 0;
      for (const auto& mapping : mappings_) {
        if (mapping.name != name || mapping.node != node_) continue;
        only = &mapping;
        ++count;
      }
      // Of several the VM gets one that is free: which, is not written.
      if (count != 1) continue;
      for (const auto& path : only->paths) add(path, vm);
    }
  }

 private:
  void add(const std::string& path, ProxmoxVm& vm) const {
    if (canonical_pci_address(path)) {
      vm.domain.host_devices.push_back({path, "", false});
      return;
    }
    for (const auto& function : functions_) {
      if (pci_slot(function) == path) vm.domain.host_devices.push_back({function, "", false});
    }
  }

  std::vector<std::string> functions_;
  std::string node_;
  std::vector<ProxmoxMapping> mappings_;
};

// A process of that number which is this VM's.
bool is_running(const HostRoot& root, std::int64_t pid, std::uint64_t vmid) {
  const auto text = root.read(fmt::format("/proc/{}/cmdline", pid));
  if (!text) return false;
  const auto arguments = split_arguments(*text);
  const auto id = std::find(arguments.begin(), arguments.end(), "-id");
  return id != arguments.end() && std::next(id) != arguments.end() &&
         to_number<std::uint64_t>(*std::next(id)) == vmid;
}

void read_pid(const HostRoot& root, ProxmoxState& state) {
  const auto path = fmt::format("{}/{}.pid", kPidFiles, state.config.vmid);
  const auto fd = root.open(path, O_RDONLY);
  struct stat status {};
  if (!fd || ::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  const auto text = root.read_value(path);
  state.pid = text ? to_number<std::int64_t>(*text).value_or(0) : 0;
  if (state.pid != 0) {
    state.started_ns =
        static_cast<std::uint64_t>(std::max<time_t>(status.st_mtim.tv_sec, 0)) * kSecond;
  }
}

std::map<std::uint64_t, ProxmoxState> read_configs(const HostRoot& root) {
  std::map<std::uint64_t, ProxmoxState> vms;
  const auto names = root.list(kConfigs);
  if (!names) return vms;
  const Devices devices(root);
  for (std::string_view name : *names) {
    constexpr std::string_view kSuffix = ".conf";
    if (!name.ends_with(kSuffix)) continue;
    const auto vmid = to_number<std::uint64_t>(name.substr(0, name.size() - kSuffix.size()));
    const auto text = root.read(fmt::format("{}/{}", kConfigs, name));
    if (!vmid || !text) continue;
    ProxmoxState state;
    state.config = parse_proxmox_config(*text, *vmid);
    devices.resolve(state.config);
    read_pid(root, state);
    vms.emplace(*vmid, std::move(state));
  }
  return vms;
}

// A pid file that no task tells of: the tasks are from before the last rotation.
void add_pid(std::uint64_t vmid, const ProxmoxState& state, std::vector<PastRun>& runs,
             const std::map<std::uint64_t, std::size_t>& open) {
  if (state.pid == 0) return;
  const auto found = open.find(vmid);
  // Written while the task was at work, at the latest when QEMU was there.
  constexpr std::uint64_t kRounded = kSecond;
  if (found != open.end() && runs[found->second].started_ns <= state.started_ns + kRounded) {
    runs[found->second].pid = state.pid;
    return;
  }
  auto run = make_run(vmid, state.started_ns, fmt::format("{}/{}.pid", kPidFiles, vmid));
  run.pid = state.pid;
  describe(state.config, run);
  runs.push_back(std::move(run));
}

}  // namespace

std::vector<PastRun> proxmox_runs(std::vector<ProxmoxTask> tasks,
                                  const std::map<std::uint64_t, ProxmoxState>& vms) {
  std::vector<PastRun> runs;
  std::map<std::uint64_t, std::size_t> open;               // by VM: its run
  std::map<std::uint64_t, std::vector<std::size_t>> same;  // by VM: runs since it was made
  const auto end = [&](const ProxmoxTask& task, const std::string& reason) {
    const auto found = open.find(task.vmid);
    if (found == open.end()) return;
    auto& run = runs[found->second];
    run.ended_ns = task.ended_ns == 0 ? task.started_ns : task.ended_ns;
    run.end_reason = reason;
    open.erase(found);
  };
  for (const auto& task : in_order(std::move(tasks))) {
    if (task.type == "qmstart" && !task.failed()) {
      end(task, "not recorded; it started again");
      open[task.vmid] = runs.size();
      same[task.vmid].push_back(runs.size());
      runs.push_back(
          make_run(task.vmid, task.started_ns, fmt::format("{}: {}", kTasks, task.upid)));
    } else if (ends_a_run(task)) {
      end(task, task.type);
      if (task.type == "qmdestroy") same.erase(task.vmid);
    }
  }
  for (const auto& [vmid, state] : vms) {
    for (const auto index : same[vmid]) describe(state.config, runs[index]);
    add_pid(vmid, state, runs, open);
  }
  return runs;
}

ProxmoxAnswer read_proxmox(const HostRoot& root) {
  ProxmoxAnswer answer;
  auto vms = read_configs(root);
  std::vector<ProxmoxTask> tasks;
  for (const auto file : kTaskFiles) {
    const auto text = root.read(fmt::format("{}/{}", kTasks, file));
    if (!text) continue;
    answer.present = true;
    for (auto& task : parse_proxmox_tasks(*text)) tasks.push_back(std::move(task));
  }
  answer.present = answer.present || !vms.empty();
  answer.runs = proxmox_runs(std::move(tasks), vms);
  for (auto& [vmid, state] : vms) {
    auto& domain = state.config.domain;
    if (domain.name.empty()) domain.name = fmt::format("VM {}", vmid);
    domain.active = state.pid != 0 && is_running(root, state.pid, vmid);
    domain.pid = domain.active ? state.pid : 0;
    domain.state = domain.active ? "running" : "stopped";
    answer.domains.push_back(std::move(domain));
  }
  return answer;
}

}  // namespace vmleak
