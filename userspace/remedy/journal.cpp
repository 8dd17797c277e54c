// SPDX-License-Identifier: Apache-2.0
#include "remedy/journal.h"

#include <nlohmann/json.hpp>

#include "model/json_document.h"
#include "model/names.h"

namespace vmleak {
namespace {

using nlohmann::json;

constexpr NameTable<JournalEvent, 4> kEvents{{
    {JournalEvent::kRunStarted, "run-started"},
    {JournalEvent::kStepStarted, "step-started"},
    {JournalEvent::kStepEnded, "step-ended"},
    {JournalEvent::kRunEnded, "run-ended"},
}};

void add_plan(json& out, const JournalRecord& record) {
  out["user"] = record.user;
  out["plan"] = record.plan;
  out["action"] = record.action;
  out["target"] = record.target;
  out["finishes"] = record.finishes;
  out["devices"] = record.devices;
  out["steps"] = record.steps;
  out["expected"] = record.expected;
}

void read_plan(const json& in, JournalRecord& record) {
  in.at("user").get_to(record.user);
  in.at("plan").get_to(record.plan);
  in.at("action").get_to(record.action);
  in.at("target").get_to(record.target);
  in.at("finishes").get_to(record.finishes);
  in.at("devices").get_to(record.devices);
  in.at("steps").get_to(record.steps);
  in.at("expected").get_to(record.expected);
}

JournalRecord read_record(const json& in) {
  if (in.at("schema").get_ref<const std::string&>() != kJournalSchema) {
    throw json::other_error::create(501, "another schema", &in);
  }
  JournalRecord record;
  read_name(kEvents, in.at("event"), record.event);
  in.at("time_ns").get_to(record.time_ns);
  in.at("run").get_to(record.run);
  in.at("boot_id").get_to(record.boot_id);
  if (record.event == JournalEvent::kRunStarted) {
    read_plan(in, record);
    return record;
  }
  in.at("result").get_to(record.result);
  in.at("detail").get_to(record.detail);
  if (record.event == JournalEvent::kRunEnded) return record;
  in.at("step").get_to(record.step);
  in.at("before").get_to(record.before);
  in.at("after").get_to(record.after);
  return record;
}

}  // namespace

std::string journal_line(const JournalRecord& record) {
  json out = {{"schema", kJournalSchema},
              {"event", name_of(kEvents, record.event)},
              {"time_ns", record.time_ns},
              {"run", record.run},
              {"boot_id", record.boot_id}};
  if (record.event == JournalEvent::kRunStarted) {
    add_plan(out, record);
  } else {
    out["result"] = record.result;
    out["detail"] = record.detail;
  }
  if (record.event == JournalEvent::kStepStarted || record.event == JournalEvent::kStepEnded) {
    out["step"] = record.step;
    out["before"] = record.before;
    out["after"] = record.after;
  }
  // Names of processes may hold any bytes.
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<JournalRecord> parse_journal_line(std::string_view line) {
  const auto document = parse_json_document(line);
  if (!document) return document.error();
  try {
    return read_record(*document);
  } catch (const json::exception& error) {
    return Error{error.what()};
  }
}

Journal parse_journal(std::string_view text) {
  Journal journal;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    const bool last = end == std::string_view::npos;
    text = last ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    auto record = parse_journal_line(line);
    if (record) {
      journal.records.push_back(std::move(*record));
    } else {
      journal.problems.push_back(
          last ? fmt::format("line {} is cut short: a write of it was interrupted", number)
               : fmt::format("line {} is no record: {}", number, record.error().message));
    }
  }
  return journal;
}

}  // namespace vmleak
