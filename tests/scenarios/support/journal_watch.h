// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// Reads along in the journal of releases.  Made before the run that it is
// about.
class JournalWatch {
 public:
  JournalWatch();

  // Sends SIGKILL to the process as soon as a step of this kind has ended.
  // This process runs with real-time priority until then: on one CPU, the other
  // one gets no further.
  void kill_at_end_of(std::string_view step_kind, pid_t pid);

 private:
  FileDescriptor events_;
  long seen_ = 0;  // bytes of the journal that were there before
};

}  // namespace vmleak::scenarios
