// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace vmleak {

// Where /proc and /sys are read from: "" for this host, a directory with a
// copy of them in tests.  Paths below are absolute, e.g. "/proc/1/stat".
class HostRoot {
 public:
  HostRoot() = default;
  explicit HostRoot(std::string prefix) : prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string path(std::string_view absolute) const {
    return prefix_ + std::string(absolute);
  }

  // The first `limit` bytes of a file.
  [[nodiscard]] Result<std::string> read(std::string_view absolute,
                                         std::size_t limit = std::size_t{1} << 20) const;
  // The same without the white space at its end, for files of one value.
  [[nodiscard]] Result<std::string> read_value(std::string_view absolute) const;
  [[nodiscard]] Result<FileDescriptor> open(std::string_view absolute, int flags) const;
  // Names in a directory, sorted, without "." and "..".
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view absolute) const;
  [[nodiscard]] Result<std::string> read_link(std::string_view absolute) const;

 private:
  std::string prefix_;
};

// The same as HostRoot::list for a directory that is open already.
Result<std::vector<std::string>> list_directory(int directory_fd);

// Reads from `fd` until its end or until `limit` bytes are there.
Result<std::string> read_all(int fd, std::size_t limit);

// The thing behind the path went away while it was read, which is no error in
// a walk over living processes and devices.
bool is_gone(const Error& error);

}  // namespace vmleak
