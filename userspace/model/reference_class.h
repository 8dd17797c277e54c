// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "model/kinds.h"

namespace vmleak {

// A kind of reference.  Every Reference::cls is the name of one row.
struct ReferenceClass {
  std::string_view name;     // "<held>/<how>"
  NodeKind held;             // what the reference keeps
  std::string_view counter;  // counter of `held` that it is part of; empty: not counted
  // True for references that an idle, unused object has too (a registered
  // device, a group's members).  They are never why an object is not given
  // back, so nobody looks for a culprit behind them.
  bool structural;
  std::string_view taken_in;    // kernel function that takes it
  std::string_view dropped_in;  // kernel function that gives it back
};

std::span<const ReferenceClass> reference_classes();

// nullptr when there is no such class.
const ReferenceClass* find_reference_class(std::string_view name);

}  // namespace vmleak
