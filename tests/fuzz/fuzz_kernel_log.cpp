// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "host/kernel_log.h"

namespace vmleak::fuzz {

void fuzz(std::string_view input) {
  const auto message = parse_kmsg_record(input);
  if (!message) return;
  require(is_canonical(message->pci_address), "PCI addresses are canonical");
  require(message->text.find('\n') == std::string::npos, "a message is one line");
  require(message->text.find(message->driver) != std::string::npos, "the driver is in the text");
}

}  // namespace vmleak::fuzz
