// SPDX-License-Identifier: Apache-2.0
#include "host/sysfs_write.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/pci_address.h"
#include "host/text.h"

namespace vmleak {
namespace {

// A PCI address and more.
constexpr std::size_t kTextBytes = 32;

enum class Buffer { kText, kVector };  // what the second argument points to

struct WriteCall {
  std::int64_t number;  // x86-64
  Buffer buffer;
};
constexpr std::array kWriteCalls = std::to_array<WriteCall>({
    {1, Buffer::kText},      // write
    {18, Buffer::kText},     // pwrite64
    {20, Buffer::kVector},   // writev
    {296, Buffer::kVector},  // pwritev
});

struct Call {
  Buffer buffer = Buffer::kText;
  std::uint64_t fd = 0;
  std::uint64_t address = 0;
  std::uint64_t size = 0;  // bytes, or elements of the vector
};

// "1 0x3 0x7ffd0000 0xd ...": number and arguments; "running" when it is on a
// CPU, -1 outside of system calls.
std::optional<Call> parse_write_call(std::string_view text) {
  const auto number = to_number<std::int64_t>(next_word(text));
  const auto* row = std::find_if(kWriteCalls.begin(), kWriteCalls.end(),
                                 [&](const auto& call) { return number == call.number; });
  const auto fd = to_hex_number<std::uint64_t>(next_word(text));
  const auto address = to_hex_number<std::uint64_t>(next_word(text));
  const auto size = to_hex_number<std::uint64_t>(next_word(text));
  if (row == kWriteCalls.end() || !fd || !address || !size) return std::nullopt;
  return Call{row->buffer, *fd, *address, *size};
}

Result<std::string> read_memory(const FileDescriptor& memory, std::uint64_t address,
                                std::size_t size) {
  std::string text(size, '\0');
  const auto got = ::pread(memory.get(), text.data(), text.size(), static_cast<off_t>(address));
  if (got < 0) return system_error("read memory", errno);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

Result<std::string> read_text(const FileDescriptor& memory, Call call) {
  if (call.buffer == Buffer::kVector) {
    std::array<std::uint64_t, 2> first{};  // struct iovec
    if (call.size == 0) return std::string();
    const auto bytes = read_memory(memory, call.address, sizeof first);
    if (!bytes) return bytes.error();
    if (bytes->size() != sizeof first) return Error{"read memory: no vector there", EFAULT};
    std::memcpy(first.data(), bytes->data(), sizeof first);
    call.address = first[0];
    call.size = first[1];
  }
  return read_memory(memory, call.address,
                     static_cast<std::size_t>(std::min<std::uint64_t>(call.size, kTextBytes)));
}

std::string_view take_last_part(std::string_view& path) {
  const auto slash = path.rfind('/');
  const auto part = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  return part;
}

// Files whose text is a device's name.
constexpr std::array<std::string_view, 3> kNamingFiles{"bind", "unbind", "drivers_probe"};

}  // namespace

Result<std::optional<CurrentWrite>> read_current_write(const HostRoot& root, std::int64_t pid,
                                                       std::int64_t tid) {
  const auto directory = fmt::format("/proc/{}/task/{}", pid, tid);
  const auto text = root.read(directory + "/syscall");
  if (!text) return text.error();
  const auto call = parse_write_call(*text);
  if (!call) return std::optional<CurrentWrite>();
  CurrentWrite write;
  auto path = root.read_link(fmt::format("{}/fd/{}", directory, call->fd));
  if (!path) return path.error();
  write.path = *std::move(path);
  // Only here does the name of a device stand in the text.
  if (!write.path.starts_with("/sys/bus/")) return std::optional(std::move(write));
  const auto memory = root.open(directory + "/mem", O_RDONLY);
  if (!memory) return memory.error();
  auto written = read_text(*memory, *call);
  if (!written) return wrap(fmt::format("read {}/mem", directory), written.error());
  write.text = *std::move(written);
  return std::optional(std::move(write));
}

std::optional<SysfsTarget> target_of(const CurrentWrite& write) {
  std::string_view directory = write.path;
  if (!directory.starts_with("/sys/")) return std::nullopt;
  const auto file = take_last_part(directory);
  SysfsTarget target;
  if (directory.starts_with("/sys/bus/")) {
    target.is_pci = (std::string(directory) + "/").starts_with("/sys/bus/pci/");
    const bool names =
        std::find(kNamingFiles.begin(), kNamingFiles.end(), file) != kNamingFiles.end();
    if (target.is_pci && names) {
      target.device = canonical_pci_address(trim(write.text)).value_or("");
    }
    return target;
  }
  auto above = directory;
  const auto parent = take_last_part(above);
  target.device = canonical_pci_address(parent).value_or("");
  // "/sys/devices/pci0000:00/pci_bus/0000:00/rescan" is about a bus.
  target.is_pci = !target.device.empty() || above.ends_with("/pci_bus");
  return target;
}

}  // namespace vmleak
