// SPDX-License-Identifier: Apache-2.0
#include "host/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/pci_address.h"
#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::string_view kPciDevice = " DEVICE=+pci:";
constexpr std::uint64_t kMicrosecond = 1000;
// CONSOLE_EXT_LOG_MAX of the kernel: no record of /dev/kmsg is longer.
constexpr std::size_t kRecordBytes = 8192;

std::optional<std::string> device_in(std::string_view lines) {
  while (!lines.empty()) {
    const auto line = next_part(lines, '\n');
    if (line.starts_with(kPciDevice)) return canonical_pci_address(line.substr(kPciDevice.size()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<DeviceMessage> parse_kmsg_record(std::string_view record) {
  auto prefix = next_part(record, ';');
  next_part(prefix, ',');
  next_part(prefix, ',');
  const auto microseconds = to_number<std::uint64_t>(next_part(prefix, ','));
  if (!microseconds || *microseconds > UINT64_MAX / kMicrosecond) return std::nullopt;
  const auto text = next_part(record, '\n');
  auto address = device_in(record);
  // A network device's name may stand behind the address; the text is free.
  auto words = text;
  const auto driver = next_word(words);
  if (!address || !trim(words).starts_with(*address)) return std::nullopt;
  return DeviceMessage{*std::move(address), std::string(driver), *microseconds * kMicrosecond,
                       std::string(text)};
}

Result<std::vector<DeviceMessage>> read_device_messages(const HostRoot& root) {
  std::vector<DeviceMessage> messages;
  const auto log = root.open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
  if (!log) return log.error();
  std::array<char, kRecordBytes> record;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (true) {
    const auto size = ::read(log->get(), record.data(), record.size());
    if (size == 0) return messages;
    if (size < 0) {
      if (errno == EAGAIN) return messages;
      // EPIPE: the next record was overwritten meanwhile; what follows is there.
      if (errno == EPIPE || errno == EINTR) continue;
      return system_error("read /dev/kmsg", errno);
    }
    auto message = parse_kmsg_record({record.data(), static_cast<std::size_t>(size)});
    if (message) messages.push_back(*std::move(message));
  }
}

}  // namespace vmleak
