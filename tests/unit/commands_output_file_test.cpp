// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "commands/output_file.h"

namespace vmleak {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public ::testing::Test {
 protected:
  // ctest runs each test in a process of its own, several at a time.
  OutputFileTest()
      : directory_(fs::path(::testing::TempDir()) /
                   ("vmleak_output_file." + std::to_string(::getpid()))) {
    fs::create_directories(directory_);
  }
  ~OutputFileTest() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string path(const char* name) const { return directory_ / name; }
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(directory_), fs::directory_iterator());
  }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

 private:
  fs::path directory_;
};

TEST_F(OutputFileTest, IsOnlyForItsOwner) {
  auto file = OutputFile::open(path("a.json"));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->replace("new"));
  EXPECT_EQ(content(path("a.json")), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path("a.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(files(), 1);
}

TEST_F(OutputFileTest, KeepsTheOldFileUntilTheNewOneIsComplete) {
  std::ofstream(path("a.json")) << "old";
  {
    auto file = OutputFile::open(path("a.json"));
    ASSERT_TRUE(file);
    EXPECT_EQ(content(path("a.json")), "old");
  }
  EXPECT_EQ(content(path("a.json")), "old");
  EXPECT_EQ(files(), 1) << "the temporary file is left";
}

TEST_F(OutputFileTest, NeedsTheDirectory) {
  const auto file = OutputFile::open(path("missing/a.json"));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, ::testing::EndsWith("a.json: No such file or directory"));
  EXPECT_FALSE(OutputFile::open(path("")));
}

TEST_F(OutputFileTest, WritesToADeviceInsteadOfReplacingIt) {
  auto file = OutputFile::open("/dev/full");
  ASSERT_TRUE(file);
  const auto written = file->replace("text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, "write /dev/full: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(WriteAll, ReportsAReaderThatWentAway) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  FileDescriptor(ends[0]).reset();
  const FileDescriptor writer(ends[1]);
  auto* const before = std::signal(SIGPIPE, SIG_IGN);
  const auto written = write_all(writer.get(), "standard output", "text");
  std::signal(SIGPIPE, before);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, "write standard output: Broken pipe");
}

}  // namespace
}  // namespace vmleak
