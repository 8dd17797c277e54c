// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "report/text.h"

namespace vmleak {
namespace {

TEST(Text, ShowsControlCharactersInsteadOfSendingThem) {
  EXPECT_EQ(printable("\x1b[31mevil\n"), "\\x1b[31mevil\\x0a");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  // U+009B starts an escape sequence on terminals with eight-bit controls.
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
}

TEST(Text, KeepsUtf8AndShowsWhatIsNone) {
  EXPECT_EQ(printable("Größe 漢 └─"), "Größe 漢 └─");
  EXPECT_EQ(printable("a\xff"), "a\\xff");
  EXPECT_EQ(printable("\xe6\xbc"), "\\xe6\\xbc");
  EXPECT_EQ(display_width("Größe"), 5);
}

TEST(Text, WrapsAtSpacesAndKeepsLongWordsWhole) {
  EXPECT_EQ(wrap("aa bb cc", 5), (std::vector<std::string>{"aa bb", "cc"}));
  EXPECT_EQ(wrap("a /very/long/path b", 6),
            (std::vector<std::string>{"a", "/very/long/path", "b"}));
  EXPECT_EQ(wrap("", 5), std::vector<std::string>{""});
}

TEST(Text, AlignsRowsBelowTheirLabel) {
  TextPage page({.colour = false, .unicode = true, .width = 33});
  page.row("Impact", "next start of this VM will fail");
  EXPECT_EQ(page.text(),
            "  Impact     next start of this\n"
            "             VM will fail\n");
}

TEST(Text, PutsTheIdAtTheRightEdgeAlsoWithColour) {
  TextPage plain({.colour = false, .unicode = true, .width = 30});
  plain.headline(Verdict::kLeaked, "group 42", "id 3f9c1a");
  EXPECT_EQ(plain.text(), "LEAKED  group 42     id 3f9c1a\n");

  TextPage coloured({.colour = true, .unicode = true, .width = 30});
  coloured.headline(Verdict::kLeaked, "group 42", "id 3f9c1a");
  EXPECT_EQ(coloured.text(), "\x1b[1;31mLEAKED\x1b[0m  \x1b[1mgroup 42\x1b[0m     id 3f9c1a\n");
}

}  // namespace
}  // namespace vmleak
