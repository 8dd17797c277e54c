// SPDX-License-Identifier: Apache-2.0
#include "commands/walker.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "attach/ledger_families.h"
#include "bpf/book_builder.h"
#include "bpf/kernel_walk.h"
#include "bpf/module_programs.h"
#include "bpf/snapshot_programs.h"
#include "commands/kernel_facts.h"
#include "commands/ledger_reader.h"
#include "host/debugfs.h"
#include "host/iommu_groups.h"
#include "host/kallsyms.h"
#include "model/snapshot_json.h"

namespace vmleak {
namespace {

using nlohmann::json;

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// The descriptors that lead to kernel objects, open for the time of one walk.
struct OpenedEntries {
  std::vector<DebugfsVm> vms;
  std::vector<IommuGroupHandle> groups;
  std::vector<FileDescriptor> images;
  FileDescriptor anon_inode;
  WalkEntries entries;
  std::vector<Loss> losses;
};

// The part of the walk that lives in the helper.
class WalkServer {
 public:
  WalkServer(HostRoot root, CollectOptions options, const HashKey& key)
      : root_(std::move(root)), options_(std::move(options)), key_(key) {}

  std::string answer(std::string_view request) {
    json reply = request == "prepare" ? prepare() : walk();
    const auto bytes = json::to_cbor(reply);
    return {bytes.begin(), bytes.end()};
  }

 private:
  static json failure(const Error& error) {
    return {{"error", error.message}, {"code", error.code}};
  }

  json prepare() {
    auto facts = read_kernel_facts(root_, options_.without);
    if (!facts) return failure(facts.error());
    facts_ = std::move(*facts);
    auto programs = SnapshotPrograms::load(facts_.addresses);
    if (!programs) return failure(programs.error());
    programs_.emplace(std::move(*programs));
    ledger_ = LedgerReader::open(root_, options_);
    json reply = {{"families", families_to_json(facts_.families)},
                  {"ledger_families", families_to_json(ledger_.families())},
                  {"armed_ns", ledger_.armed_ns()}};
    if (ledger_.loss()) reply["ledger_loss"] = ledger_.loss()->what;
    return reply;
  }

  json walk() {
    if (!programs_) return failure(Error{"walk: programs are not loaded"});
    const auto time_ns = now_ns();
    auto opened = open_entries();
    opened.entries.read_ledger = ledger_.read();
    auto records = walk_kernel(*programs_, opened.entries);
    if (!records) return failure(records.error());
    if (ledger_.loss()) records->losses.push_back(*ledger_.loss());
    for (auto& loss : opened.losses) records->losses.push_back(std::move(loss));
    if (auto programs = list_module_programs()) {
      records->module_programs = std::move(*programs);
    } else {
      records->losses.push_back({programs.error().message, 1, {NodeKind::kModule}});
    }
    BookOptions book_options;
    book_options.key = key_;
    book_options.addresses = options_.addresses;
    book_options.counts_device_files = facts_.counts_device_files;
    book_options.vendor_module = facts_.vendor_module;
    book_options.describe_function = [this](std::uint64_t address) {
      return describe_function(address);
    };
    book_options.boot_to_real_ns = ledger_.boot_to_real_ns();
    book_options.ledger_families = ledger_families();
    std::vector<vmleak_ledger_key> refuted;
    auto book = build_book(*records, book_options, &refuted);
    ledger_.tell(*records, refuted);
    book.time_ns = time_ns;
    return {{"book", book_to_json(book)}};
  }

  // kallsyms is read a second time only when there is a stack to show.
  std::string describe_function(std::uint64_t address) {
    if (!functions_) {
      auto read = KernelFunctions::read(root_);
      if (!read) return "?";
      functions_.emplace(std::move(*read));
    }
    return functions_->describe(address - 1);  // a return address may lie behind its function
  }

  OpenedEntries open_entries() {
    OpenedEntries opened;
    opened.anon_inode = FileDescriptor(::eventfd(0, EFD_CLOEXEC));
    opened.entries.anon_inode = opened.anon_inode.get();
    open_debugfs_vms(opened);
    if (auto groups = open_iommu_groups(root_)) opened.groups = std::move(*groups);
    for (const auto& group : opened.groups) {
      opened.entries.iommu_groups.push_back(group.directory.get());
    }
    for (const auto& path : options_.paths) {
      opened.images.emplace_back(::open(path.c_str(), O_PATH | O_CLOEXEC));
      if (opened.images.back()) opened.entries.images.push_back(opened.images.back().get());
    }
    return opened;
  }

  // Also when there is vm_list: it names the VMs as an administrator does.
  void open_debugfs_vms(OpenedEntries& opened) {
    const bool off = std::find(options_.without.begin(), options_.without.end(), "debugfs") !=
                     options_.without.end();
    if (off || !facts_.addresses.has_kvm) return;
    auto directory = open_debugfs(root_);
    std::optional<Error> error;
    if (directory) {
      // Any file of KVM's own statistics has struct kvm_stat_data behind it.
      constexpr std::array<std::string_view, 2> kFiles = {"remote_tlb_flush", "mmu_shadow_zapped"};
      auto vms = list_debugfs_vms(directory->get(), kFiles);
      if (vms) {
        opened.vms = std::move(*vms);
      } else {
        error = vms.error();
      }
    } else {
      error = directory.error();
    }
    for (const auto& vm : opened.vms) {
      opened.entries.vms.push_back({vm.handle.get(), vm.name, vm.pid});
    }
    if (error && facts_.addresses.vm_list == 0) {
      opened.losses.push_back({"VMs without an open file: " + error->message, 1, {NodeKind::kKvm}});
    }
  }

  HostRoot root_;
  CollectOptions options_;
  HashKey key_;
  KernelFacts facts_;
  std::optional<SnapshotPrograms> programs_;
  LedgerReader ledger_;
  std::optional<KernelFunctions> functions_;
};

Result<json> parse_reply(const std::string& bytes) {
  auto reply = json::from_cbor(bytes, true, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return Error{"walk: the helper's answer can't be read"};
  if (reply.contains("error")) {
    return Error{reply["error"].get<std::string>(), reply["code"].get<int>()};
  }
  return reply;
}

}  // namespace

Result<Walker> Walker::start(const HostRoot& root, const CollectOptions& options,
                             const HashKey& key) {
  auto helper = HelperProcess::start("walk of the kernel", [&](int request_fd, int reply_fd) {
    WalkServer server(root, options, key);
    answer_requests([&server](std::string_view request) { return server.answer(request); })(
        request_fd, reply_fd);
  });
  if (!helper) return helper.error();
  return Walker(std::move(*helper));
}

Result<Sight> Walker::prepare(std::chrono::milliseconds deadline,
                              const std::function<bool()>& interrupted) {
  auto bytes = helper_.ask("prepare", deadline, interrupted);
  if (!bytes) return bytes.error();
  auto reply = parse_reply(*bytes);
  if (!reply) return reply.error();
  Sight sight;
  auto families = families_from_json((*reply)["families"]);
  if (!families) return families.error();
  auto of_ledger = families_from_json((*reply)["ledger_families"]);
  if (!of_ledger) return of_ledger.error();
  sight.families = std::move(*families);
  sight.ledger_families = std::move(*of_ledger);
  sight.armed_ns = (*reply)["armed_ns"].get<std::uint64_t>();
  if (reply->contains("ledger_loss")) {
    sight.ledger_loss = Loss{(*reply)["ledger_loss"].get<std::string>(), 1, {}, true};
  }
  return sight;
}

Result<Book> Walker::walk(std::chrono::milliseconds deadline,
                          const std::function<bool()>& interrupted) {
  auto bytes = helper_.ask("walk", deadline, interrupted);
  if (!bytes) return bytes.error();
  auto reply = parse_reply(*bytes);
  if (!reply) return reply.error();
  return book_from_json((*reply)["book"]);
}

}  // namespace vmleak
