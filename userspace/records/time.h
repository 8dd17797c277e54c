// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vmleak {

// "2026-01-01 01:12:38.123+0000" (libvirt's logs, always UTC) as nanoseconds of
// CLOCK_REALTIME.
std::optional<std::uint64_t> parse_libvirt_time(std::string_view text);

// "audit(1767225600.123:456)" (Linux audit log) likewise.
std::optional<std::uint64_t> parse_audit_time(std::string_view text);

}  // namespace vmleak
