// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bpf/handles.h"
#include "bpf/ledger_arming.h"
#include "bpf/ledger_classes.h"
#include "bpf/ledger_parts.h"
#include "bpf/ledger_pins.h"
#include "bpf/ledger_programs.h"
#include "bpf/ledger_support.h"

namespace vmleak {

struct Ledger::State {
  LedgerParts parts;
  SharedMeta meta;
  std::vector<Family> rows;  // of parts.families
  bool reads_events = false;
  std::function<void(const vmleak_ledger_event&)> take;
  RingBuffer ring;  // calls take

  State(LedgerParts its_parts, SharedMeta its_meta)
      : parts(std::move(its_parts)), meta(std::move(its_meta)) {
    refresh_rows();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (reads_events) meta->events = 0;
  }

  void refresh_rows() {
    rows.clear();
    for (const auto& family : parts.families) rows.push_back(family.row);
  }
};

namespace {

using std::chrono::steady_clock;

std::uint64_t boot_time_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Entries of classes whose hooks were gone for a while: the module can't have
// been unloaded with a reference out.
Status forget_classes(const LedgerParts& parts, const std::vector<std::string>& classes) {
  if (classes.empty()) return {};
  const auto records = read_records(parts);
  if (!records) return records.error();
  std::vector<vmleak_ledger_key> keys;
  for (const auto& [key, entry] : records->entries) {
    const auto* cls = find_ledger_class(key.cls);
    if (cls != nullptr && std::find(classes.begin(), classes.end(), cls->name) != classes.end()) {
      keys.push_back(key);
    }
  }
  return forget_entries(parts.maps, keys);
}

bool has_family(const std::vector<ArmedFamily>& families, std::string_view name,
                FamilyState state) {
  return std::any_of(families.begin(), families.end(), [&](const ArmedFamily& family) {
    return family.row.name == name && family.row.state == state;
  });
}

// Links of families that are not kept, or that a killed vmleak did not get to
// store.
Status drop_links(LedgerParts& parts, const AttachSupport& support, const PinLock& lock) {
  std::vector<std::string> dead;
  for (const auto& link : parts.links) {
    if (!support.running.contains(link.program)) dead.push_back(link.program);
  }
  if (auto unpinned = unpin_links(dead, lock); !unpinned) return unpinned;
  std::erase_if(parts.links,
                [&](const LedgerLink& link) { return !support.running.contains(link.program); });
  return {};
}

// Detaches the families that are not kept.  What is stored says so before
// anything else can fail.
Status let_go(LedgerParts& parts, const AttachSupport& support,
              const std::vector<ArmedFamily>& kept, const PinLock& lock) {
  std::vector<std::string> stale;  // classes
  for (auto& family : parts.families) {
    const auto state = family.row.state;
    const bool hooked = state == FamilyState::kAttached || state == FamilyState::kStale;
    if (!hooked || family.programs.empty() ||
        has_family(kept, family.row.name, FamilyState::kAttached)) {
      continue;
    }
    if (state == FamilyState::kStale) {
      stale.insert(stale.end(), family.row.classes.begin(), family.row.classes.end());
    }
    family.row.state = FamilyState::kMissing;
  }
  if (auto stored = store_families(parts); !stored) return stored;
  if (auto gone = drop_links(parts, support, lock); !gone) return gone;
  return forget_classes(parts, stale);
}

void describe(vmleak_ledger_meta& meta, const LedgerOptions& options) {
  meta.version = VMLEAK_LEDGER_VERSION;
  meta.capacity = options.capacity;
  meta.files = options.files ? 1 : 0;
  constexpr std::string_view kVersion = VMLEAK_VERSION;
  kVersion.copy(std::begin(meta.vmleak), std::size(meta.vmleak) - 1);
  meta.armed_ns = boot_time_ns();
}

}  // namespace

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<Ledger> Ledger::attach(const LedgerOptions& options, const LedgerKernel& kernel) {
  const auto deadline = steady_clock::now() + options.deadline;
  const auto types = read_function_types(kernel);
  auto support = find_support(options, kernel, types);
  auto programs = LedgerPrograms::load(options, kernel, types, support, nullptr);
  if (!programs) return programs.error();
  if (auto useful = check_plan(programs->plan()); !useful) return useful.error();
  LedgerParts parts;
  auto maps = programs->maps();
  if (!maps) return maps.error();
  parts.maps = *std::move(maps);
  auto meta = SharedMeta::map(parts.maps);
  if (!meta) return meta.error();
  describe(**meta, options);

  auto links = programs->attach(support, deadline);
  if (!links) return links.error();
  parts.links = *std::move(links);
  // With what could not be attached; the same programs otherwise.
  parts.families = armed_families(plan_attach(ledger_families(), support), kernel);
  parts.families.push_back(seed_families(*programs, support, parts.families));
  return Ledger(std::make_unique<State>(std::move(parts), *std::move(meta)));
}

Result<std::optional<Ledger>> Ledger::open_armed(const LedgerKernel& kernel) {
  auto parts = open_pinned();
  if (!parts) return parts.error();
  if (!*parts) return std::optional<Ledger>();
  auto meta = SharedMeta::map((*parts)->maps);
  if (!meta) return meta.error();
  if ((*meta)->version != VMLEAK_LEDGER_VERSION) {
    return Error{
        fmt::format("open the armed ledger: it says it is of version {}", (*meta)->version),
        EPROTO};
  }
  mark_stale((*parts)->families, places(kernel));
  return std::optional<Ledger>(
      Ledger(std::make_unique<State>(std::move(**parts), *std::move(meta))));
}

Status Ledger::arm() {
  const auto lock = PinLock::take();
  if (!lock) return lock.error();
  if (auto stored = store_families(state_->parts); !stored) return stored;
  return pin_ledger(state_->parts, *lock);
}

Result<std::vector<std::string>> Ledger::extend(const LedgerOptions& options,
                                                const LedgerKernel& kernel) {
  const auto deadline = steady_clock::now() + options.deadline;
  const auto lock = PinLock::take();
  if (!lock) return lock.error();
  auto& parts = state_->parts;
  const auto kept = families_to_keep(parts.families, kernel);
  const auto types = read_function_types(kernel);
  auto support = find_support(options, kernel, types);
  support.running = running_programs(kept);
  if (plan_attach(ledger_families(), support).programs.empty()) {
    const auto gone = drop_links(parts, support, *lock);
    return gone ? Result(std::vector<std::string>()) : gone.error();
  }
  auto programs = LedgerPrograms::load(options, kernel, types, support, &parts.maps);
  if (!programs) return programs.error();
  const auto before = parts.families;
  if (auto gone = let_go(parts, support, kept, *lock); !gone) return gone.error();
  auto links = programs->attach(support, deadline);
  if (!links) return links.error();

  std::vector<std::string> added;
  std::vector<ArmedFamily> fresh;
  auto families = armed_families(plan_attach(ledger_families(), support), kernel);
  for (auto& family : families) {
    const auto known = std::find_if(kept.begin(), kept.end(), [&](const ArmedFamily& it) {
      return it.row.name == family.row.name;
    });
    if (known != kept.end()) {
      family = *known;
    } else if (family.row.state == FamilyState::kAttached) {
      fresh.push_back(family);
      if (!has_family(before, family.row.name, FamilyState::kAttached)) {
        added.push_back(family.row.name);
      }
    }
  }
  families.push_back(seed_families(*programs, support, fresh));
  parts.families = std::move(families);
  if (has_family(parts.families, kFilesFamily, FamilyState::kAttached)) state_->meta->files = 1;
  if (auto pinned = pin_links(*links, *lock); !pinned) return pinned.error();
  std::move(links->begin(), links->end(), std::back_inserter(parts.links));
  state_->refresh_rows();
  if (auto stored = store_families(parts); !stored) return stored.error();
  return added;
}

const std::vector<Family>& Ledger::families() const { return state_->rows; }

std::vector<std::string> Ledger::kept_modules() const {
  return vmleak::kept_modules(state_->parts.families);
}

std::uint64_t Ledger::memory_bound() const { return vmleak::memory_bound(state_->parts.maps); }

Result<LedgerRecords> Ledger::read() const {
  auto records = read_records(state_->parts);
  if (records) records->families = state_->rows;
  return records;
}

Status Ledger::sweep(const std::vector<vmleak_ledger_key>& keys) {
  return forget_entries(state_->parts.maps, keys);
}

Status Ledger::watch_inode(std::uint64_t inode) {
  const std::uint8_t value = 1;
  if (bpf_map_update_elem(state_->parts.maps["watched_inodes"].get(), &inode, &value, BPF_ANY) !=
      0) {
    return system_error("watch an inode", errno);
  }
  return {};
}

Status Ledger::events(const std::function<void(const vmleak_ledger_event&)>& take,
                      std::chrono::milliseconds at_most) {
  auto& state = *state_;
  state.take = take;
  if (!state.ring) {
    const auto hand_over = [](void* context, void* data, std::size_t size) {
      if (size >= sizeof(vmleak_ledger_event)) {
        static_cast<State*>(context)->take(*static_cast<const vmleak_ledger_event*>(data));
      }
      return 0;
    };
    state.ring.reset(
        ring_buffer__new(state.parts.maps["events"].get(), hand_over, &state, nullptr));
    if (!state.ring) return system_error("read the ledger's events", errno);
    state.meta->events = 1;
    state.reads_events = true;
  }
  const int taken = ring_buffer__poll(state.ring.get(), static_cast<int>(at_most.count()));
  if (taken < 0 && taken != -EINTR) return system_error("read the ledger's events", -taken);
  return {};
}

Result<std::vector<std::string>> disarm_ledger() { return remove_pins(); }

}  // namespace vmleak
