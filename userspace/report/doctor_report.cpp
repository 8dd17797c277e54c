// SPDX-License-Identifier: Apache-2.0
#include "report/doctor_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/json_parts.h"

namespace vmleak {
namespace {

// Kernels that the scenarios of this project run on.
constexpr std::array<std::string_view, 2> kTestedKernels{"6.1 (Debian 12)",
                                                         "6.12 (Debian 12 backports, 13)"};

struct TierPhrase {
  Tier tier;
  std::string_view meaning;
};

constexpr std::array<TierPhrase, 4> kTiers{{
    {Tier::kFull, "hooks, iterators and kernel memory: everything vmleak can do works here"},
    {Tier::kKprobe,
     "iterators and kernel memory are complete; hooks only name who took a reference"},
    {Tier::kSnapshot,
     "counters and holders are complete; who took a reference in the past is not recorded"},
    {Tier::kProc, "no BPF: only /proc and /sys can be read, so every verdict is inconclusive"},
}};

std::string_view meaning_of(Tier tier) {
  const auto* row = std::find_if(kTiers.begin(), kTiers.end(),
                                 [tier](const auto& entry) { return entry.tier == tier; });
  return row == kTiers.end() ? std::string_view{} : row->meaning;
}

Verdict colour_of(FamilyState state) {
  return state == FamilyState::kAttached ? Verdict::kClean : Verdict::kInconclusive;
}

}  // namespace

std::string doctor_text(const Coverage& coverage, const HostInfo& host, const Versions& versions,
                        const TextStyle& style) {
  TextPage page(style);
  page.paragraph(fmt::format("vmleak {} on {}, kernel {}", versions.vmleak,
                             host.hostname.empty() ? "this host" : host.hostname, host.kernel));
  page.row("Tier", fmt::format("{}: {}", to_string(coverage.tier), meaning_of(coverage.tier)));
  page.row("Tested on", fmt::format("{}", fmt::join(kTestedKernels, ", ")));
  if (!coverage.armed_since.empty()) page.row("Armed", "since " + coverage.armed_since);
  if (!versions.qemu.empty()) page.row("QEMU", versions.qemu);
  if (!versions.libvirt.empty()) page.row("libvirt", versions.libvirt);
  page.blank();

  std::size_t missing = 0;
  for (const auto& family : coverage.families) {
    page.capability(colour_of(family.state), to_string(family.state), family.name,
                    family.program.empty() ? "-" : family.program);
    if (family.state == FamilyState::kAttached) continue;
    ++missing;
    if (!family.lost_without.empty()) page.row("", "lost: " + family.lost_without);
  }
  page.blank();
  page.paragraph(missing == 0
                     ? "Nothing is missing."
                     : fmt::format("Not available: {} of {}.", missing, coverage.families.size()));
  return page.text();
}

std::string doctor_json(const Coverage& coverage, const HostInfo& host, const Versions& versions) {
  return dump_document({{"schema", kDoctorSchema},
                        {"host", host_json(host)},
                        {"versions", versions_json(versions)},
                        {"tested_kernels", kTestedKernels},
                        {"coverage", coverage_json(coverage)}});
}

}  // namespace vmleak
