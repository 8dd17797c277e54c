// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/kinds.h"

namespace vmleak {

// What the place that text goes to can show.
struct TextStyle {
  bool colour = false;
  bool unicode = true;  // line drawing characters
  int width = 100;      // columns
};

// Columns of a terminal that UTF-8 text takes.
int display_width(std::string_view text);

// Names of processes and files come from whoever made them: control characters
// (an escape sequence would rewrite the administrator's terminal) and broken
// UTF-8 are shown as "\x1b".
std::string printable(std::string_view text);

// Lines of at most `width` columns, broken at spaces.  A longer word, e.g. a
// path to copy, stays whole.
std::vector<std::string> wrap(std::string_view text, int width);

// Builds text for people line by line.  Everything added is made printable.
class TextPage {
 public:
  explicit TextPage(TextStyle style) : style_(style) {}

  // "LEAKED  title                    right"
  void headline(Verdict verdict, std::string_view title, std::string_view right = {});
  void title(std::string_view text, Verdict verdict, std::string_view right);
  // "  Label      text", wrapped below the text.
  void row(std::string_view label, std::string_view text);
  // "  attached   name                 text"
  void capability(Verdict colour, std::string_view state, std::string_view name,
                  std::string_view text);
  // Wrapped, at the left edge.
  void paragraph(std::string_view text);
  // As it is, never broken; for commands to copy and for trees.
  void line(std::string_view text);
  void blank() { text_ += '\n'; }

  [[nodiscard]] const TextStyle& style() const { return style_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  [[nodiscard]] std::string painted(Verdict verdict, std::string_view text) const;
  [[nodiscard]] std::string bold(std::string_view text) const;

  TextStyle style_;
  std::string text_;
};

// "LEAKED"
std::string upper(std::string_view text);

}  // namespace vmleak
