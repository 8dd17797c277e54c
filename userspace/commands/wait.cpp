// SPDX-License-Identifier: Apache-2.0
#include "commands/wait.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "audit/audit.h"
#include "audit/balance.h"
#include "audit/explain.h"
#include "audit/target.h"
#include "model/reference_class.h"
#include "report/explain_report.h"

namespace vmleak {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{1000};

// Kinds that exist only as long as somebody uses them; the others (a device, a
// group, a disk image) stay and become idle.
constexpr std::array kGoesAway{NodeKind::kKvm, NodeKind::kVfioContainer, NodeKind::kMm,
                               NodeKind::kProcess, NodeKind::kOpenFile};

bool goes_away(const NodeId& id) {
  const auto kind = node_kind_from(std::string_view(id).substr(0, id.find(':')));
  return kind && std::find(kGoesAway.begin(), kGoesAway.end(), *kind) != kGoesAway.end();
}

bool is_structural(const std::string& cls) {
  const auto* known = find_reference_class(cls);
  return known != nullptr && known->structural;
}

bool is_occupied(const Book& book, const std::vector<Balance>& balances, const NodeId& id) {
  if (goes_away(id)) return true;
  const bool held = std::any_of(book.references.begin(), book.references.end(),
                                [&id](const Reference& reference) {
                                  return reference.held == id && !is_structural(reference.cls);
                                });
  return held || std::any_of(balances.begin(), balances.end(), [&id](const Balance& balance) {
           return balance.node == id && balance.unaccounted != 0;
         });
}

struct Look {
  Judged judged;
  std::vector<NodeId> occupied;
  bool known = false;  // something on this host is called that
  bool complete = true;
};

Result<Look> look(const AuditCommand& command, const Environment& environment) {
  auto source = command.source;
  source.no_wait = true;
  auto judged = load_and_audit(source, command.target, environment);
  if (!judged) return judged.error();
  Look result;
  result.judged = std::move(*judged);
  const auto& book = result.judged.snapshot.samples.back();
  // What the ledger lost hides nobody who holds it.
  const bool all_walked = std::all_of(book.losses.begin(), book.losses.end(),
                                      [](const Loss& loss) { return loss.in_ledger; });
  result.complete = all_walked && result.judged.report.coverage.tier != Tier::kProc;
  // A target that nothing is called any more is one that went away.
  if (const auto nodes = find_target(result.judged, command.target)) {
    result.known = true;
    const auto balances = balance_counters(book);
    std::copy_if(nodes->begin(), nodes->end(), std::back_inserter(result.occupied),
                 [&](const NodeId& id) { return is_occupied(book, balances, id); });
  }
  return result;
}

std::string describe(const AuditCommand& command, const Environment& environment, const Look& last,
                     bool free) {
  const auto explanations = explain(last.judged.snapshot, last.judged.report, last.occupied);
  if (command.format != Format::kText) return explain_json(explanations, last.judged.report);
  const auto target = printable(command.target);
  if (free) {
    return last.known ? fmt::format("{} is free.\n", target)
                      : fmt::format("{} is free: nothing on this host is called that.\n", target);
  }
  const auto state =
      last.occupied.empty()
          ? fmt::format("{}: nobody seen, but not everything could be seen.\n\n", target)
          : fmt::format("{} is still occupied.\n\n", target);
  return state + explain_text(explanations, last.judged.report, environment.style);
}

}  // namespace

Result<ExitCode> wait_until_free(const AuditCommand& command, const Environment& environment) {
  const auto start = Clock::now();
  while (true) {
    auto last = look(command, environment);
    if (!last) return last.error();
    const bool free = last->occupied.empty() && last->complete;
    const auto elapsed = Clock::now() - start;
    if (!free && (!command.wait->at_most || elapsed + kPause <= *command.wait->at_most)) {
      environment.sleep(kPause);
      if (environment.interrupted()) {
        return Error{fmt::format("wait for {}: interrupted", command.target)};
      }
      continue;
    }
    if (!command.quiet) {
      if (auto written = environment.write(describe(command, environment, *last, free)); !written) {
        return written.error();
      }
    }
    if (free) return kExitClean;
    return last->occupied.empty() ? kExitInconclusive : kExitFound;
  }
}

}  // namespace vmleak
