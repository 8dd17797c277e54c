// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "bpf/book_parts.h"
#include "bpf/wait_table.h"

namespace vmleak {
namespace {

constexpr std::uint32_t kKernelThread = 0x00200000;  // PF_KTHREAD
constexpr std::uint32_t kExiting = 0x00000004;       // PF_EXITING
constexpr std::uint32_t kZombie = 0x20;              // EXIT_ZOMBIE
constexpr std::uint32_t kDead = 0x10;                // EXIT_DEAD

// As in /proc/PID/stat, from task_struct.__state and .exit_state.
struct StateLetter {
  std::uint32_t bit;
  char letter;
};
constexpr std::array kStates = std::to_array<StateLetter>({
    {0x1, 'S'},
    {0x2, 'D'},
    {0x4, 'T'},
    {0x8, 't'},
});

char state_of(const vmleak_task_record& task) {
  if ((task.exit_state & kZombie) != 0) return 'Z';
  if ((task.exit_state & kDead) != 0) return 'X';
  for (const auto& [bit, letter] : kStates) {
    if ((task.state & bit) != 0) return letter;
  }
  return task.state == 0 ? 'R' : 'I';
}

// The state that says most about a process with threads in different states.
int weight(char state) {
  constexpr std::string_view kByWeight = "XZIStTRD";
  return static_cast<int>(kByWeight.find(state));
}

// System calls of x86-64 whose first argument is a descriptor that they keep a
// reference on for their duration when the table is shared (fdget()).
constexpr std::array<std::int64_t, 30> kDescriptorCalls = {
    0,  1,  5,  8,  16, 17, 18,  19,  20,  32,  40,  42,  43,  44,  45,
    46, 47, 72, 74, 75, 77, 187, 190, 217, 232, 262, 285, 295, 296, 426};
// poll, select, epoll_wait, ppoll, pselect6, splice, io_getevents and the like:
// they may keep any descriptor of their table.
constexpr std::array<std::int64_t, 12> kManyDescriptorCalls = {7,   23,  270, 271, 275, 276,
                                                               278, 208, 209, 326, 299, 307};

template <std::size_t N>
bool contains(const std::array<std::int64_t, N>& calls, std::int64_t call) {
  return std::find(calls.begin(), calls.end(), call) != calls.end();
}

ClosingReason closing_reason(const vmleak_task_record& task) {
  switch (task.closing) {
    case VMLEAK_CLOSING_TASK_WORK:
      return ClosingReason::kTaskWork;
    case VMLEAK_CLOSING_EXIT_MMAP:
      return ClosingReason::kExitMmap;
    case VMLEAK_CLOSING_DESTROY_VM:
      return ClosingReason::kDestroyVm;
    case VMLEAK_CLOSING_UNKNOWN:
      if ((task.flags & kExiting) == 0 && task.dumps_core == 0) return ClosingReason::kUnknown;
      break;
    default:
      break;
  }
  return task.dumps_core != 0 ? ClosingReason::kCoreDump : ClosingReason::kExiting;
}

bool is_closing(const vmleak_task_record& task) {
  if (task.exit_state != 0) return false;
  return task.closing != VMLEAK_CLOSING_NONE || task.dumps_core != 0 ||
         (task.flags & kExiting) != 0;
}

}  // namespace

void BookParts::add_tasks() {
  std::set<std::pair<NodeId, NodeId>> counted;
  for (const auto& [task, stack] : records_.tasks) {
    if (task.tgid == records_.own_tgid) continue;
    const bool kernel_thread = (task.flags & kKernelThread) != 0;
    const NodeId id = process(task.tgid, kernel_thread);
    auto& node = book_.nodes[by_id_.at(id)];
    auto& facts = std::get<ProcessFacts>(node.facts);
    const bool first = facts.state.empty();
    const bool alive = task.exit_state == 0;
    if (task.tid == task.tgid || facts.comm.empty()) facts.comm = task.comm;
    node.name = facts.comm;
    if (task.tid == task.tgid || facts.start_time_ns == 0) facts.start_time_ns = task.start_ns;
    if (alive) {
      facts.exiting = (facts.threads == 0 || facts.exiting) && (task.flags & kExiting) != 0;
      ++facts.threads;
    } else if (first) {
      facts.exiting = true;
    }
    const char state = state_of(task);
    if (first || weight(state) > weight(facts.state.front())) facts.state = std::string(1, state);
    const NodeId mm = id_of(task.mm);
    if (mm.empty() || kernel_thread) continue;
    facts.mm = mm;
    const auto key = std::pair(id, mm);
    if (counted.insert(key).second) {
      refer(id, mm, "mm/task");
    } else {
      const auto reference =
          std::find_if(book_.references.begin(), book_.references.end(), [&](const auto& entry) {
            return entry.cls == "mm/task" && entry.holder == id && entry.held == mm;
          });
      ++reference->count;
    }
  }
  add_system_calls();
}

// A task inside a system call may hold one reference more on the file that the
// call is about.  It does so only when somebody else could close the file
// meanwhile: when its table is shared.
void BookParts::add_system_calls() {
  std::map<std::uint64_t, std::vector<const vmleak_fd_record*>> tables;
  for (const auto& record : records_.fds) {
    if (record.table_users > 1) tables[record.table].push_back(&record);
  }
  for (const auto& [task, stack] : records_.tasks) {
    const auto table = tables.find(task.table);
    if (task.table == 0 || table == tables.end() || task.syscall < 0) continue;
    const bool one = contains(kDescriptorCalls, task.syscall);
    if (!one && !contains(kManyDescriptorCalls, task.syscall)) continue;
    std::set<std::uint64_t> seen;
    for (const auto* record : table->second) {
      auto* file = find(record->file.file);
      if (file == nullptr || file->counters.empty()) continue;
      if (one && record->fd == task.syscall_arg0) {
        if (!seen.insert(record->file.file).second) continue;
        refer(process(task.tgid), file->id, "file/in-syscall", 1,
              fmt::format("thread {} in a system call on fd {}", task.tid, record->fd), false);
      } else if (!one && seen.insert(record->file.file).second) {
        ++file->counters.front().bound;
      }
    }
  }
}

void BookParts::add_closing_tasks() {
  for (const auto& [task, stack] : records_.tasks) {
    if (task.tgid == records_.own_tgid || !is_closing(task)) continue;
    ClosingTask closing;
    closing.tid = task.tid;
    closing.pid = task.tgid;
    closing.comm = task.comm;
    closing.state = std::string(1, state_of(task));
    closing.reason = closing_reason(task);
    closing.kernel_thread = (task.flags & kKernelThread) != 0;
    closing.stack = function_names(stack);
    book_.closing_tasks.push_back(std::move(closing));
  }
}

// Which device it is about, only its own files tell; see host/waiting_tasks.h.
void BookParts::add_waiting_tasks() {
  for (const auto& [task, stack] : records_.tasks) {
    if (task.tgid == records_.own_tgid || task.in_device_call == 0 || task.exit_state != 0)
      continue;
    WaitingTask waiting;
    waiting.stack = function_names(stack);
    const auto wait = wait_of(waiting.stack);
    if (!wait) continue;
    waiting.wait = *wait;
    waiting.tid = task.tid;
    waiting.pid = task.tgid;
    waiting.comm = task.comm;
    waiting.state = std::string(1, state_of(task));
    book_.waiting_tasks.push_back(std::move(waiting));
  }
}

std::vector<std::string> BookParts::function_names(const std::vector<std::uint64_t>& stack) const {
  std::vector<std::string> names;
  names.reserve(stack.size());
  for (const auto address : stack) {
    names.push_back(options_.describe_function ? options_.describe_function(address)
                                               : std::string("?"));
  }
  return names;
}

}  // namespace vmleak
