// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace vmleak {

// Writes all of `data`, also through short writes and signals.  `what` names
// the file in an error.
Status write_all(int fd, std::string_view what, std::string_view data);

// A file (mode 0600) that is replaced as a whole: whoever reads `path` sees
// the old content or the new one, never half of it.  Without replace() nothing
// is left behind.  A device or pipe is written to instead.
class OutputFile {
 public:
  static Result<OutputFile> open(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) = delete;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  Status replace(std::string_view data);

 private:
  OutputFile(std::string path, std::string temporary, FileDescriptor file);

  std::string path_;
  std::string temporary_;  // empty: nothing to rename or remove
  FileDescriptor file_;
};

}  // namespace vmleak
