// SPDX-License-Identifier: Apache-2.0
#include "attach/attach_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace vmleak {
namespace {

constexpr std::string_view kFentryKind = "fentry";
constexpr std::string_view kKprobeKind = "kprobe";

// Kinds stand and fall together: what takes an fexit also takes an fentry.
constexpr auto kKinds = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"fentry", kFentryKind},
    {"fexit", kFentryKind},
    {"kprobe", kKprobeKind},
    {"kretprobe", kKprobeKind},
});

std::string_view base_kind(std::string_view kind) {
  const auto* row = std::find_if(kKinds.begin(), kKinds.end(),
                                 [kind](const auto& entry) { return entry.first == kind; });
  return row == kKinds.end() ? kind : row->second;
}

bool is_off(const AttachSupport& support, std::string_view name) {
  return std::find(support.without.begin(), support.without.end(), name) != support.without.end();
}

// Why the kernel can't have this program; empty when it can.
std::string refusal(std::string_view program, const AttachSupport& support) {
  if (support.running.contains(program)) return {};
  const auto [kind, function] = program_target(program);
  const auto base = base_kind(kind);
  const auto found = support.functions.find(function);
  if (found == support.functions.end()) return fmt::format("no function {}", function);
  if (is_off(support, base)) return fmt::format("{} is switched off", base);
  if (const auto why = support.refused_kinds.find(base); why != support.refused_kinds.end()) {
    return fmt::format("{}: {}", base, why->second);
  }
  if (found->second.symbols > 1) {
    return fmt::format("{} functions are called {}", found->second.symbols, function);
  }
  if (base == kFentryKind && !found->second.has_types) {
    return fmt::format("{} has no type information", function);
  }
  const auto why = support.refused_programs.find(program);
  return why == support.refused_programs.end() ? std::string()
                                               : fmt::format("{}: {}", program, why->second);
}

struct Choice {
  std::vector<std::string_view> programs;
  std::string reason;  // why there are none
};

Choice choose(const Side& side, const AttachSupport& support) {
  Choice choice;
  for (const auto& alternative : side.alternatives) {
    std::vector<std::string_view> programs;
    std::string reason;
    for (const auto program : alternative.programs) {
      if (program.empty()) continue;
      programs.push_back(program);
      if (reason.empty()) reason = refusal(program, support);
    }
    if (programs.empty()) continue;
    if (reason.empty()) return {std::move(programs), {}};
    // A function that other kernels have says less than why one of this kernel is refused.
    if (choice.reason.find(reason) != std::string::npos) continue;
    choice.reason += (choice.reason.empty() ? "" : "; ") + reason;
  }
  return choice;
}

// The programs of all sides, or why one has none.
Choice choose(const LedgerFamily& family, const AttachSupport& support) {
  Choice all;
  for (const auto& side : family.sides) {
    auto choice = choose(side, support);
    if (choice.programs.empty()) return {{}, fmt::format("{}: {}", side.name, choice.reason)};
    all.programs.insert(all.programs.end(), choice.programs.begin(), choice.programs.end());
  }
  return all;
}

std::string kinds_of(const std::vector<std::string_view>& programs) {
  std::string text;
  for (const auto& [kind, base] : kKinds) {
    const bool used = std::any_of(
        programs.begin(), programs.end(),
        [kind = kind](const auto program) { return program_target(program).kind == kind; });
    if (used) text += fmt::format("{}{}", text.empty() ? "" : ", ", kind);
  }
  return text;
}

Family row_of(const LedgerFamily& family, FamilyState state, std::string_view reason,
              std::string program = {}) {
  Family row;
  row.name = family.name;
  row.state = state;
  row.program = std::move(program);
  row.lost_without = reason.empty() ? std::string(family.lost_without)
                                    : fmt::format("{} ({})", family.lost_without, reason);
  row.classes.assign(family.classes.begin(), family.classes.end());
  return row;
}

// Why nobody wants it; nothing when somebody does.
std::optional<std::string_view> unwanted(const LedgerFamily& family, const AttachSupport& support) {
  if (is_off(support, family.name)) return "";
  if (family.name == kFilesFamily && !support.files) return "only with --files";
  if (family.name == kDmaFamily && !support.dma) return "only in trace";
  return std::nullopt;
}

}  // namespace

AttachPlan plan_attach(std::span<const LedgerFamily> families, const AttachSupport& support,
                       std::size_t max_trampolines) {
  AttachPlan plan;
  std::set<std::string_view> trampolines;
  for (const auto& program : support.running) {
    if (is_trampoline(program)) trampolines.insert(program_target(program).function);
  }
  std::set<std::string_view> chosen(support.running.begin(), support.running.end());
  for (const auto& family : families) {
    if (!family.part.empty() && !support.functions.contains(family.part)) continue;
    if (const auto reason = unwanted(family, support)) {
      plan.rows.push_back(row_of(family, FamilyState::kOff, *reason));
      continue;
    }
    auto choice = choose(family, support);
    const auto failed = support.failed_families.find(family.name);
    if (failed != support.failed_families.end()) choice = {{}, failed->second};
    auto with_it = trampolines;
    for (const auto program : choice.programs) {
      if (is_trampoline(program)) with_it.insert(program_target(program).function);
    }
    if (with_it.size() > max_trampolines && with_it.size() > trampolines.size()) {
      choice = {{}, fmt::format("more than {} trampolines", max_trampolines)};
    }
    if (choice.programs.empty()) {
      plan.rows.push_back(row_of(family, FamilyState::kMissing, choice.reason));
      continue;
    }
    trampolines = std::move(with_it);
    for (const auto program : choice.programs) {
      if (chosen.insert(program).second) plan.programs.emplace_back(program);
    }
    plan.rows.push_back(row_of(family, FamilyState::kAttached, {}, kinds_of(choice.programs)));
    plan.attach.push_back({&family, std::move(choice.programs)});
  }
  plan.trampolines = trampolines.size();
  return plan;
}

bool is_trampoline(std::string_view program) {
  return base_kind(program_target(program).kind) == kFentryKind;
}

Tier ledger_tier(const std::vector<Family>& rows) {
  auto tier = Tier::kSnapshot;
  for (const auto& row : rows) {
    if (row.state != FamilyState::kAttached) continue;
    if (row.program.find(kKprobeKind) != std::string::npos ||
        row.program.find("kretprobe") != std::string::npos) {
      return Tier::kKprobe;
    }
    tier = Tier::kFull;
  }
  return tier;
}

}  // namespace vmleak
