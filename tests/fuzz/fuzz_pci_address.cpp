// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto address = canonical_pci_address(input);
  if (!address) return;
  require(is_canonical(*address), "a canonical address stays what it is");
  require(address->find_first_not_of("0123456789abcdef:.") == std::string::npos,
          "an address is safe as the name of a directory");
  require(pci_slot(*address).size() + 2 == address->size(), "a function has one digit");
}

}  // namespace vmleak::fuzz
