// SPDX-License-Identifier: Apache-2.0
#include "records/machine_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "host/cgroup.h"
#include "model/record_source.h"

namespace vmleak {
namespace {

// libvirt cuts names of machines here (HOST_NAME_MAX).
constexpr std::size_t kMachineName = 64;

bool is_kept(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool started_alike(const PastRun& a, const PastRun& b) {
  // The domain's log says when it began, machined when QEMU was there.
  constexpr std::uint64_t kApart = 600'000'000'000;
  const auto [first, last] = std::minmax(a.started_ns, b.started_ns);
  return last - first <= kApart;
}

bool is_cut(const PastRun& run) { return run.where.ends_with("cut"); }

bool may_be(const PastRun& machine, const PastRun& other) {
  const auto form = machine_form(other.name);
  return is_cut(machine) ? form.starts_with(machine.name) : form == machine.name;
}

struct Name {
  std::string name, uuid;
  auto operator<=>(const Name&) const = default;  // NOLINT: clang-tidy 14 sees a 0 there
};

// An UUID says more than none of the same name.
std::set<Name> distinct(std::set<Name> names) {
  for (auto name = names.begin(); name != names.end();) {
    const auto next = std::next(name);
    const bool less = name->uuid.empty() && next != names.end() && next->name == name->name;
    name = less ? names.erase(name) : next;
  }
  return names;
}

}  // namespace

std::vector<PastRun> machine_runs(std::vector<MachineMessage> messages) {
  std::stable_sort(messages.begin(), messages.end(),
                   [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
  std::vector<PastRun> runs;
  std::map<std::string, std::size_t> open;  // by name of the machine: its run
  for (const auto& message : messages) {
    const auto found = open.find(message.machine);
    if (found != open.end()) {
      auto& run = runs[found->second];
      run.ended_ns = message.time_ns;
      run.end_reason = message.started ? "not recorded; it started again" : "machine terminated";
      open.erase(found);
    }
    const auto name = machine_domain(message.machine);
    if (!message.started || name.empty()) continue;
    PastRun run;
    run.name = name;
    run.source = kMachined;
    run.where = fmt::format("systemd journal, machine {}{}", message.machine,
                            message.machine.size() >= kMachineName ? ": its name is cut" : "");
    run.pid = message.leader;
    run.started_ns = message.time_ns;
    open[message.machine] = runs.size();
    runs.push_back(std::move(run));
  }
  return runs;
}

std::string machine_form(std::string_view domain) {
  std::string out;
  bool after_mark = false;
  for (const char c : domain) {
    const bool mark = c == '-' || c == '.';
    if (is_kept(c) || (mark && !after_mark)) out += c;
    if (mark || is_kept(c)) after_mark = mark;
  }
  return out;
}

void name_machines(std::vector<PastRun>& runs) {
  for (auto& machine : runs) {
    if (machine.source != kMachined) continue;
    std::set<Name> by_process;
    std::set<Name> by_form;
    for (const auto& other : runs) {
      if (other.source == kMachined || other.name.empty()) continue;
      const Name name{other.name, other.uuid};
      if (machine.pid != 0 && other.pid == machine.pid && started_alike(machine, other)) {
        by_process.insert(name);
      }
      if (may_be(machine, other)) by_form.insert(name);
    }
    const auto names = distinct(by_process.empty() ? by_form : by_process);
    if (names.size() == 1) {
      machine.name = names.begin()->name;
      machine.uuid = names.begin()->uuid;
    } else if (names.size() > 1) {
      std::string all;
      for (const auto& name : names) all += (all.empty() ? "" : ", ") + name.name;
      machine.where += "; may be any of " + all;
    }
  }
}

}  // namespace vmleak
