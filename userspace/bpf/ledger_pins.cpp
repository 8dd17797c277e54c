// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "bpf/ledger.h"
#include "bpf/pinned_ids.h"

namespace vmleak {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

// The layout of every version, so that each can take any other away:
//   /sys/fs/bpf/vmleak/ledger-<version>/maps/<map>
//                                      /links/<program>
constexpr const char* kFileSystem = "/sys/fs/bpf";
constexpr std::string_view kPrefix = "ledger-";
constexpr const char* kMaps = "maps";
constexpr const char* kLinks = "links";
// Not complete: being made, or left by somebody who was killed while making it.
constexpr const char* kUnfinished = "unfinished";

constexpr std::chrono::seconds kLockPatience{10};
// Taking a trampoline away waits for every task to leave it.
constexpr std::chrono::seconds kRemovalPatience{60};

fs::path base() { return kLedgerDirectory; }
fs::path own_directory() { return base() / fmt::format("{}{}", kPrefix, VMLEAK_LEDGER_VERSION); }

Error path_error(std::string_view verb, const fs::path& path, int error) {
  return system_error(fmt::format("{} {}", verb, path.string()), error);
}

void pause() { ::poll(nullptr, 0, 50); }

Status ensure_file_system() {
  struct statfs about {};
  if (::statfs(kFileSystem, &about) != 0) return path_error("look at", kFileSystem, errno);
  if (static_cast<std::uint64_t>(about.f_type) == BPF_FS_MAGIC) return {};
  if (::mount("bpf", kFileSystem, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") != 0) {
    return path_error("mount the BPF file system on", kFileSystem, errno);
  }
  return {};
}

Status make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), S_IRWXU) != 0) return path_error("make", path, errno);
  return {};
}

Result<std::vector<std::string>> list(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error && error.value() != ENOENT) return path_error("list", directory, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

Status pin(int fd, const fs::path& path) {
  if (bpf_obj_pin(fd, path.c_str()) != 0) return path_error("pin", path, errno);
  return {};
}

Status pin_all(const LedgerParts& parts, const fs::path& directory) {
  for (const auto& path : {directory, directory / kMaps, directory / kLinks}) {
    if (auto made = make_directory(path); !made) return made;
  }
  for (const auto& [name, fd] : parts.maps) {
    if (auto pinned = pin(fd.get(), directory / kMaps / name); !pinned) return pinned;
  }
  for (const auto& link : parts.links) {
    if (auto pinned = pin(link.fd.get(), directory / kLinks / link.program); !pinned) {
      return pinned;
    }
  }
  return {};
}

// Links first: from then on nothing changes in the maps.
Status remove_directory(const fs::path& directory, PinnedIds& ids,
                        std::vector<std::string>& removed) {
  for (const auto* part : {kLinks, kMaps}) {
    const auto names = list(directory / part);
    if (!names) return names.error();
    for (const auto& name : *names) {
      const auto path = directory / part / name;
      ids.remember(path.string(), part == kLinks);
      if (::unlink(path.c_str()) != 0) return path_error("remove", path, errno);
      removed.push_back(name);
    }
  }
  std::error_code error;
  fs::remove_all(directory, error);
  return error ? Status(path_error("remove", directory, error.value())) : Status();
}

Result<LedgerParts> open_parts(const fs::path& directory) {
  LedgerParts parts;
  for (const auto* part : {kMaps, kLinks}) {
    const auto names = list(directory / part);
    if (!names) return names.error();
    for (const auto& name : *names) {
      const auto path = directory / part / name;
      FileDescriptor fd(bpf_obj_get(path.c_str()));
      if (!fd) return path_error("open", path, errno);
      if (part == kMaps) {
        parts.maps[name] = std::move(fd);
      } else {
        parts.links.push_back({name, std::move(fd)});
      }
    }
  }
  return parts;
}

}  // namespace

Result<PinLock> PinLock::take() {
  if (auto mounted = ensure_file_system(); !mounted) return mounted.error();
  const auto until = steady_clock::now() + kLockPatience;
  for (;;) {
    if (::mkdir(base().c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      return path_error("make", base(), errno);
    }
    FileDescriptor directory(::open(base().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory && errno != ENOENT) return path_error("open", base(), errno);
    if (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
      // Whoever had the lock may have removed the directory.
      struct stat locked {};
      struct stat found {};
      if (::fstat(directory.get(), &locked) == 0 && ::stat(base().c_str(), &found) == 0 &&
          locked.st_ino == found.st_ino) {
        return PinLock(std::move(directory));
      }
    }
    if (steady_clock::now() > until) {
      return Error{fmt::format("lock {}: another vmleak arms or disarms", base().string()), EBUSY};
    }
    pause();
  }
}

Result<std::vector<std::string>> armed_versions() {
  const auto names = list(base());
  if (!names) return names.error();
  std::vector<std::string> versions;
  for (const auto& name : *names) {
    if (name.starts_with(kPrefix)) versions.push_back(name.substr(kPrefix.size()));
  }
  return versions;
}

Status pin_ledger(const LedgerParts& parts, const PinLock& /*lock*/) {
  const auto armed = armed_versions();
  if (!armed) return armed.error();
  if (!armed->empty()) return Error{"pin the ledger: one is armed already", EEXIST};
  PinnedIds forgotten;
  std::vector<std::string> removed;
  const auto unfinished = base() / kUnfinished;
  if (auto clean = remove_directory(unfinished, forgotten, removed); !clean) return clean;
  auto status = pin_all(parts, unfinished);
  if (status && ::rename(unfinished.c_str(), own_directory().c_str()) != 0) {
    status = path_error("make", own_directory(), errno);
  }
  if (!status) {
    static_cast<void>(remove_directory(unfinished, forgotten, removed));
    ::rmdir(base().c_str());
  }
  return status;
}

Result<std::optional<LedgerParts>> open_pinned() {
  const auto versions = armed_versions();
  if (!versions) return versions.error();
  if (versions->empty()) return std::optional<LedgerParts>();
  const auto own = std::to_string(VMLEAK_LEDGER_VERSION);
  if (std::find(versions->begin(), versions->end(), own) == versions->end()) {
    return Error{
        fmt::format("open the armed ledger: it is of version {}, this vmleak knows version {}; "
                    "\"vmleak arm --replace\" makes a new one",
                    fmt::join(*versions, ", "), own),
        EPROTO};
  }
  auto parts = open_parts(own_directory());
  if (!parts) return wrap("open the armed ledger", parts.error());
  if (auto loaded = load_families(*parts); !loaded) return loaded.error();
  return std::optional<LedgerParts>(*std::move(parts));
}

Status pin_links(const std::vector<LedgerLink>& links, const PinLock& /*lock*/) {
  for (const auto& link : links) {
    if (auto pinned = pin(link.fd.get(), own_directory() / kLinks / link.program); !pinned) {
      return pinned;
    }
  }
  return {};
}

Status unpin_links(const std::vector<std::string>& gone, const PinLock& /*lock*/) {
  for (const auto& program : gone) {
    const auto path = own_directory() / kLinks / program;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return path_error("remove", path, errno);
  }
  return {};
}

Result<std::vector<std::string>> remove_pins() {
  std::vector<std::string> removed;
  if (struct stat about{}; ::stat(base().c_str(), &about) != 0) {
    if (errno == ENOENT) return removed;
    return path_error("look at", base(), errno);
  }
  const auto lock = PinLock::take();
  if (!lock) return lock.error();
  const auto directories = list(base());
  if (!directories) return directories.error();
  PinnedIds ids;
  for (const auto& directory : *directories) {
    if (auto gone = remove_directory(base() / directory, ids, removed); !gone) return gone.error();
  }
  if (::rmdir(base().c_str()) != 0) return path_error("remove", base(), errno);
  if (auto gone = ids.wait_until_gone(kRemovalPatience); !gone) return gone.error();
  return removed;
}

}  // namespace vmleak
