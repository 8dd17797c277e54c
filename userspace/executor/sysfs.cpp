// SPDX-License-Identifier: Apache-2.0
#include "executor/sysfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::size_t kLargestAttribute = 4096;
// A rename anywhere on the host may make the kernel give up on "..".
constexpr int kAttempts = 16;

}  // namespace

Result<Sysfs> Sysfs::open(const HostRoot& root) {
  auto top = root.open("/sys", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!top) return top.error();
  struct statfs status {};
  const bool is_host = root.path("/") == "/";
  if (is_host && (::fstatfs(top->get(), &status) != 0 || status.f_type != SYSFS_MAGIC)) {
    return Error{"open /sys: it is no sysfs"};
  }
  return Sysfs(*std::move(top));
}

Result<FileDescriptor> Sysfs::open_below(std::string_view path, int flags) const {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const std::string name(path);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    FileDescriptor fd(
        static_cast<int>(::syscall(SYS_openat2, top_.get(), name.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return system_error(fmt::format("open /sys/{}", path), errno);
}

Result<std::string> Sysfs::read(std::string_view path) const {
  const auto fd = open_below(path, O_RDONLY);
  if (!fd) return fd.error();
  const auto text = read_all(fd->get(), kLargestAttribute);
  if (!text) return system_error(fmt::format("read /sys/{}", path), text.error().code);
  return std::string(trim_right(*text));
}

Status Sysfs::write(std::string_view path, std::string_view text) const {
  const auto fd = open_below(path, O_WRONLY);
  if (!fd) return fd.error();
  const auto written = ::write(fd->get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return {};
  return system_error(fmt::format("write {} to /sys/{}", trim_right(text), path),
                      written < 0 ? errno : EIO);
}

bool Sysfs::exists(std::string_view path) const {
  return static_cast<bool>(open_below(path, O_PATH));
}

std::string Sysfs::link_name(std::string_view path) const {
  const auto fd = open_below(path, O_PATH);
  if (!fd) return {};
  std::array<char, kLargestAttribute> target;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const auto size = ::readlinkat(fd->get(), "", target.data(), target.size());
  if (size <= 0) return {};
  const std::string_view text(target.data(), static_cast<std::size_t>(size));
  return std::string(text.substr(text.rfind('/') + 1));
}

}  // namespace vmleak
