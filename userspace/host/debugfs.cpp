// SPDX-License-Identifier: Apache-2.0
#include "host/debugfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "host/text.h"

namespace vmleak {
namespace {

constexpr std::string_view kMountPoint = "/sys/kernel/debug";

bool is_debugfs(int fd) {
  struct statfs facts {};
  return ::fstatfs(fd, &facts) == 0 && facts.f_type == DEBUGFS_MAGIC;
}

Result<FileDescriptor> mount_detached() {
  const FileDescriptor context(::fsopen("debugfs", FSOPEN_CLOEXEC));
  if (!context) return system_error("open debugfs: fsopen", errno);
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return system_error("open debugfs: fsconfig", errno);
  }
  FileDescriptor mount(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                                 MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID));
  if (!mount) return system_error("open debugfs: fsmount", errno);
  return mount;
}

bool is_regular_file(int directory, const std::string& name) {
  struct stat facts {};
  return ::fstatat(directory, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(facts.st_mode);
}

// Empty when the directory has no file (any more).
std::string choose_file(int directory, std::span<const std::string_view> preferred) {
  for (const auto name : preferred) {
    if (is_regular_file(directory, std::string(name))) return std::string(name);
  }
  const auto names = list_directory(directory);
  if (!names) return {};
  const auto file = std::find_if(names->begin(), names->end(), [&](const std::string& name) {
    return is_regular_file(directory, name);
  });
  return file == names->end() ? std::string() : *file;
}

}  // namespace

Result<FileDescriptor> open_debugfs(const HostRoot& root) {
  // A mount that is there goes first: where debugfs uses mount_single() (6.1),
  // another one puts permissions that were set on it back to their default.
  auto mounted = root.open(kMountPoint, O_RDONLY | O_DIRECTORY);
  if (mounted && is_debugfs(mounted->get())) return mounted;
  return mount_detached();
}

std::optional<DebugfsVmName> parse_debugfs_vm_name(std::string_view name) {
  const auto dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto pid = to_number<std::int64_t>(name.substr(0, dash));
  const auto fd = to_number<std::int64_t>(name.substr(dash + 1));
  if (!pid || !fd || *pid < 0 || *fd < 0) return std::nullopt;
  return DebugfsVmName{*pid, *fd};
}

Result<std::vector<DebugfsVm>> list_debugfs_vms(int debugfs,
                                                std::span<const std::string_view> preferred) {
  std::vector<DebugfsVm> vms;
  const FileDescriptor kvm(::openat(debugfs, "kvm", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!kvm && errno == ENOENT) return vms;
  if (!kvm) return system_error("open kvm in debugfs", errno);
  const auto names = list_directory(kvm.get());
  if (!names) return wrap("list kvm in debugfs", names.error());
  for (const auto& name : *names) {
    const auto parsed = parse_debugfs_vm_name(name);
    if (!parsed) continue;
    const FileDescriptor directory(
        ::openat(kvm.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) continue;
    std::string file = choose_file(directory.get(), preferred);
    if (file.empty()) continue;
    FileDescriptor handle(::openat(directory.get(), file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!handle) continue;
    vms.push_back({name, parsed->pid, parsed->fd, std::move(file), std::move(handle)});
  }
  return vms;
}

}  // namespace vmleak
