// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "cli/duration.h"
#include "cli/help.h"
#include "cli/ledger_arguments.h"
#include "cli/normalise.h"
#include "cli/option_parts.h"
#include "commands/collect.h"
#include "report/object_table.h"

namespace vmleak {
namespace {

constexpr auto kFailVerdicts =
    std::to_array<Named<Verdict>>({{"leaked", Verdict::kLeaked},
                                   {"held", Verdict::kHeld},
                                   {"stale", Verdict::kStale},
                                   {"inconclusive", Verdict::kInconclusive}});

std::chrono::milliseconds duration(const std::string& text) {
  if (const auto parsed = parse_duration(text)) return *parsed;
  throw CLI::ValidationError(
      fmt::format("\"{}\" is not a time, e.g. 10, 0.5, 30s, 5m or 2h", text));
}

FailOn fail_on(const std::string& list) {
  FailOn verdicts;
  for (const auto& name : CLI::detail::split(list, ',')) {
    verdicts.insert(choose<Verdict>(kFailVerdicts, name));
  }
  return verdicts;
}

std::vector<std::string> columns(const std::string& list) {
  auto parsed = parse_columns(list);
  if (!parsed) throw CLI::ValidationError(parsed.error().message);
  return std::move(*parsed);
}

CLI::Option* add_connect(CLI::App& app, std::string& uri) {
  return app
      .add_option("--connect", uri,
                  "libvirt connection to ask for domains (default qemu:///system)")
      ->type_name("URI");
}

void add_source(CLI::App& app, SourceOptions& source) {
  auto* from = app.add_option("--from", source.from,
                              "Read a snapshot from a file (\"-\": standard input), not this host")
                   ->type_name("FILE");
  auto* settle = add_converted(app, "--settle", source.settle, duration,
                               "How long a suspect must stay the same (default 10 s)", "SECONDS");
  app.add_flag("--no-wait", source.no_wait, "Don't wait for suspects: they become inconclusive")
      ->excludes(settle);
  add_without(app, source.without, capability_names())->excludes(from);
  add_connect(app, source.connect)->excludes(from);
  settle->excludes(from);
}

void add_addresses(CLI::App& app, SourceOptions& source, const std::string& what) {
  app.add_flag("--addresses", source.addresses, what);
}

void add_audit(CLI::App& app, AuditCommand& command) {
  app.add_option("TARGET", command.target, "Only what belongs to it")->type_name("");
  add_source(app, command.source);
  add_format(app, command.format, kFormats);
  add_converted(app, "--fail-on", command.fail_on, fail_on,
                "Verdicts that make it fail: leaked,held,stale,inconclusive (default: all)",
                "LIST");
  app.add_flag("-q,--quiet", command.quiet, "Print nothing: the exit code says it");
  auto* wait = add_converted(
      app, "--wait", command.wait,
      [](const std::string& text) {
        return text == kWaitForever ? WaitOptions{} : WaitOptions{duration(text)};
      },
      "Wait until TARGET is free, at most TIME (--wait=60s)", "[=TIME]");
  wait->needs("TARGET")->excludes("--from")->excludes("--settle");

  auto* objects = app.add_flag("--objects", command.objects, "Print a table of all objects");
  wait->excludes(objects);
  add_converted(app, "--columns", command.columns, columns, "Columns of that table", "LIST")
      ->needs(objects);
  app.add_flag_callback(
         "-n,--noheadings", [&command] { command.headings = false; }, "No heading line")
      ->needs(objects);
  app.add_flag("--raw", command.raw, "One blank between columns, \\x20 in values")->needs(objects);
  add_addresses(app, command.source, "Let column ADDRESS show kernel addresses");
}

void add_explain(CLI::App& app, ExplainCommand& command) {
  app.add_option("TARGET", command.target, "What to explain")->type_name("")->required();
  add_source(app, command.source);
  add_format(app, command.format, kDocumentFormats);
  add_addresses(app, command.source, "Show kernel addresses");
}

void add_doctor(CLI::App& app, DoctorCommand& command) {
  add_format(app, command.format, kDocumentFormats);
  add_without(app, command.without, capability_names());
  add_connect(app, command.connect);
}

void add_snapshot(CLI::App& app, SnapshotCommand& command) {
  app.add_option("-o,--output", command.output, "Write to a file, whole or not at all")
      ->type_name("FILE");
  app.add_flag("--redact", command.redact, "Replace names, paths and command lines");
  add_source(app, command.source);
  add_addresses(app, command.source, "Keep kernel addresses");
}

Risk risk(const std::string& name) {
  if (const auto found = risk_from(name)) return *found;
  throw CLI::ValidationError(fmt::format("\"{}\" is none of low, medium, high", name));
}

std::string action(const std::string& name) {
  const auto names = action_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return name;
  throw CLI::ValidationError(fmt::format("\"{}\" is none of {}", name, fmt::join(names, ", ")));
}

void add_release(CLI::App& app, ReleaseCommand& command) {
  app.add_option("TARGET", command.target, "What to give back")->type_name("")->required();
  add_converted(app, "--action", command.action, action,
                "What to do, whatever its risk (default: the least harmful that cures)", "NAME");
  add_converted(app, "--max-risk", command.max_risk, risk,
                "The risk that is acceptable (default: medium)", "low|medium|high");
  auto* yes = app.add_flag("--yes", command.yes, "Carry it out, and verify it");
  app.add_option("--plan", command.plan_id,
                 "Exactly the plan with this id; refused if facts have changed since")
      ->type_name("ID");
  add_converted(
      app, "--deadline", command.deadline,
      [](const std::string& text) {
        const auto time = duration(text);
        if (time > std::chrono::milliseconds::zero()) return time;
        throw CLI::ValidationError("it has to be more than 0");
      },
      "How long one step may block (default 30 s)", "SECONDS");
  add_source(app, command.source);
  yes->excludes(app.get_option("--from"));
  add_format(app, command.format, kDocumentFormats);
}

void add_journal(CLI::App& app, JournalCommand& command) {
  app.add_option("RUN", command.run, "One run, with all its steps")->type_name("");
  add_format(app, command.format, kDocumentFormats);
}

// Everything the options can set, one of each command.
struct Commands {
  AuditCommand audit;
  ExplainCommand explain;
  DoctorCommand doctor;
  SnapshotCommand snapshot;
  ReleaseCommand release;
  JournalCommand journal;
  ArmCommand arm;
  DisarmCommand disarm;
};

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

UsageError usage_error(const std::vector<std::string>& arguments, const std::string& message) {
  const auto command = command_in(arguments);
  const auto name = command.empty() ? std::string("vmleak") : "vmleak " + command;
  return {fmt::format("{}: {} (see \"{} --help\")", name, first_line(message), name)};
}

}  // namespace

Parsed parse_arguments(const std::vector<std::string>& given) {
  Commands commands;
  commands.audit.columns = *parse_columns("");
  Invocation invocation;

  CLI::App app(std::string(kProgramHelp), "vmleak");
  app.footer(help_footer(""));
  app.set_version_flag("--version", std::string("vmleak ") + VMLEAK_VERSION);
  app.add_flag("-v,--verbose", invocation.verbose, "Say on standard error what is being done");
  app.formatter(help_formatter());
  app.fallthrough();
  auto* audit = app.add_subcommand("audit", "Print what deleted VMs have left behind");
  auto* explain = app.add_subcommand("explain", "Print everything about one thing");
  auto* arm = app.add_subcommand("arm", "Record from now on who takes references");
  auto* disarm = app.add_subcommand("disarm", "Stop recording, and leave no trace of it");
  auto* doctor = app.add_subcommand("doctor", "Print what this host lets vmleak see");
  auto* snapshot = app.add_subcommand("snapshot", "Write what an audit needs as JSON");
  auto* release = app.add_subcommand("release", "Print what would give a thing back, and do it");
  auto* journal = app.add_subcommand("journal", "Print what releases have done on this host");
  add_audit(*audit, commands.audit);
  add_explain(*explain, commands.explain);
  add_doctor(*doctor, commands.doctor);
  add_snapshot(*snapshot, commands.snapshot);
  add_release(*release, commands.release);
  add_journal(*journal, commands.journal);
  add_arm(*arm, commands.arm);
  add_disarm(*disarm, commands.disarm);
  for (auto* command : {audit, explain, arm, disarm, doctor, snapshot, release, journal}) {
    command->footer(help_footer(command->get_name()));
  }

  const auto arguments = normalise(given);
  if (arguments.empty()) return UsageError{app.help()};
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Information{app.help()};
  } catch (const CLI::CallForVersion& version) {
    return Information{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    return usage_error(arguments, error.what());
  }
  if (app.get_subcommands().empty()) return usage_error(arguments, "no command and no TARGET");
  if (audit->parsed()) invocation.command = std::move(commands.audit);
  if (explain->parsed()) invocation.command = std::move(commands.explain);
  if (doctor->parsed()) invocation.command = std::move(commands.doctor);
  if (snapshot->parsed()) invocation.command = std::move(commands.snapshot);
  if (release->parsed()) invocation.command = std::move(commands.release);
  if (arm->parsed()) invocation.command = std::move(commands.arm);
  if (disarm->parsed()) invocation.command = commands.disarm;
  if (journal->parsed()) invocation.command = std::move(commands.journal);
  return invocation;
}

}  // namespace vmleak
