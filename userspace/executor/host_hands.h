// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/helper_process.h"
#include "host/host_root.h"
#include "remedy/executor.h"

namespace vmleak {

// Keeps the files of VFIO groups open so that nobody else can open them, or a
// device through them, as long as it lives: a group has one opener (EBUSY for
// the next), and an open device keeps its group open.  Who gets the file knows
// that no device of the group is open.
class GroupGuard {
 public:
  // Groups without a file in /dev/vfio are skipped.  Error code EBUSY: one of
  // them is open.
  static Result<GroupGuard> take(const HostRoot& root, const std::vector<std::int64_t>& groups,
                                 std::chrono::milliseconds deadline);

 private:
  explicit GroupGuard(HelperProcess helper) : helper_(std::move(helper)) {}

  HelperProcess helper_;  // has the files open
};

// Steps on this host.  Everything that may hang runs in a helper process that is
// abandoned at the deadline.
class HostHands : public StepHands {
 public:
  // `deadline` is that of one write or one program.
  HostHands(HostRoot root, std::chrono::milliseconds deadline)
      : root_(std::move(root)), deadline_(deadline) {}

  Status guard(const std::vector<std::int64_t>& groups) override;
  Result<StepLook> look(const PlanStep& step) override;
  Status act(const PlanStep& step) override;
  Status try_open(const std::string& pci_address) override;

 private:
  HostRoot root_;
  std::chrono::milliseconds deadline_;
  std::optional<GroupGuard> guard_;
};

// Opens the VFIO group of a device, as its next user will, and closes it again.
// Error: it can't be opened, or its group is not viable.  May take `deadline`.
Status try_open_group(const HostRoot& root, const std::string& pci_address,
                      std::chrono::milliseconds deadline);

}  // namespace vmleak
