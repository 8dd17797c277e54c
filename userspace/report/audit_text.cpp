// SPDX-License-Identifier: Apache-2.0
#include "report/audit_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/origin_text.h"
#include "report/phrases.h"
#include "report/units.h"

namespace vmleak {
namespace {

// One screen: what is left out here is in `explain` and in the JSON.
constexpr std::size_t kChainsShown = 4;
constexpr std::size_t kConsequencesShown = 5;
constexpr std::size_t kEvidenceShown = 4;
constexpr std::size_t kOriginsShown = 4;
constexpr std::size_t kFramesShown = 8;
constexpr std::size_t kLossesShown = 8;
constexpr std::size_t kDriftShown = 4;

// Calls `show` for the first `limit` items; returns how many were left out.
template <class Items, class Show>
std::size_t for_first(const Items& items, std::size_t limit, Show show) {
  for (std::size_t i = 0; i < std::min(limit, items.size()); ++i) {
    show(i == 0, items[i]);
  }
  return items.size() - std::min(limit, items.size());
}

std::string impact_text(const Finding& finding, const AuditReport& report) {
  auto text = finding.impact.text;
  const auto append = [&text](std::string_view part) {
    if (!text.empty()) text += "; ";
    text += part;
  };
  if (finding.impact.bytes > 0) {
    append(fmt::format("{} of memory not given back", format_bytes(finding.impact.bytes)));
  }
  const auto now = parse_time(report.time);
  const auto since = finding.since ? parse_time(*finding.since) : std::nullopt;
  if (now && since && *now > *since) append("for " + format_duration(*now - *since));
  return text;
}

// Who to talk to comes first, then the way from there back to the object.
void append_chain(TextPage& page, std::string_view label, const HolderChain& holder) {
  if (holder.chain.empty()) return page.row(label, "the kernel, unknown where");
  const auto times = holder.references > 1 ? fmt::format("{} x ", holder.references) : "";
  page.row(label, times + link_text(holder.chain.back()));
  std::string way;
  for (auto link = holder.chain.rbegin() + 1; link != holder.chain.rend(); ++link) {
    way += fmt::format("{}{}", way.empty() ? "through " : " -> ", link_text(*link));
  }
  if (!way.empty()) page.row("", way);
}

void append_counters(TextPage& page, const Finding& finding) {
  for (const auto& balance : finding.counters) {
    const bool other =
        balance.object.kind != finding.object.kind || balance.object.id != finding.object.id;
    const auto whose = other ? object_title(balance.object) + ": " : "";
    page.row("", whose + equation(balance));
  }
}

std::size_t append_origins(TextPage& page, const Finding& finding, const AuditReport& report) {
  if (finding.origins.empty()) {
    if (finding.verdict == Verdict::kLeaked) {
      page.row("Taken by", unknown_origin(report.coverage, report.time));
    }
    return 0;
  }
  const auto outcome = outcome_of(finding.verdict);
  return for_first(finding.origins, kOriginsShown, [&](bool first, const Origin& origin) {
    const auto lines = origin_lines(origin, report.time, outcome, kFramesShown);
    for (const auto& line : lines) page.row(first && &line == lines.data() ? "Taken by" : "", line);
  });
}

void append_remedies(TextPage& page, const Finding& finding) {
  bool first = true;
  for (const auto& remedy : finding.remedies) {
    const auto label = first ? "Do" : "";
    first = false;
    if (remedy.command.empty()) {
      page.row(label, remedy.risk.empty() ? remedy.name
                                          : fmt::format("{} ({} risk)", remedy.name, remedy.risk));
    } else {
      page.row(label, remedy.command);
      page.row("", fmt::format("{}; {} risk", remedy.name, remedy.risk));
    }
    if (!remedy.ready && !remedy.blocked_by.empty()) {
      page.row("", fmt::format("not yet possible: {}", fmt::join(remedy.blocked_by, "; ")));
    }
  }
}

void append_finding(TextPage& page, const Finding& finding, const AuditReport& report) {
  page.headline(finding.verdict, object_title(finding.object), "id " + finding.id);
  page.row("Cause", finding.summary);
  append_counters(page, finding);
  if (const auto impact = impact_text(finding, report); !impact.empty()) {
    page.row("Impact", impact);
  }
  if (finding.owner) {
    const bool gone = finding.owner->state == OwnerState::kGone;
    page.row(gone ? "Last user" : "Owner", owner_text(*finding.owner));
  }
  std::size_t hidden =
      for_first(finding.holders, kChainsShown, [&page](bool first, const HolderChain& holder) {
        append_chain(page, first ? "Held by" : "", holder);
      });
  hidden += append_origins(page, finding, report);
  hidden += for_first(
      finding.consequences, kConsequencesShown, [&page](bool first, const Consequence& also) {
        page.row(first ? "Keeps too" : "",
                 fmt::format("{}{}{}", object_title({also.kind, also.id, also.name}),
                             also.text.empty() ? "" : ": ", also.text));
      });
  hidden +=
      for_first(finding.evidence, kEvidenceShown, [&page](bool first, const Evidence& evidence) {
        page.row(first ? "Evidence" : "", fmt::format("{}  [{}]", evidence.text, evidence.source));
      });
  append_remedies(page, finding);
  if (hidden > 0) {
    page.row("More", fmt::format("{} not shown: vmleak explain {}",
                                 counted(hidden, "line", "lines"), finding.id));
  }
  page.blank();
}

struct VerdictPhrase {
  Verdict verdict;
  bool problem;
};

constexpr std::array<VerdictPhrase, 5> kCounted{{{Verdict::kLeaked, true},
                                                 {Verdict::kHeld, true},
                                                 {Verdict::kStale, true},
                                                 {Verdict::kInconclusive, false},
                                                 {Verdict::kReleasing, false}}};

// "2 problems: 1 leaked, 1 held."
std::string findings_summary(const AuditReport& report) {
  std::size_t problems = 0;
  std::string kinds;
  std::string others;
  for (const auto& [verdict, problem] : kCounted) {
    const auto number = static_cast<std::size_t>(
        std::count_if(report.findings.begin(), report.findings.end(),
                      [v = verdict](const Finding& finding) { return finding.verdict == v; }));
    if (number == 0) continue;
    if (problem) problems += number;
    auto& list = problem ? kinds : others;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", number, to_string(verdict));
  }
  std::string text = report.verdict == Verdict::kInconclusive
                         ? "No problem found in what could be seen"
                         : "No problem found";
  if (problems > 0) text = fmt::format("{}: {}", counted(problems, "problem"), kinds);
  if (!others.empty()) text += fmt::format("; {}", others);
  return text + ".";
}

// No finding: the counters hold, only the third book can't be trusted there.
void append_drift(TextPage& page, const AuditReport& report) {
  std::size_t shown = 0;
  for (const auto& drift : report.drift) {
    if (shown++ == kDriftShown) break;
    page.paragraph("ledger drift: " + drift_text(drift));
  }
  if (report.drift.size() > kDriftShown) {
    page.paragraph(
        fmt::format("and {} more: vmleak audit --format json", report.drift.size() - kDriftShown));
  }
}

void append_closing(TextPage& page, const AuditReport& report,
                    std::optional<std::chrono::milliseconds> took) {
  auto summary = findings_summary(report);
  if (report.vms_fine > 0 || report.vms_releasing > 0) {
    summary += fmt::format(" {} fine", counted(static_cast<std::uint64_t>(report.vms_fine), "VM"));
    if (report.vms_releasing > 0) summary += fmt::format(", {} releasing", report.vms_releasing);
    summary += '.';
  }
  page.paragraph(summary);
  const auto duration =
      took ? fmt::format(" in {:.2f} s", static_cast<double>(took->count()) / 1000) : "";
  page.paragraph(
      fmt::format("Looked at {} and {}{}. {}", counted(report.files_walked, "open file"),
                  counted(report.mappings_walked, "mapping"), duration,
                  report.losses.empty() ? "Complete: nothing lost." : "Incomplete: see above."));
  append_drift(page, report);
}

}  // namespace

void append_losses(TextPage& page, const AuditReport& report) {
  if (report.losses.empty()) return;
  page.headline(Verdict::kInconclusive, "not everything could be seen");
  const auto more = for_first(report.losses, kLossesShown, [&page](bool first, const Loss& loss) {
    std::string kinds;
    for (const auto kind : loss.kinds) {
      kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", kind_label(to_string(kind)));
    }
    page.row(first ? "Lost" : "",
             fmt::format("{}{}  [touches {}]", loss.what,
                         loss.count > 1 ? fmt::format(" ({} times)", loss.count) : "",
                         kinds.empty() ? "everything" : kinds));
  });
  if (more > 0) page.row("", fmt::format("and {} more: vmleak audit --format json", more));
  page.blank();
}

std::string audit_text(const AuditReport& report, const TextStyle& style,
                       std::optional<std::chrono::milliseconds> took) {
  TextPage page(style);
  for (const auto& finding : report.findings) append_finding(page, finding, report);
  append_losses(page, report);
  if (report.coverage.tier == Tier::kProc) {
    page.headline(Verdict::kInconclusive, "the kernel let vmleak read only /proc and /sys");
    page.row("Do", "vmleak doctor");
    page.blank();
  }
  append_closing(page, report, took);
  return page.text();
}

}  // namespace vmleak
