// SPDX-License-Identifier: Apache-2.0
#include "commands/proc_walk.h"

#include <array>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "host/debugfs.h"
#include "host/helper_process.h"
#include "model/snapshot_json.h"

namespace vmleak {
namespace {

using nlohmann::json;

struct NamedFile {
  std::string_view link;  // what /proc/PID/fd/N points to, or begins with
  std::string_view type;  // OpenFileFacts::type
};

constexpr std::array kNamedFiles = std::to_array<NamedFile>({
    {"anon_inode:kvm-vm-stats", "kvm/vm-stats-file"},
    {"anon_inode:kvm-vcpu-stats", "kvm/vcpu-stats-file"},
    {"anon_inode:kvm-vcpu", "kvm/vcpu-file"},
    {"anon_inode:kvm-vm", "kvm/vm-file"},
    {"anon_inode:kvm-vfio", "kvm/device-file"},
    {"anon_inode:[kvm-gmem]", "kvm/guest-memfd-file"},
    {"anon_inode:[vfio-device]", "vfio/device-file"},
    {"/dev/vfio/vfio", "vfio/container-file"},
    {"/dev/vfio/", "vfio/group-file"},
    {"/dev/vhost-", "vhost/net-file"},
});

std::string_view type_of(std::string_view link) {
  for (const auto& row : kNamedFiles) {
    if (link.starts_with(row.link)) return row.type;
  }
  return {};
}

Node process_node(std::int64_t pid) {
  ProcessFacts facts;
  facts.pid = pid;
  Node node;
  node.id = make_node_id(NodeKind::kProcess, std::to_string(pid));
  node.kind = NodeKind::kProcess;
  node.name = fmt::format("process {}", pid);
  node.facts = facts;
  return node;
}

Node file_node(std::int64_t pid, const std::string& fd, const std::string& link,
               std::string_view type) {
  OpenFileFacts facts;
  facts.type = type;
  facts.path = link;
  Node node;
  node.id = make_node_id(NodeKind::kOpenFile, fmt::format("{}-{}", pid, fd));
  node.kind = NodeKind::kOpenFile;
  node.name = link;
  node.facts = facts;
  return node;
}

void read_descriptors(const HostRoot& root, std::int64_t pid, Book& book) {
  const auto directory = fmt::format("/proc/{}/fd", pid);
  const auto fds = root.list(directory);
  if (!fds) {
    if (!is_gone(fds.error())) {
      book.losses.push_back({fds.error().message, 1, {NodeKind::kOpenFile}});
    }
    return;
  }
  bool has_process = false;
  for (const auto& fd : *fds) {
    const auto link = root.read_link(directory + "/" + fd);
    ++book.files_walked;
    if (!link) continue;
    const auto type = type_of(*link);
    if (type.empty()) continue;
    if (!std::exchange(has_process, true)) book.nodes.push_back(process_node(pid));
    book.nodes.push_back(file_node(pid, fd, *link, type));
    book.references.push_back({make_node_id(NodeKind::kProcess, std::to_string(pid)),
                               book.nodes.back().id, "f_count", "file/fd", 1, true, "fd " + fd});
  }
}

// One VM as debugfs shows it.  Whether its process lives is all that is known.
void read_debugfs_vms(const HostRoot& root, Book& book) {
  const auto debugfs = open_debugfs(root);
  if (!debugfs) {
    book.losses.push_back({"VMs in debugfs: " + debugfs.error().message, 1, {NodeKind::kKvm}});
    return;
  }
  const auto vms = list_debugfs_vms(debugfs->get());
  if (!vms) {
    book.losses.push_back({vms.error().message, 1, {NodeKind::kKvm}});
    return;
  }
  for (const auto& vm : *vms) {
    KvmFacts facts;
    facts.creator_pid = vm.pid;
    facts.debugfs_name = vm.name;
    Node node;
    node.id = make_node_id(NodeKind::kKvm, vm.name);
    node.kind = NodeKind::kKvm;
    node.name = vm.name;
    node.instance = vm.name;
    node.facts = facts;
    book.nodes.push_back(std::move(node));
  }
}

Book read_proc(const HostRoot& root) {
  Book book;
  book.time_ns = static_cast<std::uint64_t>(std::time(nullptr)) * 1'000'000'000;
  read_debugfs_vms(root, book);
  const auto entries = root.list("/proc");
  if (!entries) {
    book.losses.push_back({entries.error().message, 1, {}});
    return book;
  }
  for (const auto& entry : *entries) {
    std::int64_t pid = 0;
    const auto [stop, error] = std::from_chars(entry.data(), entry.data() + entry.size(), pid);
    if (error == std::errc() && stop == entry.data() + entry.size()) {
      read_descriptors(root, pid, book);
    }
  }
  return book;
}

}  // namespace

Result<Book> walk_proc(const HostRoot& root, std::chrono::milliseconds deadline,
                       const std::function<bool()>& interrupted) {
  auto helper =
      HelperProcess::start("walk of /proc", answer_requests([&root](std::string_view /*request*/) {
                             const auto bytes = json::to_cbor(book_to_json(read_proc(root)));
                             return std::string(bytes.begin(), bytes.end());
                           }));
  if (!helper) return helper.error();
  auto bytes = helper->ask("walk", deadline, interrupted);
  if (!bytes) return bytes.error();
  const auto reply = json::from_cbor(*bytes, true, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return Error{"walk /proc: the helper's answer can't be read"};
  return book_from_json(reply);
}

}  // namespace vmleak
