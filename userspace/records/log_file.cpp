// SPDX-License-Identifier: Apache-2.0
#include "records/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "records/gzip.h"

namespace vmleak {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// What logrotate(8) may be told to compress with.
constexpr std::array<std::string_view, 4> kUnreadable{".xz", ".zst", ".bz2", ".lz4"};

}  // namespace

std::vector<LogFile> find_logs(const HostRoot& root, std::string_view directory,
                               std::string_view mark, std::uint64_t since_ns) {
  std::vector<LogFile> files;
  const auto opened = root.open(directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return files;
  const auto names = list_directory(opened->get());
  if (!names) return files;
  for (const auto& name : *names) {
    const auto at = name.find(mark);
    if (at == std::string::npos) continue;
    FileDescriptor fd(
        ::openat(opened->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const auto changed = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * kSecond +
                         static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
    if (changed < since_ns) continue;
    files.push_back({fmt::format("{}/{}", directory, name), name.substr(0, at), std::move(fd),
                     static_cast<std::size_t>(status.st_size), changed});
  }
  return files;
}

Result<std::string> read_log(const LogFile& file) {
  const bool gzip = file.path.ends_with(".gz");
  const auto what = "read " + file.path;
  if (std::any_of(kUnreadable.begin(), kUnreadable.end(),
                  [&](std::string_view form) { return file.path.ends_with(form); })) {
    return Error{what + ": only gzip is understood", ENOTSUP};
  }
  if (file.size > kLogBytes && !gzip) {
    ::lseek(file.fd.get(), static_cast<off_t>(file.size - kLogBytes), SEEK_SET);
  }
  auto text = read_all(file.fd.get(), kLogBytes);
  if (!text) return wrap(what, text.error());
  if (!gzip) return text;
  auto plain = gunzip(*text, kLogBytes);
  if (!plain) return wrap(what, plain.error());
  return plain;
}

}  // namespace vmleak
