// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace vmleak {

// From now on libbpf's complaints are collected, not printed, and what was
// collected before is forgotten.
void collect_libbpf_complaints();

// What libbpf complained about since.
std::string_view libbpf_complaints();

// The line that says why: before the verifier's statistics, or else the last.
std::string last_complaint(std::string_view complaints);

// The program that a failed load is about, by its name; empty when the
// complaints name none.
std::string refused_program(std::string_view complaints);

}  // namespace vmleak
