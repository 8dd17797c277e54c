// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include <memory>

namespace vmleak {

// Deleter that frees a C library's handle with kFree.
template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    static_cast<void>(kFree(handle));
  }
};

using Link = std::unique_ptr<bpf_link, FreeWith<bpf_link__destroy>>;
using RingBuffer = std::unique_ptr<ring_buffer, FreeWith<ring_buffer__free>>;

template <class T>
struct DestroySkeleton {
  void operator()(T* skeleton) const noexcept { T::destroy(skeleton); }
};
template <class T>
using Skeleton = std::unique_ptr<T, DestroySkeleton<T>>;

}  // namespace vmleak
