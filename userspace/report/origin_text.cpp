// SPDX-License-Identifier: Apache-2.0
#include "report/origin_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/phrases.h"
#include "report/units.h"

namespace vmleak {
namespace {

std::string task_text(const OriginTask& task) {
  auto text = fmt::format("{} {}", task.comm.empty() ? "process" : task.comm, task.pid);
  if (!task.domain.empty()) text += fmt::format(" ({})", task.domain);
  return text;
}

// "2 h ago", else the time itself.
std::string ago(std::string_view time, std::string_view now) {
  const auto then_s = parse_time(time);
  const auto now_s = parse_time(now);
  if (!then_s || !now_s || *then_s > *now_s) return fmt::format("at {}", time);
  return format_duration(*now_s - *then_s) + " ago";
}

std::string when(std::string_view time, std::string_view now) {
  return time.empty() ? "" : " " + ago(time, now);
}

std::string function_text(std::string_view function, std::string_view module, bool at_or_below) {
  if (function.empty()) return "";
  return fmt::format(" {}{}{}", at_or_below ? "at or below " : "in ", function,
                     module.empty() ? "" : fmt::format(" [{}]", module));
}

// "1 of 2 references leaked", "3 references leaked"
std::string how_many(const Origin& origin, std::string_view outcome) {
  const auto references = static_cast<std::uint64_t>(std::max<std::int64_t>(0, origin.references));
  auto text = origin.of > origin.references
                  ? fmt::format("{} of {}", references,
                                counted(static_cast<std::uint64_t>(origin.of), "reference"))
                  : counted(references, "reference");
  if (!outcome.empty()) text += fmt::format(" {}", outcome);
  return text;
}

std::string to_what(const Origin& origin) {
  std::string text;
  if (!origin.cls.empty()) text += fmt::format("class {}", origin.cls);
  if (!origin.object.kind.empty()) {
    text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", origin.counter,
                        object_title(origin.object));
  }
  if (!origin.holder.empty()) text += fmt::format(", {}", origin.holder);
  return text;
}

std::string taken_by(const Origin& origin, std::string_view now) {
  const auto task = OriginTask{origin.pid, origin.comm, origin.domain, origin.time};
  return fmt::format("{}{}{}", when(origin.time, now),
                     origin.pid == 0 ? "" : " by " + task_text(task),
                     function_text(origin.function, origin.module, origin.at_or_below));
}

std::string sentence(const Origin& origin, std::string_view now, std::string_view outcome) {
  const auto count = how_many(origin, outcome);
  switch (origin.state) {
    case OriginState::kTaken:
      return fmt::format("{}, taken{}", count, taken_by(origin, now));
    case OriginState::kForgotten: {
      const auto dropped = origin.dropped.value_or(OriginTask{});
      auto text = fmt::format("{}: {} ran in {}{} and did not give {} back", count,
                              origin.dropped_in.empty() ? "its release" : origin.dropped_in,
                              task_text(dropped), when(dropped.time, now),
                              origin.references == 1 ? "it" : "them");
      if (origin.pid != 0) text += fmt::format("; taken{}", taken_by(origin, now));
      return text;
    }
    case OriginState::kUnbalanced: {
      const auto where = origin.candidates.size() == 1
                             ? taken_by(origin, now)
                             : function_text(origin.function, origin.module, origin.at_or_below);
      auto text = fmt::format("{}, taken{} and not given back", count, where);
      if (origin.candidates.size() > 1) {
        text +=
            fmt::format("; {} stacks took some, any of them may be it", origin.candidates.size());
      }
      return text;
    }
    case OriginState::kOpened:
      return fmt::format("{}, taken nobody saw where; the file was opened{}", count,
                         taken_by(origin, now));
    case OriginState::kPreexisting:
      return fmt::format("{} was there when the ledger was armed: who took {} is not known",
                         counted(static_cast<std::uint64_t>(origin.references), "reference"),
                         origin.references == 1 ? "it" : "them");
  }
  return count;
}

void add_stack(std::vector<std::string>& out, const std::vector<std::string>& stack,
               std::size_t frames) {
  if (stack.empty()) return;
  const auto shown = std::min(frames, stack.size());
  auto text = fmt::format(
      "at {}", fmt::join(stack.begin(), stack.begin() + static_cast<long>(shown), " < "));
  if (shown < stack.size()) text += fmt::format(" < {} more", stack.size() - shown);
  out.push_back(std::move(text));
}

}  // namespace

std::string_view outcome_of(Verdict verdict) {
  if (verdict == Verdict::kLeaked || verdict == Verdict::kHeld) return to_string(verdict);
  return {};
}

std::vector<std::string> origin_lines(const Origin& origin, std::string_view now,
                                      std::string_view outcome, std::size_t frames) {
  std::vector<std::string> out{sentence(origin, now, outcome)};
  if (auto text = to_what(origin); !text.empty()) out.push_back(std::move(text));
  if (origin.candidates.size() < 2) {
    add_stack(out, origin.stack, frames);
    return out;
  }
  for (const auto& candidate : origin.candidates) {
    out.push_back(fmt::format(
        "{} time{}{}, last{} by {}", candidate.references, candidate.references == 1 ? "" : "s",
        function_text(candidate.function, origin.module, candidate.at_or_below),
        when(candidate.last.time, now), task_text(candidate.last)));
    add_stack(out, candidate.stack, frames);
  }
  return out;
}

std::string unknown_origin(const Coverage& coverage, std::string_view now) {
  if (coverage.armed_since.empty()) {
    return "unknown: nothing was recording when it was taken (\"vmleak arm\" records the next "
           "one)";
  }
  return fmt::format("unknown: taken before the ledger was armed, {}, or where no hook sees it",
                     ago(coverage.armed_since, now));
}

std::string recorded_text(const CounterBalance& balance) {
  std::string text;
  if (!balance.recorded) return text;
  for (const auto& count : *balance.recorded) {
    std::string which;
    const auto add = [&which](std::int64_t number, std::string_view name) {
      if (number > 0) which += fmt::format("{}{} {}", which.empty() ? "" : ", ", number, name);
    };
    add(count.preexisting, "preexisting");
    add(count.forgotten, "forgotten");
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", class_label(count.cls),
                        count.out + count.preexisting + count.forgotten,
                        which.empty() ? "" : fmt::format(" ({})", which));
  }
  return text;
}

std::string drift_text(const Drift& drift) {
  return fmt::format("class {} is not reliable on this kernel: {} has {}, {} recorded", drift.cls,
                     object_title(drift.object), drift.seen, drift.recorded);
}

}  // namespace vmleak
