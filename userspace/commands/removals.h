// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/snapshot.h"

namespace vmleak {

// vfio_unregister_group_dev() gives the registration's reference back before it
// waits for the others, while the group still lists the device: takes it out of
// the book of each device that a task waits for.  Where it is not known for
// which one, every registration is one that may be over.
void end_registrations(Book& book);

}  // namespace vmleak
