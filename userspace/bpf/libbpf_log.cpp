// SPDX-License-Identifier: Apache-2.0
#include "bpf/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "bpf/handles.h"

namespace vmleak {
namespace {

std::string& messages() {
  static std::string messages;
  return messages;
}

__attribute__((format(printf, 2, 0))) int collect_message(libbpf_print_level level,
                                                          const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char* text = nullptr;  // the verifier's log is one message of any length
  const int size = ::vasprintf(&text, format, arguments);
  if (size < 0) return size;
  const std::unique_ptr<char, FreeWith<std::free>> owned(text);
  messages() += text;
  return size;
}

// libbpf: prog 'fentry__kvm_put_kvm': BPF program load failed: Invalid argument
constexpr std::string_view kProgram = "prog '";
constexpr std::string_view kStatistics = "\nprocessed ";

}  // namespace

void collect_libbpf_complaints() {
  messages().clear();
  libbpf_set_print(collect_message);
}

std::string_view libbpf_complaints() { return messages(); }

std::string last_complaint(std::string_view complaints) {
  if (const auto statistics = complaints.rfind(kStatistics); statistics != std::string_view::npos) {
    complaints = complaints.substr(0, statistics);
  }
  while (complaints.ends_with('\n')) complaints.remove_suffix(1);
  return std::string(complaints.substr(complaints.rfind('\n') + 1));
}

std::string refused_program(std::string_view complaints) {
  const auto start = complaints.rfind(kProgram);
  if (start == std::string_view::npos) return {};
  const auto name = complaints.substr(start + kProgram.size());
  const auto end = name.find('\'');
  return end == std::string_view::npos ? std::string() : std::string(name.substr(0, end));
}

}  // namespace vmleak
