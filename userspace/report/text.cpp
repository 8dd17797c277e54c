// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vmleak {
namespace {

constexpr int kLabelWidth = 11;
constexpr int kVerdictWidth = 8;
constexpr int kNameWidth = 23;
constexpr int kMinimumText = 20;

constexpr std::array<std::pair<Verdict, std::string_view>, 6> kColours{{
    {Verdict::kClean, "\x1b[32m"},
    {Verdict::kReleasing, "\x1b[36m"},
    {Verdict::kStale, "\x1b[1;33m"},
    {Verdict::kHeld, "\x1b[1;33m"},
    {Verdict::kLeaked, "\x1b[1;31m"},
    {Verdict::kInconclusive, "\x1b[1;35m"},
}};

constexpr std::string_view kPlain = "\x1b[0m";

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// Bytes of the well-formed UTF-8 character at the start of `text`, 0 if it is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xC2 && first < 0xE0   ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  const auto rest = text.substr(1, length - 1);
  return std::all_of(rest.begin(), rest.end(), is_continuation) ? length : 0;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  // U+0080 to U+009F, the eight-bit control characters
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string padding(int columns) {
  std::string blanks;
  blanks.resize(static_cast<std::size_t>(std::max(columns, 0)), ' ');
  return blanks;
}

}  // namespace

int display_width(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !is_continuation(byte); }));
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = character_length(text);
    if (length == 0 || is_control(text.substr(0, length))) {
      for (const char byte : text.substr(0, std::max<std::size_t>(length, 1))) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      lines.push_back(std::exchange(line, {}));
    }
    if (!line.empty()) line += ' ';
    line += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!line.empty() || lines.empty()) lines.push_back(line);
  return lines;
}

std::string TextPage::painted(Verdict verdict, std::string_view text) const {
  if (!style_.colour) return std::string(text);
  const auto* row = std::find_if(kColours.begin(), kColours.end(),
                                 [verdict](const auto& pair) { return pair.first == verdict; });
  return fmt::format("{}{}{}", row->second, text, kPlain);
}

std::string TextPage::bold(std::string_view text) const {
  return style_.colour ? fmt::format("\x1b[1m{}{}", text, kPlain) : std::string(text);
}

void TextPage::headline(Verdict verdict, std::string_view title, std::string_view right) {
  const auto word = upper(to_string(verdict));
  const auto first = word + padding(std::max(kVerdictWidth - display_width(word), 1));
  const auto shown = printable(title);
  const auto end = printable(right);
  const int gap = style_.width - display_width(first) - display_width(shown) - display_width(end);
  text_ += painted(verdict, word) + first.substr(word.size()) + bold(shown);
  if (!end.empty()) text_ += padding(std::max(gap, 2)) + end;
  text_ += '\n';
}

void TextPage::title(std::string_view text, Verdict verdict, std::string_view right) {
  const auto shown = printable(text);
  const auto end = printable(right);
  const int gap = style_.width - display_width(shown) - display_width(end);
  text_ += bold(shown) + padding(std::max(gap, 2)) + painted(verdict, end) + '\n';
}

void TextPage::row(std::string_view label, std::string_view text) {
  const auto lines = wrap(printable(text), std::max(style_.width - kLabelWidth - 2, kMinimumText));
  for (const auto& line : lines) {
    const auto shown = &line == lines.data() ? label : std::string_view{};
    text_ += fmt::format("  {:<{}}{}\n", shown, kLabelWidth, line);
  }
}

void TextPage::capability(Verdict colour, std::string_view state, std::string_view name,
                          std::string_view text) {
  text_ += fmt::format("  {}{}{:<{}} {}\n", painted(colour, state),
                       padding(kLabelWidth - display_width(state)), printable(name), kNameWidth,
                       printable(text));
}

void TextPage::paragraph(std::string_view text) {
  for (const auto& line : wrap(printable(text), style_.width)) text_ += line + '\n';
}

void TextPage::line(std::string_view text) { text_ += printable(text) + '\n'; }

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& letter : out) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return out;
}

}  // namespace vmleak
