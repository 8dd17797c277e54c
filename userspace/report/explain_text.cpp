// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "report/audit_text.h"
#include "report/explain_report.h"
#include "report/origin_text.h"
#include "report/phrases.h"
#include "report/units.h"

namespace vmleak {
namespace {

constexpr std::size_t kFramesShown = 6;
constexpr std::size_t kOriginFrames = 32;  // all of them

struct Strokes {
  std::string_view branch;
  std::string_view last;
  std::string_view pass;
  std::string_view blank;
};

constexpr Strokes kLines{"├─ ", "└─ ", "│  ", "   "};
constexpr Strokes kAscii{"|- ", "`- ", "|  ", "   "};

class TreePrinter {
 public:
  TreePrinter(TextPage& page, bool problem)
      : page_(page), strokes_(page.style().unicode ? kLines : kAscii), problem_(problem) {}

  void print(const std::vector<HolderTree>& holders, const std::string& indent) {
    for (const auto& holder : holders) {
      const bool last = &holder == &holders.back();
      page_.line(
          fmt::format("{}{}{}", indent, last ? strokes_.last : strokes_.branch, line_of(holder)));
      print(holder.holders, fmt::format("{}{}", indent, last ? strokes_.blank : strokes_.pass));
    }
  }

 private:
  [[nodiscard]] std::string line_of(const HolderTree& holder) const {
    auto text = link_text(holder.link);
    if (holder.references > 1) text += fmt::format(" (x{})", holder.references);
    for (const auto& counter : holder.counters) text += "   " + equation(counter);
    const bool can_act = holder.link.kind == to_string(NodeKind::kProcess);
    if (problem_ && can_act && holder.holders.empty()) text += "   <- act here";
    return text;
  }

  TextPage& page_;
  const Strokes& strokes_;
  bool problem_;
};

bool is_problem(Verdict verdict) {
  return verdict == Verdict::kHeld || verdict == Verdict::kLeaked || verdict == Verdict::kStale;
}

void append_closing_task(TextPage& page, std::string_view label, const ClosingTask& task) {
  page.row(label, fmt::format("{} {} of process {}, state {}: {}", task.comm, task.tid, task.pid,
                              task.state, to_string(task.reason)));
  if (task.stack.empty()) return;
  const auto shown = std::min(kFramesShown, task.stack.size());
  page.row("",
           fmt::format("in {}", fmt::join(task.stack.begin(),
                                          task.stack.begin() + static_cast<long>(shown), " < ")));
}

const Finding* find_finding(const AuditReport& report, const std::string& id) {
  const auto finding = std::find_if(report.findings.begin(), report.findings.end(),
                                    [&id](const Finding& f) { return f.id == id; });
  return finding == report.findings.end() ? nullptr : &*finding;
}

void append_finding(TextPage& page, std::string_view label, const std::string& id,
                    const AuditReport& report) {
  const auto* finding = find_finding(report, id);
  if (finding == nullptr) return page.row(label, id);
  page.row(label, fmt::format("{} {}: {}", id, to_string(finding->verdict), finding->summary));
  const auto outcome = outcome_of(finding->verdict);
  for (const auto& origin : finding->origins) {
    for (const auto& line : origin_lines(origin, report.time, outcome, kOriginFrames)) {
      page.row("", line);
    }
  }
  for (const auto& evidence : finding->evidence) {
    page.row("", fmt::format("{}  [{}]", evidence.text, evidence.source));
  }
  for (const auto& remedy : finding->remedies) {
    const auto* what = &remedy == finding->remedies.data() ? "Do" : "";
    page.row(what, remedy.command.empty() ? remedy.name
                                          : fmt::format("{}   # {}", remedy.command, remedy.name));
  }
}

void append_origins(TextPage& page, const std::vector<Origin>& origins, const AuditReport& report) {
  bool first = true;
  for (const auto& origin : origins) {
    for (const auto& line : origin_lines(origin, report.time, "", kOriginFrames)) {
      page.row(first ? "Taken by" : "", line);
      first = false;
    }
  }
}

void append_explanation(TextPage& page, const Explanation& it, const AuditReport& report) {
  page.title(object_title(it.object), it.verdict, upper(to_string(it.verdict)));
  // With findings, the state is the summary of the worst: it stands there.
  const bool repeated =
      std::any_of(it.finding_ids.begin(), it.finding_ids.end(), [&](const std::string& id) {
        const auto* finding = find_finding(report, id);
        return finding != nullptr && finding->summary == it.state;
      });
  if (!repeated) page.row("State", it.state);
  if (it.owner) page.row("Owner", owner_text(*it.owner));
  for (const auto& [name, value] : it.properties) {
    page.row("", fmt::format("{}: {}", name, value.empty() ? "-" : value));
  }
  for (const auto& id : it.finding_ids) {
    append_finding(page, &id == it.finding_ids.data() ? "Finding" : "", id, report);
  }
  append_origins(page, it.origins, report);
  for (const auto& line : it.evidence) {
    page.row(&line == it.evidence.data() ? "Evidence" : "",
             fmt::format("{}  [{}]", line.text, line.source));
  }
  for (const auto& task : it.closing_tasks) {
    append_closing_task(page, &task == it.closing_tasks.data() ? "Closing" : "", task);
  }
  if (!it.counters.empty() || !it.holders.empty()) page.blank();
  for (const auto& counter : it.counters) {
    page.line(equation(counter));
    if (const auto text = recorded_text(counter); !text.empty()) page.line("  ledger: " + text);
  }
  TreePrinter(page, is_problem(it.verdict)).print(it.holders, "");
  page.blank();
}

}  // namespace

std::string explain_text(const std::vector<Explanation>& explanations, const AuditReport& report,
                         const TextStyle& style) {
  TextPage page(style);
  for (const auto& explanation : explanations) append_explanation(page, explanation, report);
  append_losses(page, report);
  return page.text();
}

}  // namespace vmleak
