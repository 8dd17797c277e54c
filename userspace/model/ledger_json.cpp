// SPDX-License-Identifier: Apache-2.0
#include "model/ledger_json.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace vmleak {
namespace {

using nlohmann::json;

constexpr std::array kStates = std::to_array<std::pair<EntryState, std::string_view>>({
    {EntryState::kOut, "out"},
    {EntryState::kPreexisting, "preexisting"},
    {EntryState::kForgotten, "forgotten"},
});

// Sums of them stay far from the ends of what an integer holds.
constexpr std::int64_t kMostReferences = std::int64_t{1} << 40;

void check_count(std::int64_t count, const json& in) {
  if (count >= 0 && count <= kMostReferences) return;
  throw json::other_error::create(
      501, "the ledger counts " + std::to_string(count) + " references, more than there can be",
      &in);
}

}  // namespace

std::string_view to_string(EntryState state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return "?";
}

void to_json(json& out, EntryState state) { out = to_string(state); }

void from_json(const json& in, EntryState& state) {
  const auto& wanted = in.get_ref<const std::string&>();
  for (const auto& [value, name] : kStates) {
    if (name == wanted) {
      state = value;
      return;
    }
  }
  throw json::other_error::create(501, "unknown state \"" + wanted + "\"", &in);
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LedgerTask, pid, tid, comm, time_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LedgerEntry, cls, state, references, held, holder, holder_text,
                                   taken, function, stack, dropped)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CallerSum::Stack, count, is_put, frames, last)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CallerSum, held, counter, function, module, at_or_below, gets,
                                   puts, stacks)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FileClose, file, closes, last)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DeviceRemoval, device, task, refcount, stack)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DmaTotals, container, mapped_bytes, unmapped_bytes, maps, unmaps)

void to_json(json& out, const LedgerBook& ledger) {
  out = json{{"armed_ns", ledger.armed_ns},
             {"complete_classes", ledger.complete_classes},
             {"entries", ledger.entries},
             {"sums", ledger.sums},
             {"closes", ledger.closes},
             {"removals", ledger.removals},
             {"dma", ledger.dma}};
}

void from_json(const json& in, LedgerBook& ledger) {
  in.at("armed_ns").get_to(ledger.armed_ns);
  in.at("complete_classes").get_to(ledger.complete_classes);
  in.at("entries").get_to(ledger.entries);
  in.at("sums").get_to(ledger.sums);
  in.at("closes").get_to(ledger.closes);
  in.at("removals").get_to(ledger.removals);
  in.at("dma").get_to(ledger.dma);
  for (const auto& entry : ledger.entries) check_count(entry.references, in);
  for (const auto& sum : ledger.sums) {
    check_count(sum.gets, in);
    check_count(sum.puts, in);
    for (const auto& stack : sum.stacks) check_count(stack.count, in);
  }
}

std::vector<std::string_view> nodes_named_by(const LedgerBook& ledger) {
  std::vector<std::string_view> ids;
  const auto add = [&ids](std::string_view id) {
    if (!id.empty()) ids.push_back(id);
  };
  for (const auto& entry : ledger.entries) {
    add(entry.held);
    add(entry.holder);
  }
  for (const auto& sum : ledger.sums) add(sum.held);
  for (const auto& close : ledger.closes) add(close.file);
  for (const auto& removal : ledger.removals) add(removal.device);
  for (const auto& totals : ledger.dma) add(totals.container);
  return ids;
}

}  // namespace vmleak
