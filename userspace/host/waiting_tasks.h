// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "host/host_root.h"
#include "host/kernel_log.h"
#include "model/pci.h"
#include "model/snapshot.h"

namespace vmleak {

// Adds to tasks that wait in the kernel which device they wait for: the one
// that the file of sysfs they write to is about, or that the kernel's log names
// with them; and since when, where the log has it.  Tasks that are gone, and
// those that wait for a lock of a device on another bus, are left out.  What
// can't be read within `deadline` becomes a loss.
std::vector<WaitingTask> find_waited_devices(const HostRoot& root, std::vector<WaitingTask> tasks,
                                             std::uint64_t boot_time_ns,
                                             std::chrono::milliseconds deadline,
                                             const std::function<bool()>& interrupted,
                                             std::vector<Loss>& losses);

// What the kernel's log has of a task in vfio_unregister_group_dev().
// `started_ns`: when the task began, CLOCK_BOOTTIME; older lines are of others.
void add_log(const std::vector<DeviceMessage>& messages, std::uint64_t boot_time_ns,
             std::uint64_t started_ns, WaitingTask& task);

}  // namespace vmleak
