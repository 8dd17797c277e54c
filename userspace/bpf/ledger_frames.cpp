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

bool is_tracing(const std::string& frame) {
  return frame.ends_with(kOfBpf) ||
         std::any_of(kTracing.begin(), kTracing.end(),
                     [&frame](auto prefix) { return frame.starts_with(prefix); });
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

}  // namespace vmleak
