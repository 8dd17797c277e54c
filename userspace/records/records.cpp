// SPDX-License-Identifier: Apache-2.0
#include "records/records.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "host/text.h"
#include "records/audit_log.h"
#include "records/gzip.h"
#include "records/libvirt_log.h"

namespace vmleak {
namespace {

constexpr std::size_t kFileBytes = std::size_t{4} << 20;
constexpr std::size_t kAllBytes = std::size_t{64} << 20;
constexpr std::uint64_t kSecond = 1'000'000'000;

std::vector<PastRun> parse_audit(std::string_view text, const std::string& /*name*/,
                                 const std::string& where) {
  return parse_audit_log(text, where);
}

// Where a kind of record is, in order of trust.
struct Source {
  std::string_view directory;
  std::string_view mark;  // what its file names contain
  std::vector<PastRun> (*parse)(std::string_view text, const std::string& name,
                                const std::string& where);
};

constexpr std::array kSources{
    Source{"/var/log/audit", "audit.log", parse_audit},
    Source{"/var/log/libvirt/qemu", ".log", parse_libvirt_log},
};

struct File {
  const Source* source = nullptr;
  std::string path;
  std::string name;  // "gpu-07" of "gpu-07.log.1.gz"
  FileDescriptor fd;
  std::size_t size = 0;
  std::uint64_t changed_ns = 0;
};

// Logs are regular files; anything else in their place is left alone.
std::vector<File> find_files(const HostRoot& root, const Source& source, std::uint64_t since_ns) {
  std::vector<File> files;
  const auto directory = root.open(source.directory, O_RDONLY | O_DIRECTORY);
  if (!directory) return files;
  const auto names = list_directory(directory->get());
  if (!names) return files;
  for (const auto& name : *names) {
    const auto mark = name.find(source.mark);
    if (mark == std::string::npos) continue;
    FileDescriptor fd(
        ::openat(directory->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const auto changed = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * kSecond +
                         static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
    if (changed < since_ns) continue;
    files.push_back({&source, fmt::format("{}/{}", source.directory, name), name.substr(0, mark),
                     std::move(fd), static_cast<std::size_t>(status.st_size), changed});
  }
  return files;
}

Result<std::string> read_tail(const File& file) {
  if (file.size > kFileBytes && !file.path.ends_with(".gz")) {
    ::lseek(file.fd.get(), static_cast<off_t>(file.size - kFileBytes), SEEK_SET);
  }
  auto text = read_all(file.fd.get(), kFileBytes);
  if (!text) return wrap("read " + file.path, text.error());
  if (!file.path.ends_with(".gz")) return text;
  auto plain = gunzip(*text, kFileBytes);
  if (!plain) return wrap("read " + file.path, plain.error());
  return plain;
}

}  // namespace

Records read_records(const HostRoot& root, std::uint64_t since_ns) {
  std::vector<File> files;
  for (const auto& source : kSources) {
    for (auto& file : find_files(root, source, since_ns)) files.push_back(std::move(file));
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const File& a, const File& b) { return a.changed_ns > b.changed_ns; });
  Records records;
  std::size_t bytes = 0;
  std::int64_t skipped = 0;
  for (const auto& file : files) {
    if (bytes > kAllBytes) {
      ++skipped;
      continue;
    }
    auto text = read_tail(file);
    if (!text) {
      records.losses.push_back({text.error().message, 1, {NodeKind::kVfioDevice}});
      continue;
    }
    bytes += text->size();
    for (auto& run : file.source->parse(*text, file.name, file.path)) {
      if (run.ended_ns == 0 || run.ended_ns >= since_ns) records.runs.push_back(std::move(run));
    }
  }
  if (skipped != 0) {
    records.losses.push_back({"logs of VMs: more than 64 MiB, the oldest were not read",
                              skipped,
                              {NodeKind::kVfioDevice}});
  }
  return records;
}

}  // namespace vmleak
