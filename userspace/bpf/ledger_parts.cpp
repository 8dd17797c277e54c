// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_parts.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "bpf/kernel_program.h"

namespace vmleak {
namespace {

constexpr std::size_t kFamiliesSize = 65536;

std::size_t meta_mapping_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

Result<int> find_map(const LedgerMaps& maps, std::string_view name) {
  const auto found = maps.find(name);
  if (found == maps.end()) return Error{fmt::format("read the ledger: it has no map {}", name)};
  return found->second.get();
}

// Every element of a hash map.  Those that come and go meanwhile may be missed.
template <class Key, class Value>
Status read_hash(const LedgerMaps& maps, std::string_view name,
                 std::vector<std::pair<Key, Value>>& out) {
  const auto fd = find_map(maps, name);
  if (!fd) return fd.error();
  std::vector<Key> keys(256);
  std::vector<Value> values(keys.size());
  std::uint32_t place = 0;  // hash maps go by the bucket's number
  bool first = true;
  for (;;) {
    auto count = static_cast<std::uint32_t>(keys.size());
    std::uint32_t next = 0;
    const int error = bpf_map_lookup_batch(*fd, first ? nullptr : &place, &next, keys.data(),
                                           values.data(), &count, nullptr);
    if (error != 0 && errno == ENOSPC) {  // one bucket has more
      keys.resize(keys.size() * 2);
      values.resize(keys.size());
      continue;
    }
    if (error != 0 && errno != ENOENT) {
      return system_error(fmt::format("read the ledger's map {}", name), errno);
    }
    for (std::uint32_t i = 0; i < count; ++i) out.emplace_back(keys[i], values[i]);
    if (error != 0) return {};
    place = next;
    first = false;
  }
}

Status read_counts(const LedgerMaps& maps, LedgerRecords& records) {
  const auto fd = find_map(maps, "counts");
  if (!fd) return fd.error();
  for (std::uint32_t i = 0; i < records.counts.size(); ++i) {
    if (bpf_map_lookup_elem(*fd, &i, &records.counts.at(i)) != 0) {
      return system_error("read the ledger's counts", errno);
    }
  }
  return {};
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

}  // namespace

Status store_families(LedgerParts& parts) {
  auto text = armed_families_to_text(parts.families);
  if (text.size() >= kFamiliesSize) return Error{"store the ledger's families: too long"};
  text.resize(kFamiliesSize);
  auto& map = parts.maps[kFamiliesMap];
  if (!map) {
    map = FileDescriptor(bpf_map_create(BPF_MAP_TYPE_ARRAY, "vmleak_families",
                                        sizeof(std::uint32_t), kFamiliesSize, 1, nullptr));
  }
  const std::uint32_t zero = 0;
  if (!map || bpf_map_update_elem(map.get(), &zero, text.data(), BPF_ANY) != 0) {
    return system_error("store the ledger's families", errno);
  }
  return {};
}

Status load_families(LedgerParts& parts) {
  const auto fd = find_map(parts.maps, kFamiliesMap);
  if (!fd) return fd.error();
  std::string text(kFamiliesSize, '\0');
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(*fd, &zero, text.data()) != 0) {
    return system_error("read the ledger's families", errno);
  }
  text.resize(text.find('\0'));
  auto families = armed_families_from_text(text);
  if (!families) return families.error();
  parts.families = *std::move(families);
  return {};
}

Result<SharedMeta> SharedMeta::map(const LedgerMaps& maps) {
  const auto fd = find_map(maps, "meta");
  if (!fd) return fd.error();
  auto* const memory =
      ::mmap(nullptr, meta_mapping_size(), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  if (memory == MAP_FAILED) return system_error("map what the ledger says of itself", errno);
  return SharedMeta(static_cast<vmleak_ledger_meta*>(memory));
}

SharedMeta::~SharedMeta() {
  if (meta_ != nullptr) ::munmap(meta_, meta_mapping_size());
}

Result<LedgerRecords> read_records(const LedgerParts& parts) {
  LedgerRecords records;
  const auto& maps = parts.maps;
  const auto meta = SharedMeta::map(maps);
  if (!meta) return meta.error();
  records.meta = **meta;
  for (const auto& status :
       {read_hash(maps, "ledger", records.entries), read_hash(maps, "objects", records.objects),
        read_hash(maps, "sums", records.sums), read_hash(maps, "closes", records.closes),
        read_hash(maps, "dma", records.dma), read_hash(maps, "removals", records.removals),
        read_counts(maps, records)}) {
    if (!status) return status.error();
  }
  for (const auto& link : parts.links) {
    const auto missed = missed_calls(link.fd.get());
    if (!missed) return missed.error();
    records.skipped += missed->count;
    records.counts_skipped = records.counts_skipped && missed->known;
  }
  return records;
}

Status forget_entries(const LedgerMaps& maps, const std::vector<vmleak_ledger_key>& keys) {
  const auto fd = find_map(maps, "ledger");
  if (!fd) return fd.error();
  for (const auto& key : keys) {
    if (bpf_map_delete_elem(*fd, &key) != 0 && errno != ENOENT) {
      return system_error("forget an entry of the ledger", errno);
    }
  }
  return {};
}

std::uint64_t memory_bound(const LedgerMaps& maps) {
  // struct htab_elem and struct bucket, on x86-64.
  constexpr std::uint64_t kElement = 48;
  constexpr std::uint64_t kBucket = 16;
  std::uint64_t bytes = 0;
  for (const auto& [name, fd] : maps) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) continue;
    const std::uint64_t entries = info.max_entries;
    switch (info.type) {
      case BPF_MAP_TYPE_HASH:
        bytes += entries * (kElement + round_up(info.key_size, 8) + round_up(info.value_size, 8)) +
                 std::bit_ceil(entries) * kBucket;
        break;
      case BPF_MAP_TYPE_RINGBUF:
        bytes += entries;
        break;
      default:
        bytes += entries * round_up(info.value_size, 8);
    }
  }
  return bytes;
}

}  // namespace vmleak
