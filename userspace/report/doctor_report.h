// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/snapshot.h"
#include "report/text.h"

namespace vmleak {

inline constexpr std::string_view kDoctorSchema = "vmleak.doctor/1";

// What this host lets vmleak see, and what is lost without the rest.
std::string doctor_text(const Coverage& coverage, const HostInfo& host, const Versions& versions,
                        const TextStyle& style);

std::string doctor_json(const Coverage& coverage, const HostInfo& host, const Versions& versions);

}  // namespace vmleak
