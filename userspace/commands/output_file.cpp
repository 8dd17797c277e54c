// SPDX-License-Identifier: Apache-2.0
#include "commands/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace vmleak {

Status write_all(int fd, std::string_view what, std::string_view data) {
  while (!data.empty()) {
    const auto written = ::write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return system_error(fmt::format("write {}", what), errno);
    }
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

OutputFile::OutputFile(std::string path, std::string temporary, FileDescriptor file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<OutputFile> OutputFile::open(const std::string& path) {
  struct stat existing {};
  if (::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
    if (S_ISDIR(existing.st_mode)) return system_error("write " + path, EISDIR);
    FileDescriptor device(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!device) return system_error("open " + path, errno);
    return OutputFile(path, {}, std::move(device));
  }
  auto temporary = path + ".XXXXXX";
  FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (!file) return system_error("create " + path, errno);
  return OutputFile(path, std::move(temporary), std::move(file));
}

Status OutputFile::replace(std::string_view data) {
  if (auto written = write_all(file_.get(), path_, data); !written) return written;
  if (temporary_.empty()) return {};
  if (::fsync(file_.get()) != 0) return system_error("write " + path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return system_error("rename to " + path_, errno);
  }
  temporary_.clear();
  return {};
}

}  // namespace vmleak
