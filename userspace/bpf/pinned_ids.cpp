// SPDX-License-Identifier: Apache-2.0
#include "bpf/pinned_ids.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <poll.h>

#include <filesystem>

#include "base/file_descriptor.h"

namespace vmleak {

void PinnedIds::remember(const std::string& path, bool is_link) {
  const FileDescriptor fd(bpf_obj_get(path.c_str()));
  if (!fd) return;
  const auto name = std::filesystem::path(path).filename().string();
  if (is_link) {
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return;
    kept_.push_back({"link " + name, bpf_link_get_fd_by_id, info.id});
    kept_.push_back({"program " + name, bpf_prog_get_fd_by_id, info.prog_id});
    return;
  }
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return;
  kept_.push_back({"map " + name, bpf_map_get_fd_by_id, info.id});
}

std::vector<std::string> PinnedIds::left() const {
  std::vector<std::string> names;
  for (const auto& kept : kept_) {
    if (FileDescriptor(kept.open(kept.id))) names.push_back(kept.name);
  }
  return names;
}

Status PinnedIds::wait_until_gone(std::chrono::milliseconds at_most) const {
  constexpr int kStep = 50;  // milliseconds
  const auto until = std::chrono::steady_clock::now() + at_most;
  auto names = left();
  while (!names.empty()) {
    if (std::chrono::steady_clock::now() > until) {
      return Error{
          fmt::format("disarm: still there, somebody has them open: {}", fmt::join(names, ", ")),
          EBUSY};
    }
    ::poll(nullptr, 0, kStep);
    names = left();
  }
  return {};
}

}  // namespace vmleak
