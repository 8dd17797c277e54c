// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/node.h"

namespace vmleak {

// The arguments in the text of /proc/PID/cmdline.
std::vector<std::string_view> split_arguments(std::string_view cmdline);

// The VM that a virtual machine monitor's arguments describe.  Monitors are
// recognised by the name they were started with, or by options that only they
// have (a renamed QEMU).  All empty when it is none of them.
VmIdentity identify_vm(const std::vector<std::string_view>& arguments);

// The value of `key` in "a,key=b,c=d", as QEMU and Cloud Hypervisor write
// options.  A first part without "=" is the value of `implied_key`.  In QEMU's
// form a doubled comma is one comma of the value.
std::string option_part(std::string_view option, std::string_view key,
                        std::string_view implied_key = {});

}  // namespace vmleak
