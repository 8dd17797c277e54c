// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"

namespace vmleak::scenarios {

// What /proc shows of a process' files; that is all lsof and fuser know.

// The lowest descriptor whose /proc/PID/fd link starts with `target`, or -1.
int find_fd(pid_t pid, std::string_view target);

// True when /proc/PID/maps has a file of that name.
bool maps_file(pid_t pid, std::string_view target);

// Every process whose command line is this, words separated by blanks.
std::vector<pid_t> processes_running(std::string_view command_line);

// Processes whose parent is this one.
std::vector<pid_t> children_of(pid_t parent);

// Every process that has such a descriptor or mapping.
std::vector<pid_t> processes_with(std::string_view target);

// A reference of our own on a file of another process, as pidfd_getfd(2) gives
// it.
FileDescriptor grab_fd(pid_t pid, int fd);

// A line of /proc/PID/status without its name, e.g. "Z (zombie)"; empty when
// the process or the line is not there.
std::string process_status(pid_t pid, std::string_view field);

// True when a thread of the process is in that function of the kernel.
bool is_inside(pid_t pid, std::string_view function);

}  // namespace vmleak::scenarios
