// SPDX-License-Identifier: Apache-2.0
#include "records/systemd_journal.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/shared_library.h"
#include "host/text.h"

// Opaque; nothing links to libsystemd, and its header is not needed.
extern "C" {
struct sd_journal;
}

namespace vmleak {
namespace {

constexpr std::size_t kMostMessages = 20'000;
constexpr std::uint64_t kMicrosecond = 1000;
// The journal on disk, and the one in memory where there is none.
constexpr std::array<std::string_view, 2> kDirectories{"/var/log/journal", "/run/log/journal"};
// SD_MESSAGE_MACHINE_START and SD_MESSAGE_MACHINE_STOP (systemd/sd-messages.h).
constexpr std::string_view kStarted = "24d8d4452573402496068381a6312df2";
constexpr std::string_view kStopped = "58432bd3bace477cb514b56381b8a758";

// As sd-journal.h declares them.
struct Library {
  int (*open_directory)(sd_journal**, const char* path, int flags) = nullptr;
  void (*close)(sd_journal*) = nullptr;
  int (*add_match)(sd_journal*, const void* data, std::size_t size) = nullptr;
  int (*seek_tail)(sd_journal*) = nullptr;
  int (*previous)(sd_journal*) = nullptr;
  int (*get_data)(sd_journal*, const char* field, const void** data, std::size_t* size) = nullptr;
  int (*get_realtime_usec)(sd_journal*, std::uint64_t* usec) = nullptr;
};

Result<Library> load() {
  auto shared = SharedLibrary::load("libsystemd.so.0");
  if (!shared) return shared.error();
  Library library;
  (*shared)
      .get("sd_journal_open_directory", library.open_directory)
      .get("sd_journal_close", library.close)
      .get("sd_journal_add_match", library.add_match)
      .get("sd_journal_seek_tail", library.seek_tail)
      .get("sd_journal_previous", library.previous)
      .get("sd_journal_get_data", library.get_data)
      .get("sd_journal_get_realtime_usec", library.get_realtime_usec);
  if (auto complete = shared->complete(); !complete) return complete.error();
  return library;
}

class Journal {
 public:
  Journal(const Library& library, sd_journal* journal)
      : library_(library), journal_(journal, library.close) {}

  // Only matches on all of them are read, of one field on any of them.
  bool match(std::string_view field, std::string_view value) {
    const auto text = fmt::format("{}={}", field, value);
    return library_.add_match(journal_.get(), text.data(), text.size()) >= 0;
  }

  Status read(std::vector<MachineMessage>& messages) {
    int status = library_.seek_tail(journal_.get());
    while (status >= 0 && (status = library_.previous(journal_.get())) > 0) {
      if (messages.size() >= kMostMessages) break;
      MachineMessage message;
      std::uint64_t microseconds = 0;
      if (library_.get_realtime_usec(journal_.get(), &microseconds) < 0) continue;
      message.started = field("MESSAGE_ID") == kStarted;
      message.machine = field("NAME");
      message.leader = to_number<std::int64_t>(field("LEADER")).value_or(0);
      message.time_ns = microseconds * kMicrosecond;
      if (!message.machine.empty()) messages.push_back(std::move(message));
    }
    if (status < 0) return Error{std::strerror(-status), -status};
    return {};
  }

 private:
  [[nodiscard]] std::string field(const char* name) const {
    const void* data = nullptr;
    std::size_t size = 0;
    if (library_.get_data(journal_.get(), name, &data, &size) < 0) return {};
    std::string_view text(static_cast<const char*>(data), size);
    next_part(text, '=');
    return std::string(text);
  }

  const Library& library_;
  std::unique_ptr<sd_journal, void (*)(sd_journal*)> journal_;
};

Status read_directory(const Library& library, const std::string& path, const std::string& boot,
                      std::vector<MachineMessage>& messages) {
  sd_journal* handle = nullptr;
  const int status = library.open_directory(&handle, path.c_str(), 0);
  if (status < 0) return Error{std::strerror(-status), -status};
  Journal journal(library, handle);
  // The fields that begin with "_" are journald's own: nobody but root can have
  // written the message.
  const bool ready = journal.match("MESSAGE_ID", kStarted) &&
                     journal.match("MESSAGE_ID", kStopped) && journal.match("_UID", "0") &&
                     journal.match("_BOOT_ID", boot);
  if (!ready) return Error{"a match was refused", EINVAL};
  return journal.read(messages);
}

}  // namespace

Result<std::vector<MachineMessage>> read_machine_messages(const HostRoot& root) {
  const auto library = load();
  if (!library) return library.error();
  auto boot = root.read_value("/proc/sys/kernel/random/boot_id");
  if (!boot) return wrap("read the id of this boot", boot.error());
  std::erase(*boot, '-');
  std::vector<MachineMessage> messages;
  bool found = false;
  for (const auto directory : kDirectories) {
    if (!root.open(directory, O_RDONLY | O_DIRECTORY)) continue;
    const auto path = root.path(directory);
    const auto status = read_directory(*library, path, *boot, messages);
    if (!status) {
      return wrap(fmt::format("read {}", directory), {status.error().message, EIO});
    }
    found = true;
  }
  if (!found) return Error{"there is no journal of systemd's", ENOENT};
  return messages;
}

}  // namespace vmleak
