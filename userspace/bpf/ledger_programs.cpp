// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "bpf/handles.h"
#include "bpf/kernel_program.h"
#include "bpf/ledger_classes.h"
#include "bpf/libbpf_log.h"
#include "ledger.skel.h"

namespace vmleak {

struct LedgerPrograms::State {
  Skeleton<ledger_bpf> skeleton;
  AttachPlan plan;
};

namespace {

using std::chrono::steady_clock;

constexpr std::array kOutsideFunctions{"kvm_get_kvm", "kvm_get_kvm_safe", "kvm_put_kvm"};

void set_constants(ledger_bpf& skeleton, const LedgerKernel& kernel) {
  auto& rodata = *skeleton.rodata;
  const auto& text = kernel.known_text;
  const auto count = std::min(text.size(), std::size(rodata.known_text));
  for (std::size_t i = 0; i < count; ++i) rodata.known_text[i] = {text[i].first, text[i].second};
  rodata.known_text_count = static_cast<std::uint32_t>(count);
  for (std::size_t i = 0; i < kOutsideFunctions.size(); ++i) {
    const auto found = kernel.functions.find(kOutsideFunctions[i]);
    if (found == kernel.functions.end()) continue;
    rodata.outside_functions[i] = {found->second.place.address, found->second.end};
  }
}

// Tells libbpf where the functions are that programs are loaded for: it calls
// back for each program, and has room for no more than a number.
class KnownTargets {
 public:
  explicit KnownTargets(const FunctionTypes& types) { current_ = &types; }
  KnownTargets(const KnownTargets&) = delete;
  KnownTargets& operator=(const KnownTargets&) = delete;
  ~KnownTargets() { current_ = nullptr; }

  static Status install() {
    static const int installed = [] {
      LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = prepare);
      const int entry = libbpf_register_prog_handler("fentry+", BPF_PROG_TYPE_TRACING,
                                                     BPF_TRACE_FENTRY, &options);
      const int exit =
          libbpf_register_prog_handler("fexit+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, &options);
      return std::min(entry, exit);
    }();
    return installed < 0 ? Status(system_error("prepare the ledger's programs", -installed))
                         : Status();
  }

 private:
  static int prepare(bpf_program* program, bpf_prog_load_opts* options, long /*cookie*/) {
    const auto* place = current_ == nullptr
                            ? nullptr
                            : current_->find(program_target(bpf_program__name(program)).function);
    if (place == nullptr) return -ESRCH;
    options->attach_btf_id = place->id;
    options->attach_btf_obj_fd = static_cast<std::uint32_t>(place->btf_fd);
    return 0;
  }

  inline static const FunctionTypes* current_ = nullptr;
};

Status prepare_maps(ledger_bpf& skeleton, const LedgerOptions& options, const LedgerMaps* armed) {
  if (armed == nullptr) {
    bpf_map__set_max_entries(skeleton.maps.ledger, options.capacity);
    return {};
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    const auto found = armed->find(bpf_map__name(map));
    if (found == armed->end()) continue;
    if (const int error = bpf_map__reuse_fd(map, found->second.get()); error != 0) {
      return system_error(fmt::format("use the ledger's map {}", found->first), -error);
    }
  }
  return {};
}

Status fill_operations(ledger_bpf& skeleton, const LedgerKernel& kernel) {
  for (const auto& [function, type] : kernel.operations) {
    const std::uint32_t value = type;
    if (bpf_map__update_elem(skeleton.maps.operations, &function, sizeof(function), &value,
                             sizeof(value), BPF_ANY) != 0) {
      return system_error("fill the table of file operations", errno);
    }
  }
  return {};
}

bpf_program* find_program(const ledger_bpf& skeleton, std::string_view name) {
  return bpf_object__find_program_by_name(skeleton.obj, std::string(name).c_str());
}

Result<FileDescriptor> attach_program(const ledger_bpf& skeleton, std::string_view name) {
  const int fd = bpf_program__fd(find_program(skeleton, name));
  const auto [kind, function] = program_target(name);
  auto link = is_trampoline(name) ? attach_trampoline(fd)
                                  : attach_kprobe(fd, std::string(function), kind == "kretprobe");
  if (!link) return wrap(name, link.error());
  return link;
}

bool has_link(std::span<const LedgerLink> links, std::string_view program) {
  return std::any_of(links.begin(), links.end(),
                     [program](const LedgerLink& link) { return link.program == program; });
}

Error past_deadline() {
  return {"attach the ledger: not done in time, everything is detached again", ETIMEDOUT};
}

}  // namespace

LedgerPrograms::LedgerPrograms(std::unique_ptr<State> state) : state_(std::move(state)) {}
LedgerPrograms::LedgerPrograms(LedgerPrograms&&) noexcept = default;
LedgerPrograms& LedgerPrograms::operator=(LedgerPrograms&&) noexcept = default;
LedgerPrograms::~LedgerPrograms() = default;

const AttachPlan& LedgerPrograms::plan() const { return state_->plan; }

Result<LedgerPrograms> LedgerPrograms::load(const LedgerOptions& options,
                                            const LedgerKernel& kernel, const FunctionTypes& types,
                                            AttachSupport& support, const LedgerMaps* maps) {
  const KnownTargets targets(types);
  if (auto ready = KnownTargets::install(); !ready) return ready.error();
  for (;;) {
    collect_libbpf_complaints();
    auto state = std::make_unique<State>();
    state->plan = plan_attach(ledger_families(), support);
    state->skeleton.reset(ledger_bpf::open());
    if (!state->skeleton) return system_error("open the ledger's programs", errno);
    auto& skeleton = *state->skeleton;
    set_constants(skeleton, kernel);
    if (auto ready = prepare_maps(skeleton, options, maps); !ready) return ready.error();
    for (const auto& name : state->plan.programs) {
      auto* const program = find_program(skeleton, name);
      if (program == nullptr) return Error{fmt::format("load the ledger: no program {}", name)};
      bpf_program__set_autoload(program, true);
    }
    if (!support.refused_programs.contains(kSeedProgram)) {
      bpf_program__set_autoload(skeleton.progs.iter__seed, true);
    }
    const int error = ledger_bpf::load(&skeleton);
    if (error == 0) {
      if (auto filled = fill_operations(skeleton, kernel); !filled) return filled.error();
      return LedgerPrograms(std::move(state));
    }
    const auto complaints = libbpf_complaints();
    const auto refused = refused_program(complaints);
    const auto why = last_complaint(complaints);
    // Once each: a program that is refused is not loaded the next time.
    if (refused.empty() || !support.refused_programs.emplace(refused, why).second) {
      return wrap("load the ledger's programs",
                  {why.empty() ? std::string(std::strerror(-error)) : why, -error});
    }
  }
}

Result<LedgerMaps> LedgerPrograms::maps() const {
  LedgerMaps maps;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, state_->skeleton->obj) {
    // Nobody else needs the constants and what the iterator notes.
    if (bpf_map__is_internal(map) || map == state_->skeleton->maps.seeded) continue;
    FileDescriptor own(::fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0));
    if (!own) return system_error("keep the ledger's maps", errno);
    maps[bpf_map__name(map)] = std::move(own);
  }
  return maps;
}

Result<std::vector<LedgerLink>> LedgerPrograms::attach(AttachSupport& support,
                                                       steady_clock::time_point deadline) const {
  std::vector<LedgerLink> links;
  for (const auto& [family, programs] : state_->plan.attach) {
    const auto before = links.size();
    for (const auto program : programs) {
      if (support.running.contains(program) || has_link(links, program)) continue;
      if (steady_clock::now() > deadline) return past_deadline();
      auto link = attach_program(*state_->skeleton, program);
      if (link) {
        links.push_back({std::string(program), *std::move(link)});
        continue;
      }
      support.failed_families[std::string(family->name)] = link.error().message;
      links.resize(before);
      break;
    }
  }
  if (steady_clock::now() > deadline) return past_deadline();
  return links;
}

Status LedgerPrograms::seed(const std::vector<std::string>& classes) const {
  for (const auto& row : ledger_classes()) {
    if (std::find(classes.begin(), classes.end(), row.name) != classes.end()) {
      state_->skeleton->bss->seed_classes |= std::uint64_t{1} << row.cls;
    }
  }
  const auto what = std::string("enter the references that exist already");
  const Link link(bpf_program__attach_iter(state_->skeleton->progs.iter__seed, nullptr));
  if (!link) return system_error(what, errno);
  const FileDescriptor iterator(bpf_iter_create(bpf_link__fd(link.get())));
  if (!iterator) return system_error(what, errno);
  std::array<char, 256> nothing{};
  for (;;) {
    const auto size = ::read(iterator.get(), nothing.data(), nothing.size());
    if (size == 0) return {};
    if (size < 0 && errno != EINTR && errno != EAGAIN) return system_error(what, errno);
  }
}

}  // namespace vmleak
