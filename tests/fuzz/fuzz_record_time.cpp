// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/time.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  constexpr std::uint64_t kMillisecond = 1'000'000;
  const auto libvirt = parse_libvirt_time(input);
  require(!libvirt || *libvirt % kMillisecond == 0, "libvirt counts milliseconds");
  const auto audit = parse_audit_time(input);
  require(!audit || *audit % kMillisecond == 0, "audit counts milliseconds");
}

}  // namespace vmleak::fuzz
