// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace vmleak {

// The head of a message between the program and a helper: its size.
inline std::string frame_header(std::uint64_t size) {
  std::string header(sizeof(size), '\0');
  std::memcpy(header.data(), &size, sizeof(size));
  return header;
}

inline std::uint64_t frame_size(const char* header) {
  std::uint64_t size = 0;
  std::memcpy(&size, header, sizeof(size));
  return size;
}

// What a helper does after fork(): never returns.
[[noreturn]] void run_helper(pid_t parent, int request_fd, int reply_fd,
                             const std::function<void(int, int)>& serve);

}  // namespace vmleak
