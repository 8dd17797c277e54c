// SPDX-License-Identifier: Apache-2.0
#include "audit/audit.h"

#include <algorithm>
#include <span>
#include <utility>

#include "audit/context.h"
#include "audit/rules.h"
#include "audit/stability.h"
#include "audit/verdict.h"
#include "audit/vm_count.h"
#include "audit/wording.h"

namespace vmleak {

AuditReport audit(const Snapshot& snapshot, const AuditOptions& options) {
  AuditReport report;
  report.host = snapshot.host;
  report.versions = snapshot.versions;
  report.coverage = snapshot.coverage;
  if (snapshot.samples.empty()) return report;

  const AuditContext context(snapshot, snapshot.samples, options);
  const auto& book = context.now().book();
  report.time = rfc3339(book.time_ns);
  report.losses = book.losses;
  const auto& unanswered = snapshot.management.losses;
  report.losses.insert(report.losses.end(), unanswered.begin(), unanswered.end());
  for (auto& loss : stale_losses(snapshot.coverage, book.losses)) {
    report.losses.push_back(std::move(loss));
  }
  if (report.coverage.armed_since.empty() && book.ledger) {
    report.coverage.armed_since = rfc3339(book.ledger->armed_ns);
  }
  if (context.samples.size() >= kSamplesNeeded) report.drift = context.drift;
  report.files_walked = book.files_walked;
  report.mappings_walked = book.mappings_walked;
  report.findings = apply_rules(context);
  report.verdict = overall_verdict(report.findings, report.losses, snapshot.coverage.tier);
  count_vms(report, context.now(), nullptr);
  return report;
}

bool has_suspects(const Snapshot& snapshot) {
  const AuditOptions options{true};
  const AuditContext context(snapshot, std::span(snapshot.samples).last(1), options);
  const auto table = rules();
  if (!context.drift.empty()) return true;
  return std::any_of(table.begin(), table.end(),
                     [&](const Rule& rule) { return !rule.find(context, {}).empty(); });
}

}  // namespace vmleak
