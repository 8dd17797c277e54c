// SPDX-License-Identifier: Apache-2.0
#include "report/arm_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/names.h"
#include "report/json_parts.h"
#include "report/units.h"

namespace vmleak {
namespace {

using Action = ArmOutcome::Action;

constexpr NameTable<Action, 4> kActions{{{Action::kArmed, "armed"},
                                         {Action::kReplaced, "replaced"},
                                         {Action::kExtended, "extended"},
                                         {Action::kUnchanged, "unchanged"}}};

std::string headline(const LedgerStatus& status, const std::optional<ArmOutcome>& outcome) {
  if (!outcome) return fmt::format("Armed since {}.", status.armed_since);
  switch (outcome->action) {
    case Action::kArmed:
      return fmt::format("Armed in {:.1f} s. No process has to run for it.", outcome->seconds);
    case Action::kReplaced:
      return fmt::format("Armed anew in {:.1f} s; what was recorded before is gone.",
                         outcome->seconds);
    case Action::kExtended:
      return fmt::format("Armed since {}; extended in {:.1f} s by {}.", status.armed_since,
                         outcome->seconds, fmt::join(outcome->added, ", "));
    case Action::kUnchanged:
      break;
  }
  return fmt::format("Armed already, since {}; nothing to add.", status.armed_since);
}

std::string tier_text(Tier tier) {
  if (tier == Tier::kFull) return "full: every call is seen, and what is lost is counted";
  return fmt::format("{}: names who took a reference, decides no verdict", to_string(tier));
}

std::string entries_text(const LedgerStatus& status) {
  auto text =
      fmt::format("{} of at most {}", format_count(status.entries), format_count(status.capacity));
  if (status.preexisting != 0) {
    text += fmt::format("; {} from before it was armed", format_count(status.preexisting));
  }
  if (status.forgotten != 0) text += fmt::format("; {} forgotten", format_count(status.forgotten));
  return text;
}

Json status_json(const LedgerStatus& status) {
  return {{"version", status.version},           {"vmleak", text_or_null(status.vmleak)},
          {"capacity", status.capacity},         {"entries", status.entries},
          {"preexisting", status.preexisting},   {"forgotten", status.forgotten},
          {"memory_bytes", status.memory_bytes}, {"kept_modules", status.kept_modules}};
}

}  // namespace

std::string_view to_string(Action action) { return name_of(kActions, action); }

std::string arm_text(const LedgerStatus& status, const std::optional<ArmOutcome>& outcome,
                     const TextStyle& style) {
  TextPage page(style);
  page.paragraph(headline(status, outcome));
  page.row("Tier", tier_text(status.tier));
  page.row("Entries", entries_text(status));
  page.row("Memory", fmt::format("at most {}", format_bytes(status.memory_bytes)));
  if (!status.kept_modules.empty()) {
    page.row("Modules", fmt::format("{} can't be unloaded while it is armed",
                                    fmt::join(status.kept_modules, ", ")));
  }
  for (const auto& loss : status.losses) {
    page.row("Lost", fmt::format("{} ({})", loss.what, loss.count));
  }
  const bool none =
      std::none_of(status.families.begin(), status.families.end(), [](const Family& family) {
        return !family.classes.empty() && family.state == FamilyState::kAttached;
      });
  if (none) page.row("Warning", "no module of KVM or VFIO is loaded: arm again when they are");
  for (const auto& warning : status.warnings) page.row("Warning", warning);
  page.blank();
  for (const auto& family : status.families) {
    const bool attached = family.state == FamilyState::kAttached;
    page.capability(attached ? Verdict::kClean : Verdict::kInconclusive, to_string(family.state),
                    family.name, family.program.empty() ? "-" : family.program);
    if (!attached) page.row("", "lost: " + family.lost_without);
  }
  return page.text();
}

std::string arm_json(const std::optional<LedgerStatus>& status,
                     const std::optional<ArmOutcome>& outcome) {
  Json document{{"schema", kArmSchema}, {"armed", status.has_value()}};
  if (outcome) {
    document["action"] = to_string(outcome->action);
    document["added"] = outcome->added;
    document["seconds"] = outcome->seconds;
  }
  document["ledger"] = status ? status_json(*status) : Json();
  document["coverage"] =
      status ? coverage_json({status->tier, status->armed_since, status->families}) : Json();
  document["losses"] = losses_json(status ? status->losses : std::vector<Loss>());
  document["warnings"] = status ? status->warnings : std::vector<std::string>();
  return dump_document(document);
}

std::string disarm_text(const std::vector<std::string>& removed) {
  if (removed.empty()) return "Nothing was armed.\n";
  return fmt::format("Disarmed: {} removed, nothing is left in the kernel.\n",
                     counted(removed.size(), "program and map", "programs and maps"));
}

std::string disarm_json(const std::vector<std::string>& removed) {
  return dump_document({{"schema", "vmleak.disarm/1"}, {"removed", removed}});
}

}  // namespace vmleak
