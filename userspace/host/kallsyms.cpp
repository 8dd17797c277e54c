// SPDX-License-Identifier: Apache-2.0
#include "host/kallsyms.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "host/text.h"

namespace vmleak {
namespace {

// kallsyms does not say where a function ends.  No function is larger; what is
// farther from the last symbol lies in memory that has none.
constexpr std::uint64_t kLargestFunction = 1 << 20;

constexpr std::size_t kChunk = 256 << 10;

bool is_text_symbol(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

std::uint64_t last_character_bit(std::string_view name) {
  return std::uint64_t{1} << (static_cast<unsigned char>(name.back()) % 64);
}

Error hidden_addresses() {
  return {
      "read /proc/kallsyms: kernel addresses are hidden (all zero); needs root, CAP_SYSLOG and "
      "kernel.kptr_restrict below 2",
      EPERM};
}

template <class F>
void for_each_line(std::string_view lines, F consume) {
  while (!lines.empty()) {
    const auto line = next_part(lines, '\n');
    if (!line.empty()) consume(line);
  }
}

}  // namespace

std::optional<KernelSymbolLine> parse_kallsyms_line(std::string_view line) {
  // "ffffffffc0a81000 t kvm_vcpu_release\t[kvm]"
  KernelSymbolLine symbol;
  const auto address_end = line.find(' ');
  if (address_end == std::string_view::npos || line.size() < address_end + 4 ||
      line[address_end + 2] != ' ') {
    return std::nullopt;
  }
  const auto address = to_number<std::uint64_t>(line.substr(0, address_end), 16);
  if (!address) return std::nullopt;
  symbol.address = *address;
  symbol.type = line[address_end + 1];
  line.remove_prefix(address_end + 3);
  if (line.ends_with(']')) {
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos || tab + 3 > line.size() || line[tab + 1] != '[') {
      return std::nullopt;
    }
    symbol.module = line.substr(tab + 2, line.size() - tab - 3);
    line = line.substr(0, tab);
  }
  if (line.empty()) return std::nullopt;
  symbol.name = line;
  return symbol;
}

Status read_lines(const HostRoot& root, std::string_view path,
                  const std::function<void(std::string_view lines)>& consume) {
  const auto fd = root.open(path, O_RDONLY);
  if (!fd) return fd.error();
  const auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
  std::size_t filled = 0;
  while (true) {
    const ssize_t got = ::read(fd->get(), buffer.get() + filled, kChunk - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", path), errno);
    filled += static_cast<std::size_t>(got);
    // kallsyms hands out a page at a time: collect before looking at it.
    if (got != 0 && filled < kChunk) continue;
    const std::string_view all(buffer.get(), filled);
    const auto last_newline = all.rfind('\n');
    const std::size_t whole =
        got == 0 || last_newline == std::string_view::npos ? filled : last_newline + 1;
    if (whole != 0) consume(all.substr(0, whole));
    std::copy(buffer.get() + whole, buffer.get() + filled, buffer.get());
    filled -= whole;
    if (got == 0) return {};
  }
}

KernelSymbols::KernelSymbols(std::span<const std::string_view> names) {
  for (const auto name : names) {
    if (name.empty()) continue;
    wanted_.push_back({std::string(name), {}});
    if (filter_.size() <= name.size()) filter_.resize(name.size() + 1);
    filter_[name.size()] |= last_character_bit(name);
  }
  std::sort(wanted_.begin(), wanted_.end(),
            [](const Wanted& a, const Wanted& b) { return a.name < b.name; });
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end(),
                            [](const Wanted& a, const Wanted& b) { return a.name == b.name; }),
                wanted_.end());
}

std::optional<std::size_t> KernelSymbols::index_of(std::string_view name) const {
  if (name.empty() || name.size() >= filter_.size() ||
      (filter_[name.size()] & last_character_bit(name)) == 0) {
    return std::nullopt;
  }
  const auto found = std::lower_bound(
      wanted_.begin(), wanted_.end(), name,
      [](const Wanted& wanted, std::string_view key) { return wanted.name < key; });
  if (found == wanted_.end() || found->name != name) return std::nullopt;
  return static_cast<std::size_t>(found - wanted_.begin());
}

std::span<const KernelSymbol> KernelSymbols::find(std::string_view name) const {
  const auto index = index_of(name);
  if (!index) return {};
  return wanted_[*index].symbols;
}

std::uint64_t KernelSymbols::unique_address(std::string_view name) const {
  const auto symbols = find(name);
  return symbols.size() == 1 ? symbols.front().address : 0;
}

void KernelSymbols::add_lines(std::string_view lines) {
  for_each_line(lines, [this](std::string_view line) {
    const auto symbol = parse_kallsyms_line(line);
    if (!symbol) return;
    ++lines_seen_;
    all_addresses_zero_ = all_addresses_zero_ && symbol->address == 0;
    if (is_text_symbol(symbol->type)) functions_.push_back(symbol->address);
    if (const auto index = index_of(symbol->name)) {
      wanted_[*index].symbols.push_back(
          {symbol->address, symbol->type, std::string(symbol->module)});
    }
  });
}

std::uint64_t KernelSymbols::function_end(std::uint64_t start) const {
  std::uint64_t end = 0;
  for (const auto address : functions_) {
    if (address > start && (end == 0 || address < end)) end = address;
  }
  return end;
}

Result<KernelSymbols> read_kernel_symbols(
    const HostRoot& root, std::span<const std::string_view> names,
    const std::function<void(const KernelSymbolLine& function)>& also) {
  KernelSymbols symbols(names);
  const auto status = read_lines(root, "/proc/kallsyms", [&](std::string_view lines) {
    symbols.add_lines(lines);
    if (!also) return;
    for_each_line(lines, [&](std::string_view line) {
      const auto symbol = parse_kallsyms_line(line);
      if (symbol && is_text_symbol(symbol->type)) also(*symbol);
    });
  });
  if (!status) return status.error();
  if (symbols.lines_seen() == 0) return Error{"read /proc/kallsyms: it is empty", 0};
  if (symbols.all_addresses_zero()) return hidden_addresses();
  return symbols;
}

std::optional<std::uint16_t> KernelFunctions::module_index(std::string_view module) {
  // From the end: kallsyms lists one module after the other.
  const auto known = std::find(modules_.rbegin(), modules_.rend(), module);
  if (known != modules_.rend()) {
    return static_cast<std::uint16_t>(std::distance(known, modules_.rend()) - 1);
  }
  if (modules_.size() > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  modules_.emplace_back(module);
  return static_cast<std::uint16_t>(modules_.size() - 1);
}

void KernelFunctions::add_lines(std::string_view lines) {
  for_each_line(lines, [this](std::string_view line) {
    const auto symbol = parse_kallsyms_line(line);
    if (!symbol || symbol->address == 0 || !is_text_symbol(symbol->type)) return;
    const auto module = module_index(symbol->module);
    if (!module) return;
    entries_.push_back({symbol->address, static_cast<std::uint32_t>(names_.size()),
                        static_cast<std::uint16_t>(symbol->name.size()), *module});
    names_ += symbol->name;
  });
}

void KernelFunctions::finish() {
  // Stable: of several names for one address the first in kallsyms is kept.
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.address < b.address; });
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.address == b.address; }),
                 entries_.end());
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

KernelFunctions KernelFunctions::parse(std::string_view lines) {
  KernelFunctions functions;
  functions.add_lines(lines);
  functions.finish();
  return functions;
}

Result<KernelFunctions> KernelFunctions::read(const HostRoot& root) {
  KernelFunctions functions;
  const auto status = read_lines(root, "/proc/kallsyms",
                                 [&](std::string_view lines) { functions.add_lines(lines); });
  if (!status) return status.error();
  if (functions.entries_.empty()) return hidden_addresses();
  functions.finish();
  return functions;
}

std::optional<KernelFunction> KernelFunctions::find(std::uint64_t address) const {
  auto next = std::upper_bound(
      entries_.begin(), entries_.end(), address,
      [](std::uint64_t wanted, const Entry& entry) { return wanted < entry.address; });
  if (next == entries_.begin()) return std::nullopt;
  const Entry& entry = *std::prev(next);
  const std::uint64_t offset = address - entry.address;
  if (offset >= kLargestFunction) return std::nullopt;
  return KernelFunction{std::string_view(names_).substr(entry.name, entry.name_size),
                        modules_[entry.module], offset};
}

std::string KernelFunctions::describe(std::uint64_t address) const {
  const auto function = find(address);
  if (!function) return fmt::format("{:#x}", address);
  if (function->module.empty()) return std::string(function->name);
  return fmt::format("{} [{}]", function->name, function->module);
}

}  // namespace vmleak
