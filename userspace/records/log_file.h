// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

// Of a long log the end is read.
inline constexpr std::size_t kLogBytes = std::size_t{4} << 20;

struct LogFile {
  std::string path;
  std::string name;  // "gpu-07" of "gpu-07.log.1.gz"
  FileDescriptor fd;
  std::size_t size = 0;
  std::uint64_t changed_ns = 0;  // CLOCK_REALTIME
};

// The files of a directory whose names contain `mark` and that were changed
// since then.  Logs are regular files; anything else in their place is left
// alone.  None when there is no such directory.
std::vector<LogFile> find_logs(const HostRoot& root, std::string_view directory,
                               std::string_view mark, std::uint64_t since_ns);

// The last kLogBytes of its text, also of a gzip'ed one.  Error when it can't
// be read, or is compressed in another way.
Result<std::string> read_log(const LogFile& file);

}  // namespace vmleak
