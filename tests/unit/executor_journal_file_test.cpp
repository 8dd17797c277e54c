// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "executor/journal_file.h"
#include "host_tree.h"

namespace vmleak {
namespace {

using ::testing::HasSubstr;

class JournalOnDisk : public ::testing::Test {
 protected:
  JournalOnDisk() { tree_.directory("/var/lib"); }

  static JournalRecord record(std::string run) {
    JournalRecord out;
    out.run = std::move(run);
    out.boot_id = "boot-1";
    return out;
  }
  mode_t mode(const std::string& path) {
    struct stat status {};
    ::stat(tree_.at(path).c_str(), &status);
    return status.st_mode & 07777;
  }

  HostTree tree_;
};

TEST_F(JournalOnDisk, IsEmptyBeforeTheFirstRun) {
  const auto read = read_journal(tree_.root());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "");
  EXPECT_FALSE(std::filesystem::exists(tree_.at("/var/lib/vmleak"))) << "reading makes nothing";
}

TEST_F(JournalOnDisk, KeepsRecordsForItsOwnerOnly) {
  {
    auto journal = JournalFile::open(tree_.root());
    ASSERT_TRUE(journal) << journal.error().message;
    ASSERT_TRUE(journal->append(record("r1")));
    EXPECT_TRUE(read_journal(tree_.root())->locked);
  }
  EXPECT_EQ(mode("/var/lib/vmleak"), 0700U);
  EXPECT_EQ(mode(std::string(kJournalPath)), 0600U);
  auto journal = JournalFile::open(tree_.root());
  ASSERT_TRUE(journal && journal->append(record("r2")));
  const auto parsed = parse_journal(read_journal(tree_.root())->text);
  ASSERT_EQ(parsed.records.size(), 2U);
  EXPECT_EQ(parsed.records[1].run, "r2");
}

TEST_F(JournalOnDisk, HasOneWriter) {
  const auto first = JournalFile::open(tree_.root());
  ASSERT_TRUE(first);
  const auto second = JournalFile::open(tree_.root());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EWOULDBLOCK);
}

TEST_F(JournalOnDisk, ATornLineSpoilsNoOther) {
  {
    auto journal = JournalFile::open(tree_.root());
    ASSERT_TRUE(journal && journal->append(record("r1")));
  }
  std::ofstream(tree_.at(kJournalPath), std::ios::app) << R"({"schema":"vmleak.jou)";
  {
    auto journal = JournalFile::open(tree_.root());
    ASSERT_TRUE(journal && journal->append(record("r2")));
  }
  const auto parsed = parse_journal(read_journal(tree_.root())->text);
  ASSERT_EQ(parsed.records.size(), 2U);
  EXPECT_EQ(parsed.records[1].run, "r2");
  EXPECT_EQ(parsed.problems.size(), 1U);
}

TEST_F(JournalOnDisk, IsNotBelievedWhenOthersCanWriteIt) {
  tree_.file(kJournalPath, "");
  std::filesystem::permissions(tree_.at("/var/lib/vmleak"), std::filesystem::perms::owner_all);
  std::filesystem::permissions(tree_.at(kJournalPath), std::filesystem::perms(0666));
  EXPECT_THAT(JournalFile::open(tree_.root()).error().message, HasSubstr("others can write it"));
  EXPECT_FALSE(read_journal(tree_.root()));
}

TEST_F(JournalOnDisk, NoLinkIsFollowed) {
  tree_.file("/elsewhere", "");
  tree_.directory("/var/lib/vmleak");
  std::filesystem::permissions(tree_.at("/var/lib/vmleak"), std::filesystem::perms::owner_all);
  tree_.link(kJournalPath, tree_.at("/elsewhere").string());
  EXPECT_FALSE(JournalFile::open(tree_.root()));
  EXPECT_FALSE(read_journal(tree_.root()));
}

}  // namespace
}  // namespace vmleak
