// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/pci_address.h"

namespace vmleak {
namespace {

TEST(PciAddress, IsWrittenInOneForm) {
  EXPECT_EQ(canonical_pci_address("8a:00.0"), "0000:8a:00.0");
  EXPECT_EQ(canonical_pci_address("0000:8A:1F.7"), "0000:8a:1f.7");
  EXPECT_EQ(canonical_pci_address("10000:01:00.0"), "10000:01:00.0");
  EXPECT_EQ(canonical_pci_address("0:1:0.0"), "0000:01:00.0");
}

TEST(PciAddress, IsNothingElse) {
  for (const auto* wrong :
       {"", "8a", "8a:00", "8a:00.8", "8a:20.0", "8a:00.0 ", " 8a:00.0", "8a:00.0/..", "../8a:00.0",
        "0000:8a:00.0.0", "a:b:c:d.0", "100:00.0", "-1:00.0", "8a:00.00", "123456789:8a:00.0"}) {
    EXPECT_FALSE(canonical_pci_address(wrong)) << wrong;
  }
}

TEST(PciAddress, SharesItsSlot) { EXPECT_EQ(pci_slot("0000:8a:00.1"), "0000:8a:00"); }

}  // namespace
}  // namespace vmleak
