// SPDX-License-Identifier: Apache-2.0
#include "commands/ledger_reader.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "attach/ledger_families.h"
#include "commands/ledger_kernel.h"

namespace vmleak {
namespace {

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

Loss unreadable(const Error& error) {
  constexpr std::string_view kReplace =
      "; \"vmleak arm --replace\" replaces it, \"vmleak disarm\" removes it";
  return {error.message + (error.code == EPROTO ? std::string(kReplace) : std::string()),
          1,
          {},
          /*in_ledger=*/true};
}

// CLOCK_REALTIME - CLOCK_BOOTTIME: of several readings the one with the least
// time between its two clocks.
std::int64_t clock_offset_ns() {
  constexpr int kTries = 8;
  std::int64_t best = 0;
  std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < kTries; ++i) {
    const auto before = clock_ns(CLOCK_BOOTTIME);
    const auto real = clock_ns(CLOCK_REALTIME);
    const auto after = clock_ns(CLOCK_BOOTTIME);
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = real - before - shortest / 2;
  }
  return best;
}

}  // namespace

LedgerReader LedgerReader::open(const HostRoot& root, const CollectOptions& options) {
  LedgerReader reader;
  reader.boot_to_real_ns_ = clock_offset_ns();
  const bool off = std::find(options.without.begin(), options.without.end(), kLedgerCapability) !=
                   options.without.end();
  if (off) return reader;
  if (options.ledger != nullptr) {
    reader.attached_ = options.ledger;
  } else {
    std::error_code ignored;
    if (!std::filesystem::exists(kLedgerDirectory, ignored)) return reader;
    const auto kernel = read_ledger_kernel(root);
    auto armed = kernel ? Ledger::open_armed(*kernel) : kernel.error();
    if (!armed) {
      reader.loss_ = unreadable(armed.error());
      return reader;
    }
    reader.armed_ = std::move(*armed);
  }
  if (reader.ledger() == nullptr) return reader;
  const auto records = reader.ledger()->read();
  if (!records) {
    reader.loss_ = unreadable(records.error());
    reader.attached_ = nullptr;
    reader.armed_.reset();
    return reader;
  }
  reader.armed_ns_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(records->meta.armed_ns) +
                                                reader.boot_to_real_ns_);
  return reader;
}

std::function<Result<LedgerRecords>()> LedgerReader::read() const {
  if (ledger() == nullptr) return {};
  return [this] { return ledger()->read(); };
}

std::vector<Family> LedgerReader::families() const {
  if (ledger() == nullptr) return {};
  auto families = ledger()->families();
  for (auto& family : families) {
    for (const auto& row : ledger_families()) {
      if (row.name != family.name) continue;
      family.classes.assign(row.classes.begin(), row.classes.end());
    }
  }
  return families;
}

void LedgerReader::tell(const KernelRecords& records,
                        const std::vector<vmleak_ledger_key>& refuted) {
  if (ledger() == nullptr || !records.ledger) return;
  // What can't be swept or watched is tried again by the next walk.
  if (!records.earlier_lives.empty()) (void)ledger()->sweep(records.earlier_lives);
  // Somebody who is closing may have been seen to hold what he does not any more.
  const bool closing =
      std::any_of(records.tasks.begin(), records.tasks.end(),
                  [](const auto& record) { return record.task.closing != VMLEAK_CLOSING_NONE; });
  if (!refuted.empty() && !closing) (void)ledger()->sweep(refuted);
  if (records.ledger->meta.files == 0) return;
  std::set<std::uint64_t> images;
  for (const auto& fd : records.fds) {
    if (fd.file.file_type == VMLEAK_FILE_IMAGE) images.insert(fd.file.inode);
  }
  for (const auto inode : images) (void)ledger()->watch_inode(inode);
}

}  // namespace vmleak
