// SPDX-License-Identifier: Apache-2.0
#include "remedy/holder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "audit/wording.h"

namespace vmleak {
namespace {

// Ending one of these takes other things of the host with it.
constexpr std::array<std::string_view, 16> kCritical{
    "systemd",     "init",    "systemd-journal", "systemd-logind", "systemd-udevd", "dbus-daemon",
    "dbus-broker", "sshd",    "libvirtd",        "virtqemud",      "virtlogd",      "virtlockd",
    "containerd",  "dockerd", "containerd-shim", "ovs-vswitchd"};

bool is_critical(const ProcessFacts& facts) {
  return std::any_of(kCritical.begin(), kCritical.end(),
                     [&](std::string_view name) { return facts.comm == name; });
}

// Everything the process keeps, however indirectly.
std::set<NodeIndex> kept_by(const Graph& graph, NodeIndex process) {
  std::set<NodeIndex> seen{process};
  std::vector<NodeIndex> todo{process};
  const auto mm = graph.find(facts_of<ProcessFacts>(graph.node(process)).mm);
  if (mm != kNoNode && seen.insert(mm).second) todo.push_back(mm);
  while (!todo.empty()) {
    const auto node = todo.back();
    todo.pop_back();
    for (const auto& edge : graph.held(node)) {
      if (seen.insert(edge.node).second) todo.push_back(edge.node);
    }
  }
  return seen;
}

// A living VM that would suffer; empty when none is seen.
std::string served_vm(const Subject& subject, NodeIndex process) {
  const auto& graph = subject.graph();
  const auto& facts = facts_of<ProcessFacts>(graph.node(process));
  for (const auto& domain : subject.snapshot.management.domains) {
    if (domain.active && domain.pid == facts.pid) return "domain " + domain.name;
  }
  for (const auto node : kept_by(graph, process)) {
    const auto kind = graph.kind(node);
    // Its own address space is alive as long as it is itself.
    if (kind == NodeKind::kMm || kind == NodeKind::kModule || kind == NodeKind::kFile) continue;
    if (!is_object(kind) || subject.sample.liveness.of(node) != Life::kAlive) continue;
    const auto user = subject.sample.liveness.user(node);
    if (user == kNoNode) continue;
    if (user == process && kind != NodeKind::kKvm) continue;
    const auto& vm = facts_of<ProcessFacts>(graph.node(user)).vm;
    return vm.name.empty() ? node_text(graph, node) : "domain " + vm.name;
  }
  return "";
}

}  // namespace

std::string holder_text(const Subject& subject, NodeIndex holder) {
  return process_text(subject.graph().node(holder));
}

std::string why_not_ended(const Subject& subject, NodeIndex holder) {
  const auto& node = subject.graph().node(holder);
  const auto& facts = facts_of<ProcessFacts>(node);
  const auto who = process_text(node);
  if (node.kind == NodeKind::kKernelThread) {
    return fmt::format("{} is a kernel thread; find out what it works for", who);
  }
  if (facts.pid == 1) return fmt::format("{} is the host's first process", who);
  if (subject.options.own_processes.contains(facts.pid)) {
    return fmt::format("{} is what vmleak runs in", who);
  }
  if (facts.state == "D") {
    return fmt::format("{} waits inside the kernel (state D) and can't be killed", who);
  }
  if (facts.start_time_ns == 0) {
    return fmt::format("when {} began is not known: its PID alone does not tell who it is", who);
  }
  if (const auto vm = served_vm(subject, holder); !vm.empty()) {
    return fmt::format("{} also serves {}, which lives", who, vm);
  }
  return "";
}

Risk risk_of_ending(const Subject& subject, NodeIndex holder) {
  const auto& facts = facts_of<ProcessFacts>(subject.graph().node(holder));
  const bool service = facts.unit.ends_with(".service") && facts.vm.name.empty();
  return service || !facts.pod.empty() || is_critical(facts) ? Risk::kHigh : Risk::kMedium;
}

}  // namespace vmleak
