// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vmleak/ledger_abi.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/kinds.h"

namespace vmleak {

// What the first token of an entry is, and so who holds the reference.
enum class LedgerToken {
  kFile,         // an open file of this class
  kObject,       // an object with a node of its own
  kKvmVfio,      // struct kvm_vfio: its kvm_device's file
  kVhostDevice,  // struct vhost_dev: its file
  kVirtqueue,    // struct vhost_virtqueue: its device's file
  kEventfd,      // the eventfd_ctx itself, whose VM signals it
};

// How it can be told that an entry's object still is the one it was.
enum class LedgerLife {
  kTokenFile,  // the token is a file of this class that keeps the object
  kHeldFile,   // what is held is a file with references
  kKvm,        // the VM's generation
  kContainer,
  kMm,
  kEventfd,  // its id
};

struct LedgerClass {
  vmleak_ledger_class cls;
  std::string_view name;  // of the reference class
  NodeKind held;
  LedgerToken token;
  LedgerLife life;
  std::uint32_t file_type;   // of the file that proves the life; VMLEAK_FILE_OTHER: any
  std::uint32_t file_type2;  // or this one
  std::string_view holder;   // for people, when the holder is not in the book
  // The function that takes it: seen at its end by a kprobe, it is not on the
  // stack any more.  Empty: whoever made the file.
  std::string_view taken_in{};
  std::string_view or_taken_in{};
};

std::span<const LedgerClass> ledger_classes();

// nullptr when this vmleak knows no such class.
const LedgerClass* find_ledger_class(std::uint32_t cls);

// The function in which a reference of this class was taken, by its stack.
std::string taking_function(const LedgerClass& cls, const std::vector<std::string>& frames);

// The holder of an entry for people, e.g. "VFIO trigger 2/0".
std::string holder_text(const LedgerClass& cls, const vmleak_ledger_key& key);

}  // namespace vmleak
