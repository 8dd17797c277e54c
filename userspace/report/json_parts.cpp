// SPDX-License-Identifier: Apache-2.0
#include "report/json_parts.h"

#include <algorithm>

namespace vmleak {
namespace {

constexpr auto kReplaceBroken = Json::error_handler_t::replace;

template <class Items, class Convert>
Json list(const Items& items, Convert convert) {
  auto out = Json::array();
  for (const auto& item : items) out.push_back(convert(item));
  return out;
}

Json pid_or_null(std::int64_t pid) { return pid == 0 ? Json() : Json(pid); }

Json class_json(const ClassCount& count) {
  return {{"class", count.cls}, {"references", count.references}};
}

Json chain_json(const HolderChain& holder) {
  return {{"references", holder.references}, {"chain", list(holder.chain, link_json)}};
}

Json task_json(const OriginTask& task) {
  return {{"pid", pid_or_null(task.pid)},
          {"comm", text_or_null(task.comm)},
          {"domain", text_or_null(task.domain)},
          {"time", text_or_null(task.time)}};
}

Json candidate_json(const OriginStack& candidate) {
  Json out{{"references", candidate.references},
           {"function", text_or_null(candidate.function)},
           {"at_or_below", candidate.at_or_below},
           {"stack", candidate.stack}};
  out.update(task_json(candidate.last));
  return out;
}

Json dropped_json(const Origin& origin) {
  if (!origin.dropped) return {};
  Json out{{"function", text_or_null(origin.dropped_in)}};
  out.update(task_json(*origin.dropped));
  return out;
}

Json origin_json(const Origin& origin) {
  return {{"references", origin.references},
          {"of", origin.of},
          {"state", to_string(origin.state)},
          {"object", object_json(origin.object)},
          {"counter", text_or_null(origin.counter)},
          {"class", text_or_null(origin.cls)},
          {"holder", text_or_null(origin.holder)},
          {"function", text_or_null(origin.function)},
          {"module", text_or_null(origin.module)},
          {"at_or_below", origin.at_or_below},
          {"stack", origin.stack},
          {"candidates", list(origin.candidates, candidate_json)},
          {"pid", pid_or_null(origin.pid)},
          {"comm", text_or_null(origin.comm)},
          {"domain", text_or_null(origin.domain)},
          {"time", text_or_null(origin.time)},
          {"dropped", dropped_json(origin)}};
}

// The classes seen and, with a ledger, those recorded beside them.
Json classes_json(const CounterBalance& balance) {
  auto out = list(balance.classes, class_json);
  if (!balance.recorded) return out;
  const Json nothing{{"recorded", 0}, {"preexisting", 0}, {"forgotten", 0}};
  for (auto& row : out) row.update(nothing);
  for (const auto& count : *balance.recorded) {
    auto row = std::find_if(out.begin(), out.end(),
                            [&](const Json& it) { return it["class"] == count.cls; });
    if (row == out.end()) {
      out.push_back(class_json({count.cls, 0}));
      row = out.end() - 1;
    }
    (*row)["recorded"] = count.out + count.preexisting + count.forgotten;
    (*row)["preexisting"] = count.preexisting;
    (*row)["forgotten"] = count.forgotten;
  }
  return out;
}

Json consequence_json(const Consequence& consequence) {
  return {{"kind", consequence.kind},
          {"id", consequence.id},
          {"name", consequence.name},
          {"text", consequence.text}};
}

Json remedy_json(const Remedy& remedy) {
  return {{"name", remedy.name},
          {"risk", text_or_null(remedy.risk)},
          {"ready", remedy.ready},
          {"blocked_by", remedy.blocked_by},
          {"command", text_or_null(remedy.command)}};
}

}  // namespace

Json text_or_null(std::string_view text) { return text.empty() ? Json() : Json(text); }

Json host_json(const HostInfo& host) {
  return {{"hostname", host.hostname}, {"kernel", host.kernel}, {"boot_id", host.boot_id}};
}

Json versions_json(const Versions& versions) {
  return {{"vmleak", versions.vmleak},
          {"qemu", text_or_null(versions.qemu)},
          {"libvirt", text_or_null(versions.libvirt)}};
}

Json coverage_json(const Coverage& coverage) {
  return {{"tier", to_string(coverage.tier)},
          {"armed_since", text_or_null(coverage.armed_since)},
          {"families", list(coverage.families, [](const Family& family) {
             return Json{{"name", family.name},
                         {"state", to_string(family.state)},
                         {"program", text_or_null(family.program)},
                         {"lost_without", text_or_null(family.lost_without)}};
           })}};
}

Json drift_json(const std::vector<Drift>& drift) {
  return list(drift, [](const Drift& it) {
    return Json{{"object", object_json(it.object)},
                {"counter", it.counter},
                {"class", it.cls},
                {"seen", it.seen},
                {"recorded", it.recorded}};
  });
}

Json evidence_json(const std::vector<Evidence>& evidence) {
  return list(evidence, [](const Evidence& it) {
    return Json{{"source", it.source}, {"text", it.text}};
  });
}

Json losses_json(const std::vector<Loss>& losses) {
  return list(losses, [](const Loss& loss) {
    return Json{{"what", loss.what},
                {"count", loss.count},
                {"kinds", list(loss.kinds, [](NodeKind kind) { return Json(to_string(kind)); })}};
  });
}

Json object_json(const ObjectRef& object) {
  return {{"kind", object.kind}, {"id", object.id}, {"name", object.name}};
}

Json owner_json(const std::optional<Owner>& owner) {
  if (!owner) return {};
  return {{"name", text_or_null(owner->name)},
          {"uuid", text_or_null(owner->uuid)},
          {"state", to_string(owner->state)},
          {"source", text_or_null(owner->source)},
          {"pid", pid_or_null(owner->pid)}};
}

Json counters_json(const std::vector<CounterBalance>& counters) {
  return list(counters, [](const CounterBalance& balance) {
    return Json{{"name", balance.name},
                {"value", balance.value},
                {"classes", classes_json(balance)},
                {"unaccounted", balance.unaccounted},
                {"bound", balance.bound},
                {"object", object_json(balance.object)}};
  });
}

Json link_json(const ChainLink& link) {
  return {{"kind", link.kind},
          {"id", link.id},
          {"name", link.name},
          {"pid", pid_or_null(link.pid)},
          {"comm", text_or_null(link.comm)},
          {"detail", text_or_null(link.detail)}};
}

Json holders_json(const std::vector<HolderChain>& holders) { return list(holders, chain_json); }

Json origins_json(const std::vector<Origin>& origins) { return list(origins, origin_json); }

Json finding_json(const Finding& finding) {
  return {{"id", finding.id},
          {"rule", finding.rule},
          {"verdict", to_string(finding.verdict)},
          {"summary", finding.summary},
          {"since", finding.since ? text_or_null(*finding.since) : Json()},
          {"impact",
           {{"bytes", finding.impact.bytes},
            {"devices", finding.impact.devices},
            {"text", finding.impact.text}}},
          {"object", object_json(finding.object)},
          {"owner", owner_json(finding.owner)},
          {"counters", counters_json(finding.counters)},
          {"holders", holders_json(finding.holders)},
          {"origins", origins_json(finding.origins)},
          {"consequences", list(finding.consequences, consequence_json)},
          {"evidence", evidence_json(finding.evidence)},
          {"remedies", list(finding.remedies, remedy_json)}};
}

std::string dump_document(const Json& document) {
  return document.dump(2, ' ', false, kReplaceBroken) + "\n";
}

std::string dump_line(const Json& document) {
  return document.dump(-1, ' ', false, kReplaceBroken) + "\n";
}

}  // namespace vmleak
