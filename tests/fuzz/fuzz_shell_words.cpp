// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "records/qemu_arguments.h"

namespace vmleak::fuzz {

namespace {

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

void fuzz(std::string_view input) {
  const auto words = split_shell_words(input);
  std::size_t size = 0;
  std::string again;
  for (const auto& word : words) {
    size += word.size();
    again += quoted(word) + " ";
  }
  require(size <= input.size(), "words are no longer than the input");
  require(split_shell_words(again) == words, "words that are quoted are read as they were");
}

}  // namespace vmleak::fuzz
