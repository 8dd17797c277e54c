// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "audit/context.h"

namespace vmleak {

// What closing tasks say about a reference that nobody is seen to hold: files
// being put stand in no table anywhere, so such a task may have it.
struct Closers {
  // One of the object's own processes, or somebody of whom it is not known
  // that the object is not theirs.
  std::vector<ClosingTask> owners;
  // The object is known to belong to somebody else; still they may have been
  // passed the file.
  std::vector<ClosingTask> strangers;
  bool unreadable = false;  // some owner only may be closing: its stack can't be read
};

// `pids`: processes and tasks that the object is known to belong to; empty when
// nobody is known.  `samples`: how many, counted backwards from the present, the
// reference has been there unchanged.  A task which is not one of `pids` and was
// not closing in one of these samples did not have the reference then, so it
// does not have it now.
Closers find_closers(const AuditContext& context, const std::set<std::int64_t>& pids,
                     std::size_t samples);

// One of these was closing in this sample.
bool has_closing_owner(const Sample& sample, const std::set<std::int64_t>& pids);

// Whoever the objects of a cause are known to belong to.
std::set<std::int64_t> owner_pids(const Sample& sample, const Cause& cause);

// "task 4713 of qemu-system-x86 4711 (D) takes down its memory: exit_mmap < mmput < do_exit"
std::string describe(const ClosingTask& task);

}  // namespace vmleak
