// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "host/host_root.h"

namespace vmleak {

// A temporary directory with a made-up /proc and /sys in it.
class HostTree {
 public:
  HostTree() {
    std::string pattern = std::filesystem::temp_directory_path() / "vmleak-host-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "mkdtemp");
    }
    directory_ = pattern;
  }
  HostTree(const HostTree&) = delete;
  HostTree& operator=(const HostTree&) = delete;
  HostTree(HostTree&&) = delete;
  HostTree& operator=(HostTree&&) = delete;
  ~HostTree() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  HostTree& file(std::string_view path, std::string_view text) {
    const auto target = at(path);
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(target, std::ios::binary) << text;
    return *this;
  }
  HostTree& directory(std::string_view path) {
    std::filesystem::create_directories(at(path));
    return *this;
  }
  HostTree& link(std::string_view path, const std::string& target) {
    std::filesystem::create_directories(at(path).parent_path());
    std::filesystem::create_symlink(target, at(path));
    return *this;
  }

  [[nodiscard]] HostRoot root() const { return HostRoot(directory_.string()); }
  [[nodiscard]] std::filesystem::path at(std::string_view path) const {
    return directory_ / std::filesystem::path(path).relative_path();
  }

 private:
  std::filesystem::path directory_;
};

}  // namespace vmleak
