// SPDX-License-Identifier: Apache-2.0
#include "libvirt/domain_state.h"

#include <libvirt/libvirt.h>

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

struct State {
  int state;
  std::string_view name;
};

constexpr std::array kStates{
    State{VIR_DOMAIN_NOSTATE, "no state"},     State{VIR_DOMAIN_RUNNING, "running"},
    State{VIR_DOMAIN_BLOCKED, "idle"},         State{VIR_DOMAIN_PAUSED, "paused"},
    State{VIR_DOMAIN_SHUTDOWN, "in shutdown"}, State{VIR_DOMAIN_SHUTOFF, "shut off"},
    State{VIR_DOMAIN_CRASHED, "crashed"},      State{VIR_DOMAIN_PMSUSPENDED, "pmsuspended"},
};

struct Reason {
  int state;
  int reason;
  std::string_view name;
};

constexpr std::array kReasons{
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, "booted"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED, "migrated"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_RESTORED, "restored"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_FROM_SNAPSHOT, "from snapshot"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED, "unpaused"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATION_CANCELED, "migration canceled"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_SAVE_CANCELED, "save canceled"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP, "event wakeup"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_CRASHED, "crashed"},
    Reason{VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, "post-copy"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, "user"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, "migrating"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE, "saving"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_DUMP, "dumping"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, "I/O error"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, "watchdog"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_FROM_SNAPSHOT, "from snapshot"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SHUTTING_DOWN, "shutting down"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SNAPSHOT, "creating snapshot"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED, "crashed"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, "starting up"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, "post-copy"},
    Reason{VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, "post-copy failed"},
    Reason{VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_USER, "user"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, "shutdown"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED, "destroyed"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED, "crashed"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED, "migrated"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SAVED, "saved"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED, "failed"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT, "from snapshot"},
    Reason{VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DAEMON, "daemon"},
    Reason{VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, "panicked"},
};

}  // namespace

std::string_view domain_state_name(int state) {
  const auto* row = std::find_if(kStates.begin(), kStates.end(),
                                 [state](const State& entry) { return entry.state == state; });
  return row == kStates.end() ? "?" : row->name;
}

std::string_view domain_reason_name(int state, int reason) {
  const auto* row =
      std::find_if(kReasons.begin(), kReasons.end(), [state, reason](const Reason& entry) {
        return entry.state == state && entry.reason == reason;
      });
  return row == kReasons.end() ? "unknown" : row->name;
}

}  // namespace vmleak
