// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/finding.h"

namespace vmleak {

// What became of a finding's references: "leaked", "held", or nothing sure.
std::string_view outcome_of(Verdict verdict);

// One origin as sentences, then its stacks, each of at most `frames` frames:
// "1 of 2 references leaked, taken 2 h ago by qemu-system-x86 4711 (gpu-07) in
// kvm_vm_ioctl [kvm]".  `now`: RFC 3339, of the report.
std::vector<std::string> origin_lines(const Origin& origin, std::string_view now,
                                      std::string_view outcome, std::size_t frames);

// Why nobody can say who took it.
std::string unknown_origin(const Coverage& coverage, std::string_view now);

// "vm-file 1, vcpu-file 2 (1 preexisting)"; empty when it has nothing.
std::string recorded_text(const CounterBalance& balance);

// "class kvm/vcpu-file is not reliable on this kernel: VM 4711-11 has 1, 2 are recorded"
std::string drift_text(const Drift& drift);

}  // namespace vmleak
