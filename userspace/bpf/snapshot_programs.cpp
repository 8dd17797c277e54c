// SPDX-License-Identifier: Apache-2.0
#include "bpf/snapshot_programs.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/file_descriptor.h"
#include "bpf/handles.h"
#include "bpf/libbpf_log.h"
#include "bpf/record_stream.h"
#include "snapshot.skel.h"

namespace vmleak {
namespace {

using Run = SnapshotPrograms::Run;
using Iterate = SnapshotPrograms::Iterate;
using Needs = bool KernelAddresses::*;

struct RunProgram {
  Run run;
  const char* name;
  Needs needs;  // nullptr: in every kernel
};

constexpr std::array kRunPrograms = std::to_array<RunProgram>({
    {Run::kVmList, "run__vm_list", &KernelAddresses::has_kvm},
    {Run::kKvm, "run__kvm", &KernelAddresses::has_kvm},
    {Run::kKvmDevices, "run__kvm_devices", &KernelAddresses::has_kvm},
    {Run::kKvmVfio, "run__kvm_vfio", &KernelAddresses::has_kvm},
    {Run::kMappings, "run__mappings", nullptr},
    {Run::kMm, "run__mm", nullptr},
    {Run::kFile, "run__file", nullptr},
    {Run::kEventfd, "run__eventfd", nullptr},
    {Run::kKvmEventfds, "run__kvm_eventfds", &KernelAddresses::has_kvm},
    {Run::kVfioEventfds, "run__vfio_eventfds", &KernelAddresses::has_vfio},
    {Run::kSocket, "run__socket", nullptr},
    {Run::kIoUring, "run__io_uring", nullptr},
    {Run::kVhost, "run__vhost", &KernelAddresses::has_vhost},
    {Run::kVfioGroups, "run__vfio_groups", &KernelAddresses::has_vfio},
    {Run::kVfioGroup, "run__vfio_group", &KernelAddresses::has_vfio},
    {Run::kVfioGroupParts, "run__vfio_group_parts", &KernelAddresses::has_vfio},
    {Run::kVfioDevice, "run__vfio_device", &KernelAddresses::has_vfio},
    {Run::kVfioContainer, "run__vfio_container", &KernelAddresses::has_vfio},
    {Run::kVfioDma, "run__vfio_dma", &KernelAddresses::has_vfio_type1},
    {Run::kIommuGroup, "run__iommu_group", &KernelAddresses::has_iommu},
});

struct IterateProgram {
  Iterate iterate;
  const char* name;
};

constexpr std::array kIteratePrograms = std::to_array<IterateProgram>({
    {Iterate::kFiles, "iter__files"},
    {Iterate::kOwnFds, "iter__own_fds"},
    {Iterate::kTasks, "iter__tasks"},
});

// Where the records of the ring buffer go while a program runs.
struct RecordSink {
  KernelRecords* out = nullptr;
  Status status;
};

int take_record(void* context, void* data, std::size_t size) {
  auto& sink = *static_cast<RecordSink*>(context);
  auto used = add_records(static_cast<const char*>(data), size, *sink.out);
  if (!used) sink.status = used.error();
  return 0;
}

}  // namespace

struct SnapshotPrograms::State {
  Skeleton<snapshot_bpf> skeleton;
  RecordSink sink;
  RingBuffer ring;                                 // hands records to sink
  std::array<int, kRunPrograms.size()> run_fds{};  // -1: not loaded
};

namespace {

void set_addresses(snapshot_bpf& skeleton, const KernelAddresses& addresses) {
  auto& rodata = *skeleton.rodata;
  rodata.vm_list_address = addresses.vm_list;
  rodata.fput_work_address = addresses.fput_work;
  rodata.kvm_vm_fops_address = addresses.kvm_vm_fops;
  rodata.vendor_is_amd = addresses.has_kvm_amd;
  std::copy_n(addresses.vfio.begin(),
              std::min(addresses.vfio.size(), std::size(rodata.vfio_addresses)),
              std::begin(rodata.vfio_addresses));
  const auto& functions = addresses.stack_functions;
  const auto ranges = std::min(functions.size(), std::size(rodata.stack_ranges));
  for (std::size_t i = 0; i < ranges; ++i) {
    rodata.stack_ranges[i] = {functions[i].start, functions[i].end, functions[i].closing,
                              functions[i].device_call};
  }
  rodata.stack_range_count = static_cast<std::uint32_t>(ranges);
}

}  // namespace

SnapshotPrograms::SnapshotPrograms(std::unique_ptr<State> state) : state_(std::move(state)) {}
SnapshotPrograms::SnapshotPrograms(SnapshotPrograms&&) noexcept = default;
SnapshotPrograms& SnapshotPrograms::operator=(SnapshotPrograms&&) noexcept = default;
SnapshotPrograms::~SnapshotPrograms() = default;

Result<SnapshotPrograms> SnapshotPrograms::load(const KernelAddresses& addresses) {
  collect_libbpf_complaints();
  auto state = std::make_unique<State>();
  state->skeleton.reset(snapshot_bpf::open());
  if (!state->skeleton) return system_error("open snapshot programs", errno);
  auto& skeleton = *state->skeleton;
  set_addresses(skeleton, addresses);

  const auto program = [&skeleton](const char* name) {
    return bpf_object__find_program_by_name(skeleton.obj, name);
  };
  for (const auto& row : kRunPrograms) {
    const bool wanted = row.needs == nullptr || addresses.*row.needs;
    bpf_program__set_autoload(program(row.name), wanted);
  }
  for (const auto& row : kIteratePrograms) bpf_program__set_autoload(program(row.name), true);

  if (const int error = snapshot_bpf::load(&skeleton); error != 0) {
    const auto complaint = last_complaint(libbpf_complaints());
    auto what = system_error("load snapshot programs", -error);
    if (!complaint.empty()) what.message += " (" + complaint + ")";
    return what;
  }
  for (std::size_t i = 0; i < kRunPrograms.size(); ++i) {
    auto* found = program(kRunPrograms[i].name);
    state->run_fds[i] = bpf_program__autoload(found) ? bpf_program__fd(found) : -1;
  }
  state->ring.reset(
      ring_buffer__new(bpf_map__fd(skeleton.maps.records), take_record, &state->sink, nullptr));
  if (!state->ring) return system_error("read the record buffer", errno);
  for (const auto& [function, type] : addresses.operations) {
    const std::uint32_t value = type;
    if (bpf_map__update_elem(skeleton.maps.operations, &function, sizeof(function), &value,
                             sizeof(value), BPF_ANY) != 0) {
      return system_error("fill the table of file operations", errno);
    }
  }
  return SnapshotPrograms(std::move(state));
}

std::vector<std::string> SnapshotPrograms::program_names() {
  std::vector<std::string> names;
  names.reserve(kRunPrograms.size() + kIteratePrograms.size());
  for (const auto& row : kRunPrograms) names.emplace_back(row.name);
  for (const auto& row : kIteratePrograms) names.emplace_back(row.name);
  return names;
}

bool SnapshotPrograms::has(Run run) const {
  for (std::size_t i = 0; i < kRunPrograms.size(); ++i) {
    if (kRunPrograms[i].run == run) return state_->run_fds[i] >= 0;
  }
  return false;
}

Status SnapshotPrograms::run(Run run, std::uint64_t address, std::uint64_t extra,
                             KernelRecords& out) {
  const auto row =
      static_cast<std::size_t>(std::find_if(kRunPrograms.begin(), kRunPrograms.end(),
                                            [run](const auto& entry) { return entry.run == run; }) -
                               kRunPrograms.begin());
  const int fd = state_->run_fds.at(row);
  if (fd < 0) return Error{fmt::format("run {}: not loaded", kRunPrograms.at(row).name)};

  state_->sink = {&out, {}};
  vmleak_walk_args arguments{address, extra};
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &arguments, .ctx_size_in = sizeof(arguments));
  if (bpf_prog_test_run_opts(fd, &options) != 0) {
    return system_error(fmt::format("run {}", kRunPrograms.at(row).name), errno);
  }
  if (const int taken = ring_buffer__consume(state_->ring.get()); taken < 0) {
    return system_error("read the record buffer", -taken);
  }
  return state_->sink.status;
}

Status SnapshotPrograms::iterate(Iterate iterate, std::uint32_t tgid, KernelRecords& out) {
  const auto* row = std::find_if(kIteratePrograms.begin(), kIteratePrograms.end(),
                                 [iterate](const auto& entry) { return entry.iterate == iterate; });
  auto* program = bpf_object__find_program_by_name(state_->skeleton->obj, row->name);
  const auto what = fmt::format("iterate {}", bpf_program__section_name(program));

  bpf_iter_link_info info{};
  info.task.pid = tgid;
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
  const Link link(bpf_program__attach_iter(program, tgid != 0 ? &options : nullptr));
  if (!link) return system_error(what, errno);
  const FileDescriptor records(bpf_iter_create(bpf_link__fd(link.get())));
  if (!records) return system_error(what, errno);

  std::vector<char> buffer(std::size_t{256} * 1024);
  std::size_t filled = 0;
  for (;;) {
    const auto count = ::read(records.get(), buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return system_error(what, errno);
    if (count == 0) return {};
    filled += static_cast<std::size_t>(count);
    auto used = add_records(buffer.data(), filled, out);
    if (!used) return used.error();
    std::memmove(buffer.data(), buffer.data() + *used, filled - *used);
    filled -= *used;
  }
}

Status SnapshotPrograms::watch_task_key(std::uint64_t key) {
  const std::uint8_t value = 1;
  if (bpf_map__update_elem(state_->skeleton->maps.watched_tasks, &key, sizeof(key), &value,
                           sizeof(value), BPF_ANY) != 0) {
    return system_error("watch a task", errno);
  }
  return {};
}

Status SnapshotPrograms::watch_inode(std::uint64_t inode) {
  const std::uint8_t value = 1;
  if (bpf_map__update_elem(state_->skeleton->maps.watched_inodes, &inode, sizeof(inode), &value,
                           sizeof(value), BPF_ANY) != 0) {
    return system_error("watch an inode", errno);
  }
  state_->skeleton->bss->watch_inodes = true;
  return {};
}

Status SnapshotPrograms::watch_eventfd(std::uint64_t context) {
  const std::uint8_t value = 1;
  if (bpf_map__update_elem(state_->skeleton->maps.watched_eventfds, &context, sizeof(context),
                           &value, sizeof(value), BPF_ANY) != 0) {
    return system_error("watch an eventfd", errno);
  }
  state_->skeleton->bss->watch_eventfds = true;
  return {};
}

void SnapshotPrograms::report_images(bool on) { state_->skeleton->bss->report_images = on; }

std::uint64_t SnapshotPrograms::files_walked() const { return state_->skeleton->bss->files_walked; }

std::uint64_t SnapshotPrograms::records_lost() const { return state_->skeleton->bss->records_lost; }

}  // namespace vmleak
