// SPDX-License-Identifier: Apache-2.0
#include "records/pods.h"

#include <nlohmann/json.hpp>

#include "host/cgroup.h"
#include "host/text.h"
#include "model/record_source.h"
#include "records/libvirt_log.h"

namespace vmleak {
namespace {

using nlohmann::json;

// "TIME stdout F text": F for a whole line, P for a part that goes on.
struct ContainerLine {
  std::string_view text;
  bool ends = true;
};

ContainerLine parse_line(std::string_view line) {
  next_part(line, ' ');
  next_part(line, ' ');
  const auto tags = next_part(line, ' ');
  return {line, !tags.starts_with('P')};
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A line of the domain's log, from one of the launcher's.
std::string domain_line(const std::string& line) {
  const auto message = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || text_of(message, "subcomponent") != "qemu") return {};
  return text_of(message, "msg");
}

}  // namespace

std::optional<Pod> parse_pod_directory(std::string_view name) {
  Pod pod;
  pod.space = next_part(name, '_');
  pod.name = next_part(name, '_');
  pod.uid = name;
  if (pod.space.empty() || pod.name.empty() || !is_pod_uid(pod.uid)) return std::nullopt;
  return pod;
}

std::vector<Pod> read_pods(const HostRoot& root) {
  std::vector<Pod> pods;
  const auto names = root.list(kPodLogs);
  if (!names) return pods;
  for (const auto& name : *names) {
    if (auto pod = parse_pod_directory(name)) pods.push_back(*std::move(pod));
  }
  return pods;
}

std::string launcher_domain(const Pod& pod) {
  constexpr std::string_view kLauncher = "virt-launcher-";
  std::string_view vm = pod.name;
  if (!vm.starts_with(kLauncher)) return {};
  vm.remove_prefix(kLauncher.size());
  const auto random = vm.rfind('-');
  if (random == std::string_view::npos || random == 0) return {};
  return pod.space + "_" + std::string(vm.substr(0, random));
}

std::vector<PastRun> parse_launcher_log(std::string_view text, const std::string& domain,
                                        const std::string& where) {
  std::string log;
  std::string line;
  while (!text.empty()) {
    const auto part = parse_line(next_part(text, '\n'));
    line += part.text;
    if (!part.ends) continue;
    // The launcher joins the lines of the command, which end in backslashes:
    // those now stand before the first character of a word, and are read so.
    if (const auto copied = domain_line(line); !copied.empty()) log += copied + '\n';
    line.clear();
  }
  auto runs = parse_libvirt_log(log, domain, where);
  for (auto& run : runs) run.source = kKubernetes;
  return runs;
}

}  // namespace vmleak
