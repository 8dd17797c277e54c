// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commands/collect.h"
#include "host/background.h"
#include "host/host_root.h"
#include "model/snapshot.h"

namespace vmleak {

// What is known about VMs and devices outside the kernel's books: libvirt's
// domains, records of past runs, PCI functions.  Worked out in helper processes
// from the start on, beside the walk of the kernel.
class Surroundings {
 public:
  Surroundings(const HostRoot& root, const CollectOptions& options, const HostInfo& host);

  // Waits for the answers and puts them into the snapshot, in place of older
  // ones.  What did not answer becomes a loss; what is not there, a family.
  void add_to(Snapshot& snapshot);

 private:
  void add_libvirt(Snapshot& snapshot);
  void add_records(Snapshot& snapshot);
  void add_pci_functions(Snapshot& snapshot);

  const HostRoot& root_;
  const CollectOptions& options_;
  std::optional<Background> libvirt_;
  std::optional<Background> records_;
};

}  // namespace vmleak
