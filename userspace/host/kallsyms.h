// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_root.h"

namespace vmleak {

struct KernelSymbol {
  std::uint64_t address = 0;
  char type = '?';     // as nm prints it: "t", "T", "d", "b", ...
  std::string module;  // empty: the kernel itself
};

// One line of /proc/kallsyms; the texts live as long as the line.
struct KernelSymbolLine {
  std::uint64_t address = 0;
  char type = '?';
  std::string_view name;
  std::string_view module;
};

// Nothing when `line` (without its newline) is not of that form.
std::optional<KernelSymbolLine> parse_kallsyms_line(std::string_view line);

// What kallsyms says about a few wanted names.  Names are not unique: several
// modules, or several files of one module, may have a static symbol each.
class KernelSymbols {
 public:
  explicit KernelSymbols(std::span<const std::string_view> names);

  // Every symbol called `name`, in the order of kallsyms; empty when it has
  // none or when the name was not asked for.
  [[nodiscard]] std::span<const KernelSymbol> find(std::string_view name) const;
  // The address of `name` when exactly one symbol has it, otherwise 0.
  [[nodiscard]] std::uint64_t unique_address(std::string_view name) const;

  // Where the function that starts at `start` ends: the next function's start.
  // 0 when there is none behind it.
  [[nodiscard]] std::uint64_t function_end(std::uint64_t start) const;

  // Looks at whole lines of kallsyms.
  void add_lines(std::string_view lines);
  [[nodiscard]] std::uint64_t lines_seen() const { return lines_seen_; }
  [[nodiscard]] bool all_addresses_zero() const { return all_addresses_zero_; }

 private:
  struct Wanted {
    std::string name;
    std::vector<KernelSymbol> symbols;
  };
  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view name) const;

  std::vector<Wanted> wanted_;            // sorted by name
  std::vector<std::uint64_t> functions_;  // start of every function, in no order
  std::vector<std::uint64_t> filter_;     // bit (last character) of element (name's length)
  std::uint64_t lines_seen_ = 0;
  bool all_addresses_zero_ = true;
};

// One pass over /proc/kallsyms; `also` gets every function's line.  Error when
// addresses are hidden.
Result<KernelSymbols> read_kernel_symbols(
    const HostRoot& root, std::span<const std::string_view> names,
    const std::function<void(const KernelSymbolLine& function)>& also = {});

struct KernelFunction {
  std::string_view name;
  std::string_view module;  // empty: the kernel itself
  std::uint64_t offset = 0;
};

// All functions of the kernel and its modules by address: about 3 MiB, read
// only when a stack has to be shown.
class KernelFunctions {
 public:
  static Result<KernelFunctions> read(const HostRoot& root);
  static KernelFunctions parse(std::string_view lines);

  // The function that contains `address`, nothing when none can.
  [[nodiscard]] std::optional<KernelFunction> find(std::uint64_t address) const;
  // "name [module]", "name", or "0x..." when nothing is known there.
  [[nodiscard]] std::string describe(std::uint64_t address) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t address;
    std::uint32_t name;  // start in names_
    std::uint16_t name_size;
    std::uint16_t module;  // index in modules_
  };
  std::optional<std::uint16_t> module_index(std::string_view module);
  void add_lines(std::string_view lines);
  void finish();

  std::vector<Entry> entries_;  // sorted by address
  std::string names_;
  std::vector<std::string> modules_{""};
};

// Reads a text file in pieces that end at line ends (the last one may not).
Status read_lines(const HostRoot& root, std::string_view path,
                  const std::function<void(std::string_view lines)>& consume);

}  // namespace vmleak
