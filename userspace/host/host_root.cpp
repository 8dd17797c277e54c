// SPDX-License-Identifier: Apache-2.0
#include "host/host_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "host/text.h"

namespace vmleak {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

}  // namespace

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string text;
  // Files of /proc hand out a page at a time; most are smaller.
  std::array<char, 16384> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (text.size() < limit) {
    const ssize_t got = ::read(fd, chunk.data(), std::min(chunk.size(), limit - text.size()));
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error("read", errno);
    }
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

Result<FileDescriptor> HostRoot::open(std::string_view absolute, int flags) const {
  FileDescriptor fd(::open(path(absolute).c_str(), flags | O_CLOEXEC));
  if (!fd) return system_error(fmt::format("open {}", absolute), errno);
  return fd;
}

Result<std::string> HostRoot::read(std::string_view absolute, std::size_t limit) const {
  const auto fd = open(absolute, O_RDONLY);
  if (!fd) return fd.error();
  auto text = read_all(fd->get(), limit);
  if (!text) return system_error(fmt::format("read {}", absolute), text.error().code);
  return text;
}

Result<std::string> HostRoot::read_value(std::string_view absolute) const {
  auto text = read(absolute);
  if (!text) return text;
  return std::string(trim_right(*text));
}

Result<std::vector<std::string>> list_directory(int directory_fd) {
  // A new open file description: fdopendir() takes the descriptor over and
  // moves the position that a duplicate would share.
  FileDescriptor fd(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_error("open directory", errno);
  const Directory directory(::fdopendir(fd.get()));
  if (!directory) return system_error("read directory", errno);
  fd.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return system_error("read directory", errno);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> HostRoot::list(std::string_view absolute) const {
  const auto fd = open(absolute, O_PATH | O_DIRECTORY);
  if (!fd) return fd.error();
  auto names = list_directory(fd->get());
  if (!names) return system_error(fmt::format("list {}", absolute), names.error().code);
  return names;
}

Result<std::string> HostRoot::read_link(std::string_view absolute) const {
  std::array<char, 4096> target;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t size = ::readlink(path(absolute).c_str(), target.data(), target.size());
  if (size < 0) return system_error(fmt::format("read link {}", absolute), errno);
  return std::string(target.data(), static_cast<std::size_t>(size));
}

bool is_gone(const Error& error) {
  return error.code == ENOENT || error.code == ESRCH || error.code == ENODEV || error.code == ENXIO;
}

}  // namespace vmleak
