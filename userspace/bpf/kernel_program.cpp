// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_program.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace vmleak {
namespace {

// How perf knows kprobes: a number that differs between kernels.
constexpr const char* kKprobeType = "/sys/bus/event_source/devices/kprobe/type";
// The format of its config is "retprobe: config:0" since it exists (Linux v4.17).
constexpr std::uint64_t kRetprobe = 1;

Result<std::uint32_t> kprobe_type() {
  const FileDescriptor file(::open(kKprobeType, O_RDONLY | O_CLOEXEC));
  if (!file) return system_error(fmt::format("open {}", kKprobeType), errno);
  std::array<char, 32> text{};
  const auto size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return system_error(fmt::format("read {}", kKprobeType), size < 0 ? errno : EIO);
  std::uint32_t type = 0;
  if (std::from_chars(text.data(), text.data() + size, type).ec != std::errc{}) {
    return Error{fmt::format("read {}: no number", kKprobeType)};
  }
  return type;
}

// return 0;
constexpr std::array kReturnZero = std::to_array<bpf_insn>(
    {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
     {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}});

FileDescriptor load_nothing(bpf_prog_type type, const bpf_prog_load_opts* options) {
  return FileDescriptor(
      bpf_prog_load(type, "vmleak_try", "GPL", kReturnZero.data(), kReturnZero.size(), options));
}

// As the kernel fills it since Linux commit 1b715e1b0ec5 ("bpf: Support
// ->fill_link_info for perf_event", in v6.6) and, for missed, 3acf8ace6823
// (in v6.7); until then type stays 0.
struct PerfLinkInfo {
  std::uint32_t link_type;
  std::uint32_t id;
  std::uint32_t program_id;
  std::uint32_t pad;
  std::uint32_t type;
  std::uint32_t pad2;
  std::uint64_t name;
  std::uint32_t name_size;
  std::uint32_t offset;
  std::uint64_t address;
  std::uint64_t missed;
  std::uint64_t cookie;
};
static_assert(sizeof(PerfLinkInfo) == 64);

// Kernels before v6.7 fill in less and say so.
constexpr std::uint32_t kWithMissed = 56;

}  // namespace

Result<FileDescriptor> attach_trampoline(int program_fd) {
  FileDescriptor link(bpf_raw_tracepoint_open(nullptr, program_fd));
  if (!link) return system_error("attach", errno);
  return link;
}

Result<FileDescriptor> attach_kprobe(int program_fd, const std::string& function, bool at_return) {
  const auto type = kprobe_type();
  if (!type) return type.error();
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = *type;
  attributes.config = at_return ? kRetprobe : 0;
  attributes.kprobe_func = reinterpret_cast<std::uintptr_t>(function.c_str());
  // Of all processes; the CPU is any one: a kprobe fires on all.
  const FileDescriptor event(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return system_error("open a kprobe", errno);
  FileDescriptor link(bpf_link_create(program_fd, event.get(), BPF_PERF_EVENT, nullptr));
  if (!link) return system_error("attach", errno);
  if (::ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return system_error("enable", errno);
  return link;
}

Status try_trampoline(std::uint32_t btf_id) {
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY,
              .attach_btf_id = btf_id);
  const auto program = load_nothing(BPF_PROG_TYPE_TRACING, &options);
  if (!program) return system_error("load", errno);
  const auto link = attach_trampoline(program.get());
  return link ? Status() : link.error();
}

Status try_kprobe(const std::string& function) {
  const auto program = load_nothing(BPF_PROG_TYPE_KPROBE, nullptr);
  if (!program) return system_error("load", errno);
  const auto link = attach_kprobe(program.get(), function, false);
  return link ? Status() : link.error();
}

Result<MissedCalls> missed_calls(int link_fd) {
  PerfLinkInfo info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(link_fd, &info, &size) != 0) {
    return system_error("ask for a link", errno);
  }
  MissedCalls missed;
  if (info.link_type == BPF_LINK_TYPE_PERF_EVENT) {
    missed.known = info.type != 0 && size >= kWithMissed;
    missed.count = missed.known ? info.missed : 0;
  }
  const FileDescriptor program(bpf_prog_get_fd_by_id(info.program_id));
  if (!program) return system_error("open a link's program", errno);
  bpf_prog_info about{};
  std::uint32_t about_size = sizeof(about);
  if (bpf_obj_get_info_by_fd(program.get(), &about, &about_size) != 0) {
    return system_error("ask for a program", errno);
  }
  missed.count += about.recursion_misses;
  return missed;
}

}  // namespace vmleak
