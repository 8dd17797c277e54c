// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "report/object_table.h"

namespace vmleak {
namespace {

struct Footer {
  std::string_view command;
  std::string_view text;
};

constexpr std::string_view kTargets = R"(
TARGET is one of:
  a finding's id               3f9c1a
  a VM's name or UUID          gpu-07
  a process                    4711
  a PCI device                 0000:8a:00.0 or 8a:00.0
  a VFIO group                 /dev/vfio/42
  a VM as debugfs names it     4711-12
  a disk image                 /var/lib/libvirt/images/gpu-07.qcow2
)";

constexpr std::array<Footer, 9> kFooters{{
    {"", R"(
"vmleak TARGET" is short for "vmleak explain TARGET".

Examples:
  vmleak audit                     what is left behind on this host?
  vmleak 8a:00.0                   why is this GPU busy?
  vmleak audit --wait=60s gpu-07   wait until a VM has given everything back
  vmleak doctor                    how much can vmleak see here?

Exit codes: 0 clean, 1 could not do it, 2 wrong usage, 3 leaked, held or stale objects found,
4 inconclusive. "vmleak COMMAND --help" says more.
)"},
    {"audit", R"(
Verdicts:
  leaked        references are out that nobody visible holds
  held          the owner is gone, somebody visible still holds it
  stale         management or driver state without a user
  releasing     still being given back; counts as clean
  inconclusive  not enough could be seen to be sure

--format json prints one document (schema vmleak.audit/1). --format ndjson prints one line per
finding ("type": "finding") and a last line with all the rest ("type": "summary").

Examples:
  vmleak audit --format json | jq '.findings[] | {id, verdict, summary}'
  vmleak audit -q --fail-on leaked || alert
  vmleak audit --objects --columns KIND,NAME,REFS,HOLDERS
  vmleak audit --wait=60s 8a:00.0 && virsh start gpu-08

Exit codes: 0 clean, 1 could not do it, 2 wrong usage, 3 leaked, held or stale objects found (as
--fail-on chooses) or, with --wait, still occupied, 4 inconclusive (3 beats 4), 130 interrupted.
)"},
    {"explain", R"(
Examples:
  vmleak explain 8a:00.0
  vmleak explain gpu-07 --format json

Exit codes: 0 in order, 1 could not do it, or nothing is called TARGET, 2 wrong usage, 3 leaked,
held or stale, 4 inconclusive, 130 interrupted.
)"},
    {"arm", R"(
An armed ledger records, from now on, each reference on a VM, a VFIO device, group or container, a
group's file, an address space or an eventfd: who took it, where and when, until it is given back.
It needs no process and survives a crash of anything but the kernel. What exists already is entered
as "preexisting". A second "arm" extends it to modules that were loaded since.

Examples:
  vmleak arm
  vmleak arm --status
  vmleak arm --capacity 262144 --replace
  systemctl enable vmleak-arm.service    arm at each boot

Exit codes: 0 armed, 1 could not do it, or (--status) nothing is armed, 2 wrong usage, 130
interrupted.
)"},
    {"disarm", R"(
Removes every program, map and pin of the ledger, also one of another version of vmleak, and waits
until the kernel has let go of them.

Exit codes: 0 nothing is armed any longer, or was before, 1 could not do it, 2 wrong usage, 130
interrupted.
)"},
    {"doctor", R"(
Exit codes: 0 audits here are conclusive, 1 could not find out, 2 wrong usage, 4 an audit here can
only be inconclusive, 130 interrupted.
)"},
    {"release", R"(
Without --yes it prints a plan and changes nothing: steps, risk, what it needs and whether that is
so, how it would be verified and undone. With --yes it carries the plan out, checks everything again
right before it acts, writes each step to /var/lib/vmleak/journal.ndjson, and proves the result by a
new audit.

Actions, the least harmful first:
  finish         do the open steps of an interrupted run
  clear-override take a driver_override back that a VM has left
  close-holder   end the processes that hold it (only by name)
  rebind         give it back to the host's driver
  reset          reset the device (only by name)
  vendor-reset   reset the device with its vendor's tool (only by name)
  remove-rescan  unbind it, take it off the PCI bus and scan the bus for it

Examples:
  vmleak release 8a:00.0
  vmleak release 8a:00.0 --plan 4f0c2a11 --yes
  vmleak release 3f9c1a --action close-holder --yes
  vmleak release 3f9c1a --format json | jq .plan.blocked_by

Exit codes: 0 ready to be done or, with --yes, released and verified, 1 could not find out, 2 wrong
usage, 3 tried and not released, 5 refused: nothing was changed, 130 interrupted.
)"},
    {"journal", R"(
Runs that were cut by a crash or a kill are listed with the steps that are open and the command that
finishes them.

Examples:
  vmleak journal
  vmleak journal --format json | jq '.runs[] | {id, outcome, open_steps}'

Exit codes: 0 nothing is open, 1 could not read it, 2 wrong usage, 3 a run has open steps.
)"},
    {"snapshot", R"(
A snapshot holds everything an audit needs: "vmleak audit --from FILE" judges it on any host,
without root. --redact replaces names, paths and command lines by pseudonyms.

Examples:
  vmleak snapshot --redact --output host.json
  vmleak snapshot --from host.json --redact --output to-send.json

Exit codes: 0 written, 1 could not do it, 2 wrong usage, 130 interrupted.
)"},
}};

// Without CLI11's "Needs:" and "Excludes:", which bury the options; using them
// the wrong way is explained when it happens.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(30); }

  std::string make_option_opts(const CLI::Option* option) const override {
    const auto& type = option->get_type_name();
    if (option->get_type_size() == 0 || type.empty()) return {};
    return type.front() == '[' ? type : " " + type;
  }
  std::string make_footer(const CLI::App* app) const override {
    const auto& text = app->get_footer();
    const auto first = text.find_first_not_of('\n');
    return first == std::string::npos ? std::string() : text.substr(first);
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

std::string help_footer(std::string_view command) {
  std::string text;
  if (command == "audit" || command == "explain" || command == "release") text += kTargets;
  if (command == "audit") text += "\nColumns of --objects:\n" + describe_columns();
  const auto* row = std::find_if(kFooters.begin(), kFooters.end(),
                                 [command](const Footer& it) { return it.command == command; });
  if (row != kFooters.end()) text += row->text;
  return text;
}

}  // namespace vmleak
