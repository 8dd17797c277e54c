// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/finding.h"

namespace vmleak {

// "VFIO group" for "vfio_group".
std::string_view kind_label(std::string_view kind);

// "vcpu-file" for "kvm/vcpu-file".
std::string_view class_label(std::string_view cls);

// "VFIO group 42", "VM gpu-07": what an object is called in a sentence.
std::string object_title(const ObjectRef& object);

// "gpu-07 (5b1e0c2a), gone  [command line]"
std::string owner_text(const Owner& owner);

// "users_count 3 = vm-file 1 + vcpu-file 1 + unaccounted 1".
std::string equation(const CounterBalance& balance);

// "qemu-system-x86 4711 (gpu-07), fd 12"
std::string link_text(const ChainLink& link);

}  // namespace vmleak
