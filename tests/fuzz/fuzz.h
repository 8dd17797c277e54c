// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/pci_address.h"
#include "model/domain.h"

namespace vmleak::fuzz {

// What each fuzzer is: hands the input to a parser and requires what has to hold
// of its result, whatever the input.
void fuzz(std::string_view input);

// libFuzzer saves and prints the input of what ends like this.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline bool is_canonical(std::string_view pci_address) {
  return canonical_pci_address(pci_address) == pci_address;
}

// PCI addresses become names of directories: nothing else may come through.
inline void require_devices(const std::vector<HostDevice>& devices) {
  for (const auto& device : devices) {
    require(device.pci_address.empty() || is_canonical(device.pci_address),
            "PCI addresses are canonical");
    require(device.pci_address.empty() != device.mdev_uuid.empty(),
            "a host device is a PCI function or a mediated device");
  }
}

// Nothing that was read is made up: texts come from the input, which may be
// written with quotes and escapes, never shorter than its text.
inline void require_runs(const std::vector<PastRun>& runs, std::string_view input) {
  require(runs.size() <= input.size(), "a run takes some text");
  std::size_t size = 0;
  for (const auto& run : runs) {
    require(!run.source.empty(), "a run has a source");
    require(run.uuid.size() <= input.size() && run.name.size() <= input.size() + 1,
            "names are no longer than the input");
    require_devices(run.host_devices);
    for (const auto& disk : run.disks) {
      require(disk.starts_with('/'), "disks are paths");
      size += disk.size();
    }
  }
  require(size <= input.size(), "all disks are no longer than the input");
}

}  // namespace vmleak::fuzz
