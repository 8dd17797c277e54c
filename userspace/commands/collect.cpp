// SPDX-License-Identifier: Apache-2.0
#include "commands/collect.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <optional>
#include <string>

#include "attach/attach_plan.h"
#include "audit/wording.h"
#include "bpf/ledger_book.h"
#include "commands/host_facts.h"
#include "commands/kernel_facts.h"
#include "commands/place.h"
#include "commands/proc_walk.h"
#include "commands/surroundings.h"
#include "commands/walker.h"
#include "host/host_info.h"
#include "host/host_root.h"
#include "host/pci.h"

namespace vmleak {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Samples that tell something slow from something lost.
constexpr int kSamples = 3;

bool is_off(const CollectOptions& options, std::string_view name) {
  return std::find(options.without.begin(), options.without.end(), name) != options.without.end();
}

bool is_interrupted(const CollectOptions& options) {
  return options.interrupted && options.interrupted();
}

Error interruption() { return {"interrupted", EINTR}; }

// What makes an audit of this host impossible or wrong from the start.
Status check_options(const HostRoot& root, const CollectOptions& options) {
  for (const auto& name : options.without) {
    const auto names = capability_names();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return Error{fmt::format("--without {}: no such capability; there are {}", name,
                               fmt::join(names, ", ")),
                   EINVAL};
    }
  }
  return check_place(root, "read this host");
}

// Waits in small steps so that Ctrl-C is heard.  False when interrupted.
bool wait_for(nanoseconds duration, const CollectOptions& options) {
  const auto until = std::chrono::steady_clock::now() + duration;
  for (;;) {
    if (is_interrupted(options)) return false;
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= nanoseconds::zero()) return true;
    const auto step = std::min<nanoseconds>(left, milliseconds(100));
    ::poll(nullptr, 0, static_cast<int>(std::chrono::ceil<milliseconds>(step).count()));
  }
}

// Takes books one after the other, with the means this host allows.
class BookSource {
 public:
  BookSource(const HostRoot& root, const CollectOptions& options, const HashKey& key)
      : root_(root), options_(options) {
    open(key);
  }

  [[nodiscard]] const Coverage& coverage() const { return coverage_; }

  Result<Book> take() {
    auto book = walker_ ? walker_->walk(options_.deadline, options_.interrupted)
                        : walk_proc(root_, options_.deadline, options_.interrupted);
    if (!book && walker_ && book.error().code == ETIMEDOUT) {
      // The helper is stuck in the kernel: that is worth knowing, and all else
      // that can still be read too.
      const Loss loss{book.error().message, 1, {}};
      walker_.reset();
      coverage_.tier = Tier::kProc;
      book = walk_proc(root_, options_.deadline, options_.interrupted);
      if (book) book->losses.push_back(loss);
    }
    if (!book) return book.error();
    add_host_facts(root_, options_.deadline, options_.interrupted, pci_names_, *book);
    if (walker_ == std::nullopt) book->losses.push_back(no_counters_);
    return book;
  }

 private:
  void open(const HashKey& key) {
    if (is_off(options_, "bpf") || is_off(options_, "iterator")) {
      fall_back("switched off with --without", FamilyState::kOff);
      return;
    }
    auto walker = Walker::start(root_, options_, key);
    if (!walker) {
      fall_back(walker.error().message, FamilyState::kMissing);
      return;
    }
    auto sight = walker->prepare(options_.deadline, options_.interrupted);
    if (!sight) {
      fall_back(sight.error().message, FamilyState::kMissing);
      return;
    }
    walker_.emplace(std::move(*walker));
    coverage_.tier = Tier::kSnapshot;
    coverage_.families.push_back({"iterator", FamilyState::kAttached, "iter/task_file, iter/task",
                                  "holders and counters can't be read"});
    for (auto& family : sight->families) coverage_.families.push_back(std::move(family));
    add_ledger(*sight);
  }

  void add_ledger(const Sight& sight) {
    if (sight.ledger_loss) {
      coverage_.families.push_back({std::string(kLedgerCapability), FamilyState::kMissing, "",
                                    "origins are not known: " + sight.ledger_loss->what});
    }
    if (sight.armed_ns == 0) return;
    coverage_.tier = ledger_tier(sight.ledger_families);
    coverage_.armed_since = rfc3339(sight.armed_ns);
    coverage_.families.insert(coverage_.families.end(), sight.ledger_families.begin(),
                              sight.ledger_families.end());
  }

  void fall_back(std::string why, FamilyState state) {
    if (read_lockdown(root_) == Lockdown::kConfidentiality) {
      why += "; the kernel is locked down (confidentiality)";
    } else if (!has_btf(root_)) {
      why += "; the kernel has no type information (BTF)";
    }
    coverage_.tier = Tier::kProc;
    coverage_.families.push_back(
        {"iterator", state, "", "holders and counters can't be read: " + why});
    no_counters_.what = "reference counts and hidden holders: " + why;
    no_counters_.count = 1;
  }

  const HostRoot& root_;
  const CollectOptions& options_;
  Coverage coverage_;
  std::optional<Walker> walker_;
  PciNames pci_names_;
  Loss no_counters_;
};

}  // namespace

Result<Snapshot> collect_snapshot(const CollectOptions& options,
                                  const std::function<bool(const Snapshot&)>& has_suspects) {
  const HostRoot root;
  if (auto place = check_options(root, options); !place) return place.error();
  Snapshot snapshot;
  snapshot.host = read_host_info(root);
  snapshot.versions.vmleak = VMLEAK_VERSION;
  snapshot.settle_ns = static_cast<std::uint64_t>(options.settle.count());
  std::optional<Surroundings> surroundings(std::in_place, root, options, snapshot.host);
  BookSource source(root, options, make_hash_key(read_machine_id(root), snapshot.host.boot_id));
  for (int sample = 0; sample < kSamples; ++sample) {
    if (sample != 0 && !wait_for(options.settle / (kSamples - 1), options)) return interruption();
    auto book = source.take();
    if (is_interrupted(options)) return interruption();
    if (!book) return book.error();
    snapshot.samples.push_back(std::move(*book));
    if (sample == 0) {
      snapshot.coverage = source.coverage();
      surroundings->add_to(snapshot);
      if (!options.wait || !has_suspects(snapshot)) return snapshot;
    }
  }
  // What managers and sysfs said before the wait may have changed as well.
  surroundings.emplace(root, options, snapshot.host);
  snapshot.coverage = source.coverage();
  surroundings->add_to(snapshot);
  if (is_interrupted(options)) return interruption();
  return snapshot;
}

Result<Coverage> probe_coverage(const CollectOptions& options) {
  const HostRoot root;
  if (auto place = check_options(root, options); !place) return place.error();
  const auto host = read_host_info(root);
  Surroundings surroundings(root, options, host);
  const BookSource source(root, options, make_hash_key(read_machine_id(root), host.boot_id));
  Snapshot snapshot;
  snapshot.host = host;
  snapshot.coverage = source.coverage();
  surroundings.add_to(snapshot);
  return snapshot.coverage;
}

}  // namespace vmleak
