// SPDX-License-Identifier: Apache-2.0
#include "records/audit_log.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/pci_address.h"
#include "host/text.h"
#include "model/record_source.h"
#include "records/time.h"

namespace vmleak {
namespace {

// The fields of a record: key=value, key="value", key='fields'.
using Fields = std::map<std::string, std::string, std::less<>>;

// A value without quotes that stands for a name is in hexadecimal: it has
// characters that audit doesn't write.
std::string decode(std::string_view value) {
  std::string text;
  if (value.size() % 2 != 0 || value.empty()) return std::string(value);
  for (std::size_t i = 0; i < value.size(); i += 2) {
    const auto byte = to_number<unsigned char>(value.substr(i, 2), 16);
    if (!byte) return std::string(value);
    text += static_cast<char>(*byte);
  }
  return text;
}

bool is_name(std::string_view key) {
  return key == "vm" || key == "device" || key == "new-disk" || key == "old-disk";
}

void read_fields(std::string_view text, Fields& fields) {
  while (!text.empty()) {
    const auto start = text.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return;
    text.remove_prefix(start);
    const auto equals = text.find_first_of("= ");
    if (equals == std::string_view::npos || text[equals] == ' ') {
      next_word(text);
      continue;
    }
    const auto key = text.substr(0, equals);
    text.remove_prefix(equals + 1);
    if (text.starts_with('\'')) {
      text.remove_prefix(1);
      read_fields(next_part(text, '\''), fields);
    } else if (text.starts_with('"')) {
      text.remove_prefix(1);
      fields.insert_or_assign(std::string(key), std::string(next_part(text, '"')));
    } else {
      const auto value = next_word(text);
      fields.insert_or_assign(std::string(key), is_name(key) ? decode(value) : std::string(value));
    }
  }
}

std::string value_of(const Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  return found == fields.end() ? "" : found->second;
}

class Reader {
 public:
  explicit Reader(const std::string& where) : where_(where) {}

  void line(std::string_view line) {
    const auto type = next_word(line);
    const bool control = type == "type=VIRT_CONTROL";
    if (!control && type != "type=VIRT_RESOURCE") return;
    auto time_text = next_word(line);
    next_part(time_text, '=');
    const auto time = parse_audit_time(time_text);
    Fields fields;
    read_fields(line, fields);
    const auto uuid = value_of(fields, "uuid");
    if (!time || uuid.empty() || value_of(fields, "res") == "failed") return;
    if (control) {
      control_record(fields, uuid, *time);
    } else {
      resource_record(fields, uuid);
    }
  }

  std::vector<PastRun> take() { return std::move(runs_); }

 private:
  void control_record(const Fields& fields, const std::string& uuid, std::uint64_t time) {
    const auto op = value_of(fields, "op");
    if (op == "start") {
      end(uuid, time, "not recorded; it started again");
      PastRun run;
      run.name = value_of(fields, "vm");
      run.uuid = uuid;
      run.source = kLinuxAudit;
      run.where = where_;
      run.pid = to_number<std::int64_t>(value_of(fields, "vm-pid")).value_or(0);
      run.started_ns = time;
      // Resources are recorded before the start they are for.
      auto& resources = pending_[uuid];
      run.host_devices = std::move(resources.host_devices);
      run.disks = std::move(resources.disks);
      pending_.erase(uuid);
      open_[uuid] = runs_.size();
      runs_.push_back(std::move(run));
    } else if (op == "stop") {
      end(uuid, time, "stopped, reason=" + value_of(fields, "reason"));
    }
  }

  void resource_record(const Fields& fields, const std::string& uuid) {
    const auto reason = value_of(fields, "reason");
    if (reason != "start" && reason != "attach") return;
    const auto open = open_.find(uuid);
    auto& run = reason == "start" || open == open_.end() ? pending_[uuid] : runs_[open->second];
    if (value_of(fields, "resrc") == "hostdev") {
      const auto address = canonical_pci_address(value_of(fields, "device"));
      if (address && value_of(fields, "bus") == "pci") {
        run.host_devices.push_back({*address, "", false});
      }
    }
    const auto disk = value_of(fields, "new-disk");
    if (disk.starts_with('/')) run.disks.push_back(disk);
  }

  void end(const std::string& uuid, std::uint64_t time, const std::string& reason) {
    const auto open = open_.find(uuid);
    if (open == open_.end()) return;
    runs_[open->second].ended_ns = time;
    runs_[open->second].end_reason = reason;
    open_.erase(open);
  }

  const std::string& where_;
  std::vector<PastRun> runs_;
  std::map<std::string, std::size_t> open_;  // by UUID: its run
  std::map<std::string, PastRun> pending_;   // by UUID: what the next start will have
};

}  // namespace

std::vector<PastRun> parse_audit_log(std::string_view text, const std::string& where) {
  Reader reader(where);
  while (!text.empty()) reader.line(next_part(text, '\n'));
  return reader.take();
}

}  // namespace vmleak
