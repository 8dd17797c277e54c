// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/arguments.h"

namespace vmleak {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using Strings = std::vector<std::string>;

template <class Command>
Command parsed(const Strings& arguments) {
  const auto result = parse_arguments(arguments);
  if (const auto* wrong = std::get_if<UsageError>(&result)) {
    ADD_FAILURE() << wrong->text;
    return {};
  }
  const auto* invocation = std::get_if<Invocation>(&result);
  const auto* command =
      invocation == nullptr ? nullptr : std::get_if<Command>(&invocation->command);
  EXPECT_NE(command, nullptr) << "another command";
  return command == nullptr ? Command{} : *command;
}

std::string usage_error(const Strings& arguments) {
  const auto result = parse_arguments(arguments);
  const auto* wrong = std::get_if<UsageError>(&result);
  EXPECT_NE(wrong, nullptr) << "was accepted";
  return wrong == nullptr ? "" : wrong->text;
}

std::string information(const Strings& arguments) {
  const auto result = parse_arguments(arguments);
  const auto* text = std::get_if<Information>(&result);
  EXPECT_NE(text, nullptr);
  return text == nullptr ? "" : text->text;
}

TEST(Arguments, AuditNeedsNone) {
  const auto command = parsed<AuditCommand>({"audit"});
  EXPECT_EQ(command.target, "");
  EXPECT_EQ(command.format, Format::kText);
  EXPECT_EQ(command.source.settle, 10s);
  EXPECT_EQ(command.fail_on, every_failure());
  EXPECT_FALSE(command.wait);
}

TEST(Arguments, AuditTakesAllItsOptions) {
  const auto command =
      parsed<AuditCommand>({"audit", "--settle", "0.5", "--without", "bpf", "8a:00.0", "--without",
                            "iterator", "--fail-on", "leaked,held", "-q", "--format=ndjson"});
  EXPECT_EQ(command.target, "8a:00.0");
  EXPECT_EQ(command.source.settle, 500ms);
  EXPECT_EQ(command.source.without, (Strings{"bpf", "iterator"}));
  EXPECT_EQ(command.fail_on, (FailOn{Verdict::kLeaked, Verdict::kHeld}));
  EXPECT_TRUE(command.quiet);
  EXPECT_EQ(command.format, Format::kNdjson);
  EXPECT_EQ(parsed<AuditCommand>({"audit", "--from", "-", "gpu-07"}).source.from, "-");
  EXPECT_TRUE(parsed<AuditCommand>({"audit", "--no-wait"}).source.no_wait);
}

TEST(Arguments, WaitDoesNotSwallowTheTarget) {
  auto command = parsed<AuditCommand>({"audit", "--wait", "gpu-07"});
  EXPECT_EQ(command.target, "gpu-07");
  ASSERT_TRUE(command.wait);
  EXPECT_FALSE(command.wait->at_most);

  command = parsed<AuditCommand>({"audit", "--wait=5m", "gpu-07"});
  EXPECT_EQ(command.target, "gpu-07");
  ASSERT_TRUE(command.wait);
  EXPECT_EQ(command.wait->at_most, 5min);
}

TEST(Arguments, ATargetAloneIsExplained) {
  EXPECT_EQ(parsed<ExplainCommand>({"8a:00.0"}).target, "8a:00.0");
  const auto command = parsed<ExplainCommand>({"--from", "host.json", "gpu-07"});
  EXPECT_EQ(command.target, "gpu-07");
  EXPECT_EQ(command.source.from, "host.json");
  EXPECT_EQ(parsed<ExplainCommand>({"explain", "audit"}).target, "audit");
}

TEST(Arguments, VerboseIsUnderstoodBeforeAndAfterTheCommand) {
  for (const auto& arguments : {Strings{"-v", "doctor"}, Strings{"doctor", "--verbose"}}) {
    const auto result = parse_arguments(arguments);
    ASSERT_TRUE(std::holds_alternative<Invocation>(result));
    EXPECT_TRUE(std::get<Invocation>(result).verbose);
  }
}

TEST(Arguments, ObjectsTakeColumnsInAnyCase) {
  const auto command =
      parsed<AuditCommand>({"audit", "--objects", "--columns", "kind,Refs", "-n", "--raw"});
  EXPECT_TRUE(command.objects);
  EXPECT_EQ(command.columns, (Strings{"KIND", "REFS"}));
  EXPECT_FALSE(command.headings);
  EXPECT_TRUE(command.raw);
  EXPECT_FALSE(parsed<AuditCommand>({"audit", "--objects"}).columns.empty());
}

TEST(Arguments, SnapshotTakesAFile) {
  const auto command = parsed<SnapshotCommand>({"snapshot", "--redact", "--output", "a.json"});
  EXPECT_TRUE(command.redact);
  EXPECT_EQ(command.output, "a.json");
}

TEST(Arguments, ReleaseTakesAnActionAndARisk) {
  const auto command =
      parsed<ReleaseCommand>({"release", "8a:00.0", "--action", "rebind", "--max-risk", "low"});
  EXPECT_EQ(command.target, "8a:00.0");
  EXPECT_EQ(command.action, "rebind");
  EXPECT_EQ(command.max_risk, Risk::kLow);
  EXPECT_THAT(usage_error({"release"}), HasSubstr("TARGET is required"));
  EXPECT_THAT(usage_error({"release", "x", "--action", "explode"}), HasSubstr("none of finish"));
}

TEST(Arguments, AnErrorIsOneLineWithAPointerToHelp) {
  for (const auto& arguments : std::vector<Strings>{
           {"audit", "--colour"},
           {"audit", "--format", "xml"},
           {"audit", "--fail-on", "leaked,broken"},
           {"audit", "--fail-on", ""},
           {"audit", "--settle", "soon"},
           {"audit", "--settle", "-1"},
           {"audit", "--settle"},
           {"audit", "--wait"},
           {"audit", "--wait=never", "gpu-07"},
           {"audit", "--wait", "--from", "a.json", "gpu-07"},
           {"audit", "--from", "a.json", "--settle", "3"},
           {"audit", "--from", "a.json", "--without", "bpf"},
           {"audit", "--columns", "KIND"},
           {"audit", "--objects", "--columns", "SIZE"},
           {"audit", "--wait", "--objects", "gpu-07"},
           {"audit", "one", "two"},
       }) {
    EXPECT_THAT(usage_error(arguments),
                MatchesRegex("vmleak audit: [^\n]+ \\(see \"vmleak audit --help\"\\)"))
        << ::testing::PrintToString(arguments);
  }
  EXPECT_THAT(usage_error({"explain"}), HasSubstr("vmleak explain: TARGET is required"));
  EXPECT_THAT(usage_error({"explain", "x", "--format", "ndjson"}), HasSubstr("none of text, json"));
  EXPECT_THAT(usage_error({"doctor", "x"}), HasSubstr("see \"vmleak doctor --help\""));
  EXPECT_THAT(usage_error({"--bogus"}), HasSubstr("--bogus (see \"vmleak --help\")"));
  EXPECT_EQ(usage_error({"-v"}), "vmleak: no command and no TARGET (see \"vmleak --help\")");
}

TEST(Arguments, NothingAtAllIsWrongUsageAndShowsTheHelp) {
  EXPECT_THAT(usage_error({}), HasSubstr("audit"));
}

TEST(Arguments, HelpOfEachCommandStatesItsExitCodes) {
  for (const auto& arguments :
       {Strings{"--help"}, Strings{"help"}, Strings{"audit", "--help"}, Strings{"help", "explain"},
        Strings{"doctor", "-h"}, Strings{"snapshot", "--help"}, Strings{"arm", "--help"},
        Strings{"disarm", "--help"}}) {
    EXPECT_THAT(information(arguments), HasSubstr("Exit codes: 0 "));
  }
  EXPECT_THAT(information({"audit", "--help"}), HasSubstr("UNACCOUNTED"));
  EXPECT_THAT(information({"--version"}), MatchesRegex("vmleak [0-9.]+\n"));
}

}  // namespace
}  // namespace vmleak
