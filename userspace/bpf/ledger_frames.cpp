// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/ledger_book.h"

namespace vmleak {
namespace {

// What tracing puts on a stack: programs, trampolines, and what enters them.
constexpr std::array<std::string_view, 9> kTracing = {
    "bpf_prog_",
    "bpf_trampoline_",
    "bpf_dispatcher_",
    "bpf_get_stack",
    "__bpf_prog_",
    "bpf_trace_run",
    "kretprobe_trampol",
    "__kretprobe_trampoline",
    "arch_rethook_trampoline",
};
constexpr std::string_view kOfBpf = " [bpf]";

// They make a file for whoever called them, which is what is asked for.
constexpr std::array<std::string_view, 2> kHelpers = {"anon_inode_get", "__anon_inode_get"};

template <std::size_t N>
bool begins_with_one_of(std::string_view frame, const std::array<std::string_view, N>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [frame](auto prefix) { return frame.starts_with(prefix); });
}

bool is_tracing(const std::string& frame) {
  return frame.ends_with(kOfBpf) || begins_with_one_of(frame, kTracing);
}

}  // namespace

std::vector<std::string> kernel_frames(std::vector<std::string> frames) {
  // Programs and trampolines that are gone have no name any more; the kernel's
  // own functions always have one.
  const auto named = std::find_if(frames.begin(), frames.end(),
                                  [](const auto& frame) { return !frame.starts_with("0x"); });
  if (named != frames.end()) frames.erase(frames.begin(), named);
  std::erase_if(frames, is_tracing);
  return frames;
}

std::string taking_function(const std::vector<std::string>& frames) {
  const auto found = std::find_if(frames.begin(), frames.end(), [](const auto& frame) {
    return !begins_with_one_of(frame, kHelpers);
  });
  return found == frames.end() ? std::string() : found->substr(0, found->find(" ["));
}

}  // namespace vmleak
