// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/file_descriptor.h"
#include "base/result.h"
#include "host/host_root.h"
#include "remedy/executor.h"

namespace vmleak {

inline constexpr std::string_view kJournalPath = "/var/lib/vmleak/journal.ndjson";

// The journal, to append to: one process at a time.
class JournalFile : public JournalWriter {
 public:
  // Makes the file (mode 0600) and its directory (0700) where they are missing.
  // Error code EWOULDBLOCK: somebody else is at a run.
  static Result<JournalFile> open(const HostRoot& root);

  JournalFile(JournalFile&& other) noexcept : file_(std::move(other.file_)) {}
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;
  JournalFile& operator=(JournalFile&&) = delete;
  ~JournalFile() override = default;

  // Also fsync(2).  What an earlier write has left of a line is ended first.
  Status append(const JournalRecord& record) override;

 private:
  explicit JournalFile(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
};

struct JournalText {
  std::string text;     // empty when there is no journal
  bool locked = false;  // somebody is at a run
};

// At most the last 64 MiB.
Result<JournalText> read_journal(const HostRoot& root);

}  // namespace vmleak
