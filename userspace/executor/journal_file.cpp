// SPDX-License-Identifier: Apache-2.0
#include "executor/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace vmleak {
namespace {

constexpr std::string_view kDirectory = "/var/lib/vmleak";
constexpr const char* kName = "journal.ndjson";
constexpr std::size_t kMostRead = std::size_t{64} << 20;
constexpr mode_t kPrivate = 0600;
constexpr mode_t kPrivateDirectory = 0700;

Error failed(std::string_view verb) {
  return system_error(fmt::format("{} {}", verb, kJournalPath), errno);
}

// Nobody else may have written there: its steps are carried out again.
Status check_owner(int fd, std::string_view what) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error(fmt::format("look at {}", what), errno);
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{fmt::format("open {}: others can write it", what), EPERM};
  }
  return {};
}

Result<FileDescriptor> open_directory(const HostRoot& root, bool make) {
  if (make && ::mkdir(root.path(kDirectory).c_str(), kPrivateDirectory) != 0 && errno != EEXIST) {
    return system_error(fmt::format("make {}", kDirectory), errno);
  }
  auto directory = root.open(kDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return directory.error();
  if (auto safe = check_owner(directory->get(), kDirectory); !safe) return safe.error();
  return directory;
}

Result<FileDescriptor> open_file(int directory, int flags) {
  FileDescriptor file(
      ::openat(directory, kName, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kPrivate));
  if (!file) return failed("open");
  if (auto safe = check_owner(file.get(), kJournalPath); !safe) return safe.error();
  return file;
}

bool ends_in_a_line(int fd) {
  const auto size = ::lseek(fd, 0, SEEK_END);
  char last = '\n';
  return size <= 0 || ::pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

}  // namespace

Result<JournalFile> JournalFile::open(const HostRoot& root) {
  const auto directory = open_directory(root, /*make=*/true);
  if (!directory) return directory.error();
  auto file = open_file(directory->get(), O_RDWR | O_CREAT | O_APPEND);
  if (!file) return file.error();
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return failed("lock");
  // Its name has to be on disk as well.
  if (::fsync(directory->get()) != 0)
    return system_error(fmt::format("sync {}", kDirectory), errno);
  return JournalFile(*std::move(file));
}

Status JournalFile::append(const JournalRecord& record) {
  auto line = journal_line(record);
  if (!ends_in_a_line(file_.get())) line.insert(0, "\n");
  // One write, so that a crash leaves at most one line that is cut short.
  const auto written = ::write(file_.get(), line.data(), line.size());
  if (written < 0) return failed("write");
  if (static_cast<std::size_t>(written) != line.size()) {
    errno = ENOSPC;
    return failed("write");
  }
  if (::fsync(file_.get()) != 0) return failed("sync");
  return {};
}

Result<JournalText> read_journal(const HostRoot& root) {
  const auto directory = open_directory(root, /*make=*/false);
  if (!directory) {
    if (directory.error().code == ENOENT) return JournalText{};
    return directory.error();
  }
  const auto file = open_file(directory->get(), O_RDONLY);
  if (!file) {
    if (file.error().code == ENOENT) return JournalText{};
    return file.error();
  }
  JournalText out;
  // A shared lock, given back at once, is refused while a run has its own.
  if (::flock(file->get(), LOCK_SH | LOCK_NB) != 0) {
    out.locked = errno == EWOULDBLOCK;
  } else {
    ::flock(file->get(), LOCK_UN);
  }
  const auto size = ::lseek(file->get(), 0, SEEK_END);
  const auto skipped =
      size > static_cast<off_t>(kMostRead) ? size - static_cast<off_t>(kMostRead) : 0;
  ::lseek(file->get(), skipped, SEEK_SET);
  auto text = read_all(file->get(), kMostRead);
  if (!text) return system_error(fmt::format("read {}", kJournalPath), text.error().code);
  out.text = *std::move(text);
  return out;
}

}  // namespace vmleak
