// SPDX-License-Identifier: Apache-2.0
#include "bpf/record_stream.h"

#include <algorithm>
#include <cstring>

namespace vmleak {
namespace {

template <class Record>
bool read_record(const char* data, std::size_t size, std::vector<Record>& out) {
  if (size != sizeof(Record)) return false;
  std::memcpy(&out.emplace_back(), data, size);
  return true;
}

// Sent without the unused end of its stack.
bool read_task(const char* data, std::size_t size, std::vector<TaskRecord>& out) {
  constexpr std::size_t kFixed = offsetof(vmleak_task_record, stack);
  if (size < kFixed || size > sizeof(vmleak_task_record)) return false;
  auto& record = out.emplace_back();
  std::memcpy(&record.task, data, size);
  const auto frames = (size - kFixed) / sizeof(std::uint64_t);
  record.stack.assign(record.task.stack, record.task.stack + frames);
  return true;
}

bool read_one(const vmleak_header& header, const char* data, KernelRecords& out) {
  const std::size_t size = header.size;
  switch (static_cast<vmleak_record_type>(header.type)) {
    case VMLEAK_RECORD_KVM:
      return read_record(data, size, out.kvms);
    case VMLEAK_RECORD_FD:
      return read_record(data, size, out.fds);
    case VMLEAK_RECORD_FILE: {
      std::vector<vmleak_file_record> one;
      if (!read_record(data, size, one)) return false;
      out.files.push_back(one.front().file);
      return true;
    }
    case VMLEAK_RECORD_FILE_HOLD:
      return read_record(data, size, out.holds);
    case VMLEAK_RECORD_MAPPING:
      return read_record(data, size, out.mappings);
    case VMLEAK_RECORD_TASK:
      return read_task(data, size, out.tasks);
    case VMLEAK_RECORD_MM:
      return read_record(data, size, out.mms);
    case VMLEAK_RECORD_VFIO_GROUP:
      return read_record(data, size, out.vfio_groups);
    case VMLEAK_RECORD_VFIO_DEVICE:
      return read_record(data, size, out.vfio_devices);
    case VMLEAK_RECORD_VFIO_CONTAINER:
      return read_record(data, size, out.vfio_containers);
    case VMLEAK_RECORD_DMA_USER:
      return read_record(data, size, out.dma_users);
    case VMLEAK_RECORD_IOMMU_GROUP:
      return read_record(data, size, out.iommu_groups);
    case VMLEAK_RECORD_IOMMU_MEMBER:
      return read_record(data, size, out.iommu_members);
    case VMLEAK_RECORD_VHOST:
      return read_record(data, size, out.vhosts);
    case VMLEAK_RECORD_OWN_FD:
      return read_record(data, size, out.own_fds);
    case VMLEAK_RECORD_EMBRYO:
      return read_record(data, size, out.embryos);
    case VMLEAK_RECORD_KVM_VFIO:
      return read_record(data, size, out.kvm_vfios);
    case VMLEAK_RECORD_EVENTFD:
      return read_record(data, size, out.eventfds);
    case VMLEAK_RECORD_EVENTFD_HOLD:
      return read_record(data, size, out.eventfd_holds);
    case VMLEAK_RECORD_WALK:
      return read_record(data, size, out.walks);
  }
  return false;
}

}  // namespace

Result<std::size_t> add_records(const char* data, std::size_t size, KernelRecords& out) {
  std::size_t used = 0;
  while (size - used >= sizeof(vmleak_header)) {
    vmleak_header header{};
    std::memcpy(&header, data + used, sizeof(header));
    if (header.size < sizeof(header)) return Error{"read kernel records: a record without a size"};
    if (header.size > size - used) break;
    if (!read_one(header, data + used, out)) {
      return Error{fmt::format("read kernel records: type {} of {} bytes is unknown", header.type,
                               header.size)};
    }
    used += header.size;
  }
  return used;
}

}  // namespace vmleak
