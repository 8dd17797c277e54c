// SPDX-License-Identifier: Apache-2.0
#include "commands/doctor_command.h"

#include <sys/utsname.h>

#include "report/doctor_report.h"

namespace vmleak {
namespace {

HostInfo this_host() {
  utsname names{};
  if (::uname(&names) != 0) return {};
  return {names.nodename, names.release, {}};
}

}  // namespace

Result<ExitCode> run_doctor(const DoctorCommand& command, const Environment& environment) {
  CollectOptions options;
  options.without = command.without;
  options.connect = command.connect;
  options.interrupted = environment.interrupted;
  const auto coverage = environment.probe(options);
  if (!coverage) return coverage.error();
  const auto host = this_host();
  const Versions versions{VMLEAK_VERSION, {}, {}};
  const auto text = command.format == Format::kText
                        ? doctor_text(*coverage, host, versions, environment.style)
                        : doctor_json(*coverage, host, versions);
  if (auto written = environment.write(text); !written) return written.error();
  return coverage->tier == Tier::kProc ? kExitInconclusive : kExitClean;
}

}  // namespace vmleak
