// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vmleak/ledger_abi.h>

#include <map>
#include <string>
#include <vector>

#include "attach/armed_families.h"
#include "base/file_descriptor.h"
#include "base/result.h"
#include "bpf/ledger_records.h"

namespace vmleak {

// By name.
using LedgerMaps = std::map<std::string, FileDescriptor, std::less<>>;

struct LedgerLink {
  std::string program;
  FileDescriptor fd;
};

// What an attached ledger consists of: as long as somebody has these open, or
// they are pinned, it lives.
struct LedgerParts {
  LedgerMaps maps;
  std::vector<LedgerLink> links;
  std::vector<ArmedFamily> families;
};

// The families travel with the maps, in one that only user space knows.
inline constexpr const char* kFamiliesMap = "families";
Status store_families(LedgerParts& parts);
Status load_families(LedgerParts& parts);

// The element of map meta, shared with the programs.
class SharedMeta {
 public:
  static Result<SharedMeta> map(const LedgerMaps& maps);
  SharedMeta(SharedMeta&& other) noexcept : meta_(std::exchange(other.meta_, nullptr)) {}
  SharedMeta& operator=(SharedMeta&& other) noexcept {
    std::swap(meta_, other.meta_);
    return *this;
  }
  SharedMeta(const SharedMeta&) = delete;
  SharedMeta& operator=(const SharedMeta&) = delete;
  ~SharedMeta();

  vmleak_ledger_meta* operator->() const { return meta_; }
  vmleak_ledger_meta& operator*() const { return *meta_; }

 private:
  explicit SharedMeta(vmleak_ledger_meta* meta) : meta_(meta) {}
  vmleak_ledger_meta* meta_;
};

// Reads every map; families are not part of it.
Result<LedgerRecords> read_records(const LedgerParts& parts);

// Takes entries out of map ledger; those that are gone already are no error.
Status forget_entries(const LedgerMaps& maps, const std::vector<vmleak_ledger_key>& keys);

// Kernel memory that the maps may need when they are full.
std::uint64_t memory_bound(const LedgerMaps& maps);

}  // namespace vmleak
