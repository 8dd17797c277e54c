// SPDX-License-Identifier: Apache-2.0

// Reading the files of processes, directly and through a helper.
#include <unistd.h>

#include <algorithm>

#include "host/helper_chain.h"
#include "host/process.h"
#include "host/process_stat.h"
#include "host/text.h"

namespace vmleak {
namespace {

using std::chrono::milliseconds;

// QEMU command lines have 5 to 20 KiB.
constexpr std::size_t kCommandLineRead = 256 << 10;

std::int64_t ticks_per_second() { return ::sysconf(_SC_CLK_TCK); }

std::string process_path(std::int64_t pid, std::string_view file) {
  return fmt::format("/proc/{}/{}", pid, file);
}

// Everything that is read without waiting for the process's memory.
Result<ProcessTexts> read_texts(const HostRoot& root, std::int64_t pid) {
  ProcessTexts texts;
  auto stat = root.read(process_path(pid, "stat"));
  if (!stat) return stat.error();
  texts.stat = *std::move(stat);
  const auto optional_text = [&](std::string_view file) {
    auto text = root.read(process_path(pid, file));
    return text ? *std::move(text) : std::string();
  };
  texts.status = optional_text("status");
  texts.cgroup = optional_text("cgroup");
  const auto leader = parse_task_stat(texts.stat);
  if (leader && leader->threads == 1 && is_live_state(leader->state)) return texts;
  const auto tids = root.list(process_path(pid, "task"));
  if (!tids) return texts;
  for (const auto& tid : *tids) {
    auto text = root.read(process_path(pid, fmt::format("task/{}/stat", tid)));
    if (text) texts.thread_stats.push_back(*std::move(text));
  }
  return texts;
}

std::string read_command_line(const HostRoot& root, std::int64_t pid) {
  auto text = root.read(process_path(pid, "cmdline"), kCommandLineRead);
  return text ? *std::move(text) : std::string();
}

// A list of texts as one message: the size of each, a blank, the text.
void pack(std::string& message, std::string_view text) {
  message += fmt::format("{} ", text.size());
  message += text;
}

std::vector<std::string> unpack(std::string_view message) {
  std::vector<std::string> texts;
  while (!message.empty()) {
    const auto size = to_number<std::size_t>(next_part(message, ' '));
    if (!size || *size > message.size()) break;
    texts.emplace_back(message.substr(0, *size));
    message.remove_prefix(*size);
  }
  return texts;
}

constexpr std::string_view kAskTexts = "texts";
constexpr std::string_view kAskCommandLine = "cmdline";

std::string answer(const HostRoot& root, std::string_view request) {
  const auto what = next_word(request);
  const auto pid = to_number<std::int64_t>(next_word(request)).value_or(0);
  if (what == kAskCommandLine) return read_command_line(root, pid);
  std::string message;
  const auto texts = read_texts(root, pid);
  if (!texts) {
    pack(message, std::to_string(texts.error().code));
    pack(message, texts.error().message);
    return message;
  }
  pack(message, "0");
  for (const auto* text : {&texts->stat, &texts->status, &texts->cgroup}) pack(message, *text);
  for (const auto& text : texts->thread_stats) pack(message, text);
  return message;
}

Result<ProcessTexts> texts_from_answer(std::string_view message) {
  auto parts = unpack(message);
  const int code = parts.empty() ? EBADMSG : to_number<int>(parts[0]).value_or(EBADMSG);
  if (code != 0) return Error{parts.size() > 1 ? parts[1] : "malformed answer", code};
  if (parts.size() < 4) return Error{"malformed answer", EBADMSG};
  return ProcessTexts{std::move(parts[1]), std::move(parts[2]), std::move(parts[3]), "",
                      std::vector<std::string>(std::make_move_iterator(parts.begin() + 4),
                                               std::make_move_iterator(parts.end()))};
}

Loss process_loss(std::string what) { return {std::move(what), 1, {NodeKind::kProcess}}; }

HostProcess only_pid(std::int64_t pid) {
  HostProcess process;
  process.facts.pid = pid;
  return process;
}

}  // namespace

Result<HostProcess> read_process(const HostRoot& root, std::int64_t pid) {
  auto texts = read_texts(root, pid);
  if (!texts) return texts.error();
  texts->cmdline = read_command_line(root, pid);
  auto process = parse_process(*texts, ticks_per_second());
  if (!process) return Error{fmt::format("read /proc/{}/stat: not of its form", pid), EBADMSG};
  return *std::move(process);
}

ProcessBatch read_processes(const HostRoot& root, std::span<const std::int64_t> pids,
                            milliseconds deadline, const std::function<bool()>& interrupted) {
  ProcessBatch batch;
  HelperChain helpers(
      "reading /proc", [&root](std::string_view request) { return answer(root, request); },
      HelperChain::Clock::now() + deadline, interrupted);
  const auto ask = [&helpers](std::string_view what, std::int64_t pid) -> Result<std::string> {
    auto reply = helpers.ask(fmt::format("{} {}", what, pid));
    if (!reply) return wrap(fmt::format("read /proc/{}", pid), reply.error());
    return reply;
  };
  for (const std::int64_t pid : pids) {
    if (interrupted && interrupted()) break;
    const auto reply = ask(kAskTexts, pid);
    auto texts = reply ? texts_from_answer(*reply) : Result<ProcessTexts>(reply.error());
    if (!texts && is_gone(texts.error())) continue;
    if (!texts) {
      batch.losses.push_back(process_loss(texts.error().message));
      batch.processes.push_back(only_pid(pid));
      continue;
    }
    const auto leader = parse_task_stat(texts->stat);
    // Kernel threads have no command line.
    if (leader && (leader->flags & kPfKthread) == 0) {
      auto cmdline = ask(kAskCommandLine, pid);
      if (cmdline) {
        texts->cmdline = *std::move(cmdline);
      } else {
        batch.losses.push_back(process_loss(cmdline.error().message + "; no command line"));
      }
    }
    auto process = parse_process(*texts, ticks_per_second());
    if (!process) {
      batch.losses.push_back(process_loss(fmt::format("read /proc/{}/stat: not of its form", pid)));
    }
    batch.processes.push_back(process ? *std::move(process) : only_pid(pid));
  }
  return batch;
}

}  // namespace vmleak
