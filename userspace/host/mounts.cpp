// SPDX-License-Identifier: Apache-2.0
#include "host/mounts.h"

#include <array>

#include "host/text.h"

namespace vmleak {
namespace {

// "\040" for a blank, as the kernel writes paths (mangle_path).
std::string unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto code = text.size() >= 4 && text.front() == '\\'
                          ? to_number<unsigned char>(text.substr(1, 3), 8)
                          : std::nullopt;
    out += code ? static_cast<char>(*code) : text.front();
    text.remove_prefix(code ? 4 : 1);
  }
  return out;
}

std::optional<Mount> parse_line(std::string_view line) {
  // 36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/sda2 rw
  next_word(line);
  next_word(line);
  const auto number = parse_device_number(next_word(line));
  next_word(line);
  Mount mount;
  mount.point = unescape(next_word(line));
  next_word(line);
  for (auto word = next_word(line); word != "-"; word = next_word(line)) {
    if (word.empty()) return std::nullopt;
  }
  mount.type = next_word(line);
  mount.source = unescape(next_word(line));
  mount.options = next_word(line);
  if (!number || mount.type.empty()) return std::nullopt;
  mount.number = *number;
  return mount;
}

}  // namespace

std::optional<std::vector<Mount>> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    const auto line = next_part(text, '\n');
    auto mount = parse_line(line);
    if (!mount) return std::nullopt;
    mounts.push_back(std::move(*mount));
  }
  return mounts;
}

Result<std::vector<Mount>> read_mounts(const HostRoot& root) {
  constexpr std::array<std::string_view, 2> kFiles{"/proc/self/mountinfo", "/proc/1/mountinfo"};
  constexpr std::size_t kLimit = std::size_t{64} << 20;
  std::vector<Mount> all;
  for (const auto file : kFiles) {
    const auto text = root.read(file, kLimit);
    if (!text) return text.error();
    auto mounts = parse_mountinfo(*text);
    if (!mounts || mounts->empty())
      return Error{fmt::format("read {}: not a list of mounts", file)};
    all.insert(all.end(), mounts->begin(), mounts->end());
  }
  return all;
}

std::vector<std::string> parse_swaps(std::string_view text) {
  std::vector<std::string> out;
  next_part(text, '\n');  // headings
  while (!text.empty()) {
    auto line = next_part(text, '\n');
    if (const auto name = next_word(line); !name.empty()) out.push_back(unescape(name));
  }
  return out;
}

Result<std::vector<std::string>> read_swaps(const HostRoot& root) {
  const auto text = root.read("/proc/swaps");
  if (!text) return text.error();
  return parse_swaps(*text);
}

}  // namespace vmleak
