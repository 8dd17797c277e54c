// SPDX-License-Identifier: Apache-2.0

// Files of VFIO groups, opened to keep others out and to see that it can be done.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

#include "executor/host_hands.h"
#include "executor/sysfs.h"
#include "host/background.h"
#include "host/text.h"

namespace vmleak {
namespace {

using nlohmann::json;

std::string group_path(std::int64_t group) { return fmt::format("/dev/vfio/{}", group); }

// "" or "CODE TEXT".
std::string open_groups(const HostRoot& root, const std::vector<std::int64_t>& groups,
                        std::vector<FileDescriptor>& files) {
  for (const auto group : groups) {
    auto file = root.open(group_path(group), O_RDWR | O_NOFOLLOW);
    if (!file && file.error().code == ENOENT) continue;
    if (!file) return fmt::format("{} {}", file.error().code, file.error().message);
    files.push_back(*std::move(file));
  }
  return "";
}

json open_once(const HostRoot& root, const std::string& pci_address) {
  const auto sysfs = Sysfs::open(root);
  if (!sysfs) return {{"error", sysfs.error().message}};
  const auto group = to_number<std::int64_t>(
      sysfs->link_name(fmt::format("bus/pci/devices/{}/iommu_group", pci_address)));
  if (!group) return {{"error", pci_address + " is in no IOMMU group"}};
  const auto file = root.open(group_path(*group), O_RDWR | O_NOFOLLOW);
  if (!file) return {{"error", file.error().message}};
  vfio_group_status status{};
  status.argsz = sizeof status;
  if (::ioctl(file->get(), VFIO_GROUP_GET_STATUS, &status) != 0) {
    return {{"error", system_error("read the state of " + group_path(*group), errno).message}};
  }
  if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) {
    return {{"error", group_path(*group) + " is not viable"}};
  }
  return json::object();
}

}  // namespace

Result<GroupGuard> GroupGuard::take(const HostRoot& root, const std::vector<std::int64_t>& groups,
                                    std::chrono::milliseconds deadline) {
  auto helper = HelperProcess::start("open VFIO groups", [&](int request_fd, int reply_fd) {
    std::vector<FileDescriptor> files;
    answer_requests([&](std::string_view /*request*/) { return open_groups(root, groups, files); })(
        request_fd, reply_fd);
  });
  if (!helper) return helper.error();
  const auto answer = helper->ask("open", deadline);
  if (!answer) return answer.error();
  if (answer->empty()) return GroupGuard(*std::move(helper));
  std::string_view text = *answer;
  const auto code = to_number<int>(next_part(text, ' ')).value_or(0);
  return Error{std::string(text), code};
}

Status try_open_group(const HostRoot& root, const std::string& pci_address,
                      std::chrono::milliseconds deadline) {
  auto work = Background::start("open the VFIO group of " + pci_address, deadline,
                                [&] { return open_once(root, pci_address); });
  const auto reply = work.answer({});
  if (!reply) return reply.error();
  if (reply->contains("error")) return Error{(*reply)["error"].get<std::string>()};
  return {};
}

}  // namespace vmleak
