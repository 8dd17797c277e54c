// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// /sys, to act on.  Paths are relative to it ("bus/pci/drivers_probe"), are
// resolved by the kernel below it (openat2(2), RESOLVE_BENEATH) and can't lead
// out of it or onto another file system; the last component is no link.
//
// Reading an attribute takes the device's lock in some kernels, and writing one
// may wait for ever: call these in a helper process.
class Sysfs {
 public:
  static Result<Sysfs> open(const HostRoot& root);

  // The attribute without the white space at its end.
  [[nodiscard]] Result<std::string> read(std::string_view path) const;
  // One write(2), as sysfs wants it.
  [[nodiscard]] Status write(std::string_view path, std::string_view text) const;
  [[nodiscard]] bool exists(std::string_view path) const;
  // The last component of a link's target; empty when there is no such link.
  [[nodiscard]] std::string link_name(std::string_view path) const;

 private:
  explicit Sysfs(FileDescriptor top) : top_(std::move(top)) {}
  [[nodiscard]] Result<FileDescriptor> open_below(std::string_view path, int flags) const;

  FileDescriptor top_;
};

}  // namespace vmleak
