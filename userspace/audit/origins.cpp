// SPDX-License-Identifier: Apache-2.0
// What the ledger says about references: who took them, and where.
#include "audit/origins.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>

#include "audit/stability.h"
#include "audit/taker.h"
#include "audit/wording.h"
#include "model/reference_class.h"

namespace vmleak {
namespace {

constexpr std::size_t kNodesPerCause = 32;

// "kvm" for a frame "kvm_vm_ioctl [kvm]" of the function.
std::string module_of(std::string_view function, const std::vector<std::string>& stack) {
  for (const auto& frame : stack) {
    if (!frame.starts_with(function) || !frame.ends_with(']')) continue;
    const auto open = frame.rfind(" [");
    // "kvm_vm_ioctl+0x1f/0x2a0 [kvm]" is it too, "kvm_vm_ioctl_create [kvm]" is not.
    if (open == std::string::npos || open < function.size()) continue;
    const auto rest = std::string_view(frame).substr(function.size(), open - function.size());
    if (rest.empty() || rest.front() == '+' || rest.front() == '.') {
      return frame.substr(open + 2, frame.size() - open - 3);
    }
  }
  return {};
}

// All that one module, or the kernel itself, took and gave back.
struct ModuleSum {
  std::int64_t net = 0;
  std::vector<const CallerSum*> sums;
};

// Finds the origins of one counter's references, the surest kind first.
class CounterOrigins {
 public:
  CounterOrigins(const AuditContext& context, const Balance& balance, std::int64_t of)
      : context_(context), ledger_(context.now().ledger), balance_(balance), of_(of), left_(of) {}

  std::vector<Origin> run() {
    add_forgotten();
    add_unbalanced();
    const auto unseen = unseen_entries(context_.now().graph, ledger_, balance_);
    if (left_ > 0) add(unseen, EntryState::kOut);
    if (left_ > 0) add_opened();
    if (left_ > 0) add(unseen, EntryState::kPreexisting);
    return std::move(out_);
  }

  void add_unbalanced() {
    std::map<std::string_view, ModuleSum> modules;
    for (const auto* sum : ledger_.sums_of(balance_.node, balance_.counter)) {
      auto& module = modules[sum->module];
      module.net += sum->gets - sum->puts;
      module.sums.push_back(sum);
    }
    for (const auto& [name, module] : modules) {
      if (module.net <= 0) continue;
      auto origin = unbalanced(module);
      origin.module = name;
      left_ -= origin.references;
      add_origin(out_, std::move(origin));
    }
  }

  std::vector<Origin> take() { return std::move(out_); }

 private:
  Origin blank(OriginState state) const {
    const auto& graph = context_.now().graph;
    Origin origin;
    origin.state = state;
    origin.object = object_ref(graph.node(graph.find(balance_.node)));
    origin.counter = balance_.counter;
    origin.of = of_;
    return origin;
  }

  void add_forgotten() {
    for (const auto* entry : ledger_.of(balance_.node)) {
      if (entry->state != EntryState::kForgotten || counter_of(entry->cls) != balance_.counter) {
        continue;
      }
      left_ -= entry->references;
      add_origin(out_, origin_of(context_, *entry, of_));
    }
  }

  // Gets and puts run in different stacks, so every stack that got one may
  // have got the one that is left.
  Origin unbalanced(const ModuleSum& module) const {
    auto origin = blank(OriginState::kUnbalanced);
    origin.references = of_ > 0 ? std::min(module.net, of_) : module.net;
    std::int64_t most = 0;
    for (const auto* sum : module.sums) {
      for (const auto& stack : sum->stacks) {
        if (stack.is_put) continue;
        origin.candidates.push_back({stack.count, sum->function, sum->at_or_below, stack.frames,
                                     origin_task(context_, stack.last)});
      }
      if (sum->gets <= most) continue;
      most = sum->gets;
      origin.function = sum->function;
      origin.at_or_below = sum->at_or_below;
    }
    if (origin.candidates.size() != 1) return origin;
    const auto& only = origin.candidates.front();
    origin.stack = only.stack;
    origin.pid = only.last.pid;
    origin.comm = only.last.comm;
    origin.domain = only.last.domain;
    origin.time = only.last.time;
    return origin;
  }

  void add(const std::vector<const LedgerEntry*>& entries, EntryState state) {
    for (const auto* entry : entries) {
      if (entry->state != state) continue;
      if (state == EntryState::kOut) left_ -= entry->references;
      add_origin(out_, origin_of(context_, *entry, of_));
    }
  }

  // get_file() leaves no entry; what is known is who opened the file.
  void add_opened() {
    const auto& graph = context_.now().graph;
    if (graph.kind(graph.find(balance_.node)) != NodeKind::kOpenFile) return;
    for (const auto* entry : ledger_.by_holder(balance_.node)) {
      if (!entry->cls.ends_with("file") || entry->state == EntryState::kForgotten) continue;
      auto origin = origin_of(context_, *entry, of_);
      if (origin.state == OriginState::kTaken) origin.state = OriginState::kOpened;
      const auto blank_origin = blank(origin.state);
      origin.object = blank_origin.object;
      origin.counter = blank_origin.counter;
      origin.references = left_;
      origin.holder.clear();
      add_origin(out_, std::move(origin));
      return;
    }
  }

  const AuditContext& context_;
  const LedgerIndex& ledger_;
  const Balance& balance_;
  std::int64_t of_;
  std::int64_t left_;
  std::vector<Origin> out_;
};

void append(std::vector<Origin>& out, std::vector<Origin> more) {
  for (auto& origin : more) add_origin(out, std::move(origin));
}

// Entries behind one visible reference: that of its holder or, where the
// ledger knows the holder by another token, all of its class.
std::vector<const LedgerEntry*> entries_behind(const Sample& sample, const Reference& reference) {
  std::vector<const LedgerEntry*> of_class;
  std::vector<const LedgerEntry*> of_holder;
  for (const auto* entry : sample.ledger.of(reference.held)) {
    if (entry->cls != reference.cls) continue;
    of_class.push_back(entry);
    if (entry->holder == reference.holder) of_holder.push_back(entry);
  }
  return of_holder.empty() ? of_class : of_holder;
}

std::vector<Origin> origins_of_holders(const AuditContext& context, const Cause& cause) {
  const auto& sample = context.now();
  std::vector<Origin> out;
  std::vector<NodeIndex> order{cause.primary};
  std::unordered_set<NodeIndex> seen{cause.primary};
  std::unordered_set<const LedgerEntry*> used;
  for (std::size_t next = 0; next < order.size() && next < kNodesPerCause; ++next) {
    for (const auto& step : steps_up(sample.graph, sample.liveness, order[next])) {
      if (seen.insert(step.holder).second) order.push_back(step.holder);
      if (step.reference == nullptr) continue;
      const auto value = sample.graph.value(order[next], step.reference->counter);
      for (const auto* entry : entries_behind(sample, *step.reference)) {
        if (used.insert(entry).second) add_origin(out, origin_of(context, *entry, value));
      }
    }
  }
  return out;
}

// Classes whose files keep a module.
struct ModuleClasses {
  std::string_view module;
  std::string_view prefix;  // of the classes
};

constexpr std::array kModuleClasses = std::to_array<ModuleClasses>({
    {"kvm", "kvm/"},
    {"vfio", "vfio-container/"},
    {"vfio", "vfio-group/"},
    {"vfio", "vfio-device/"},
    {"vfio_iommu_type1", "vfio-container/"},
    {"vfio_pci", "vfio-device/"},
    {"vhost_net", "mm/vhost"},
    {"vhost_net", "file/vhost-"},
});

bool keeps_module(std::string_view module, std::string_view cls) {
  return std::any_of(kModuleClasses.begin(), kModuleClasses.end(), [&](const auto& row) {
    return row.module == module && cls.starts_with(row.prefix);
  });
}

bool same_origin(const Origin& a, const Origin& b) {
  const auto dropper = [](const Origin& origin) {
    return origin.dropped ? origin.dropped->pid : 0;
  };
  return a.state == b.state && a.object.kind == b.object.kind && a.object.id == b.object.id &&
         a.counter == b.counter && a.cls == b.cls && a.function == b.function &&
         a.module == b.module && a.stack == b.stack && a.pid == b.pid && a.comm == b.comm &&
         dropper(a) == dropper(b) && a.candidates.empty() && b.candidates.empty();
}

}  // namespace

Origin origin_of(const AuditContext& context, const LedgerEntry& entry, std::int64_t of) {
  const auto& graph = context.now().graph;
  Origin out;
  out.references = entry.references;
  out.cls = entry.cls;
  out.function = entry.function;
  out.stack = entry.stack;
  const auto taken = origin_task(context, entry.taken);
  out.pid = taken.pid;
  out.comm = taken.comm;
  out.domain = taken.domain;
  out.time = taken.time;
  if (const auto held = graph.find(entry.held); held != kNoNode) {
    out.object = object_ref(graph.node(held));
  }
  out.counter = counter_of(entry.cls);
  out.of = of;
  out.module = module_of(entry.function, entry.stack);
  const auto holder = graph.find(entry.holder);
  out.holder = entry.holder_text;
  if (holder != kNoNode) {
    out.holder += (out.holder.empty() ? "" : " of ") + node_text(graph, holder);
  }
  if (entry.state == EntryState::kPreexisting) out.state = OriginState::kPreexisting;
  if (entry.state != EntryState::kForgotten) return out;
  out.state = OriginState::kForgotten;
  const auto* row = find_reference_class(entry.cls);
  if (row != nullptr) out.dropped_in = row->dropped_in;
  out.dropped = origin_task(context, entry.dropped);
  return out;
}

void add_origin(std::vector<Origin>& origins, Origin origin) {
  const auto same = std::find_if(origins.begin(), origins.end(),
                                 [&](const Origin& other) { return same_origin(other, origin); });
  if (same == origins.end()) return origins.push_back(std::move(origin));
  same->references += origin.references;
  if (origin.time < same->time) same->time = origin.time;
  if (same->holder != origin.holder) same->holder.clear();
}

std::vector<Origin> origins_of(const AuditContext& context, const Cause& cause) {
  if (context.now().ledger.book() == nullptr) return {};
  if (cause.kernel.empty()) return origins_of_holders(context, cause);
  std::vector<Origin> out;
  for (const auto& root : cause.kernel) {
    for (const auto* balance : root.counters) {
      append(out, CounterOrigins(context, *balance, balance->unexplained()).run());
    }
  }
  return out;
}

std::vector<Origin> origins_of_module(const AuditContext& context, NodeIndex module,
                                      std::int64_t references) {
  std::vector<Origin> out;
  const auto& sample = context.now();
  if (sample.ledger.book() == nullptr) return out;
  const auto name = local_id(sample.graph.node(module).id);
  for (const auto& entry : sample.ledger.book()->entries) {
    if (!entry.holder.empty() || !keeps_module(name, entry.cls)) continue;
    add_origin(out, origin_of(context, entry, references));
  }
  return out;
}

std::vector<Origin> origins_on(const AuditContext& context, NodeIndex node) {
  const auto& sample = context.now();
  std::vector<Origin> out;
  for (const auto* entry : sample.ledger.of(sample.graph.node(node).id)) {
    // Where all is explained it was given back after all: another take beside
    // the drop hid it from the hook.
    const auto* balance = sample.graph.balance(node, counter_of(entry->cls));
    const bool is_left = balance == nullptr || balance->unaccounted > 0;
    if (entry->state == EntryState::kForgotten && !is_left) continue;
    add_origin(out, origin_of(context, *entry, sample.graph.value(node, counter_of(entry->cls))));
  }
  for (const auto& balance : sample.graph.balances(node)) {
    CounterOrigins outside(context, balance, balance.value);
    outside.add_unbalanced();
    append(out, outside.take());
  }
  return out;
}

std::vector<Evidence> evidence_of_drift(const AuditContext& context,
                                        const std::vector<Origin>& origins) {
  std::vector<Evidence> out;
  if (context.samples.size() < kSamplesNeeded) return out;
  for (const auto& drift : context.drift) {
    const bool used = std::any_of(origins.begin(), origins.end(),
                                  [&](const Origin& origin) { return origin.cls == drift.cls; });
    const auto text = fmt::format("class {} is not reliable on this kernel: {} recorded, {} seen",
                                  drift.cls, drift.recorded, drift.seen);
    if (used) out.push_back({"ledger drift", text});
  }
  return out;
}

void name_domains(std::vector<Origin>& origins, const std::optional<Owner>& owner) {
  // A process name or a label is not the name of a domain.
  if (!owner || owner->pid == 0 || owner->uuid.empty()) return;
  for (auto& origin : origins) {
    if (origin.domain.empty() && origin.pid == owner->pid) origin.domain = owner->name;
  }
}

}  // namespace vmleak
