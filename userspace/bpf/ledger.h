// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attach/armed_families.h"
#include "base/result.h"
#include "bpf/ledger_records.h"

namespace vmleak {

// Where an armed ledger lives in the BPF file system.
inline constexpr std::string_view kLedgerDirectory = "/sys/fs/bpf/vmleak";

// What the programs have to know of the running kernel, from /proc/kallsyms
// (read_ledger_kernel()).
struct LedgerKernel {
  struct Function {
    FunctionPlace place;
    std::uint64_t end = 0;
    unsigned symbols = 1;  // functions of that name
  };
  std::map<std::string, Function, std::less<>> functions;  // of ledger_functions()
  // Text of KVM and VFIO, [start, end).
  std::vector<std::pair<std::uint64_t, std::uint64_t>> known_text;
  // Function in a file's operations and the type of that file.
  std::vector<std::pair<std::uint64_t, vmleak_file_type>> operations;
};

struct LedgerOptions {
  std::uint32_t capacity = 65536;    // entries
  std::vector<std::string> without;  // "fentry", "kprobe", or families by name
  bool files = false;                // file closes too
  bool dma = false;                  // DMA totals too
  std::chrono::milliseconds deadline{std::chrono::seconds(120)};  // to attach everything
};

// The programs of bpf/ledger, attached, with their maps: armed (pinned, without
// a process behind it) or for as long as this object lives.
class Ledger {
 public:
  // Loads, attaches one family after the other and seeds what exists already.
  // A family that fails half-way is detached whole; past the deadline
  // everything is.
  static Result<Ledger> attach(const LedgerOptions& options, const LedgerKernel& kernel);
  // The armed one.  Nothing when none is armed; Error: it is of another
  // version (code EPROTO) or can't be read.
  static Result<std::optional<Ledger>> open_armed(const LedgerKernel& kernel);

  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();  // detaches, unless it is armed

  // Pins everything; from then on the ledger lives without this process.
  Status arm();
  // Attaches families that became possible since, e.g. by a module that was
  // loaded; returns their names.
  Result<std::vector<std::string>> extend(const LedgerOptions& options, const LedgerKernel& kernel);

  [[nodiscard]] const std::vector<Family>& families() const;
  // Modules that can't be unloaded while it is attached.
  [[nodiscard]] std::vector<std::string> kept_modules() const;
  // Kernel memory that its maps may need at most.
  [[nodiscard]] std::uint64_t memory_bound() const;
  Result<LedgerRecords> read() const;
  // Forgets entries that are known to be of an earlier life.
  Status sweep(const std::vector<vmleak_ledger_key>& keys);
  Status watch_inode(std::uint64_t inode);
  // Calls `take` for each event until `stop` says so or `until` is reached.
  Status events(const std::function<void(const vmleak_ledger_event&)>& take,
                std::chrono::milliseconds at_most);

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Removes what is armed: every link, program, map and pin, of any version.
// Returns what was removed, by name; empty when nothing was armed.
Result<std::vector<std::string>> disarm_ledger();

}  // namespace vmleak
