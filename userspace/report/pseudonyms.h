// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vmleak {

// Gives every secret a name that says nothing but what kind of thing it was
// and that it is the same one again: "name-1", "uuid-2", "/path-3".
class Pseudonyms {
 public:
  // The pseudonym of `secret`, the same every time.  Empty stays empty.
  std::string of(std::string_view kind, std::string_view secret);

  // Like of("path", ...), but names that the kernel gives (/dev/vfio/42,
  // anon_inode:kvm-vm) and a trailing " (deleted)" stay.
  std::string of_path(std::string_view path);

  // Free text with every secret known so far replaced, and everything that
  // looks like a path or a UUID.
  std::string scrub(std::string_view text);

 private:
  // Bytes of the longest known secret at `at`, 0 when there is none.
  [[nodiscard]] std::size_t known_at(std::string_view text, std::size_t at) const;

  std::map<std::string, std::string, std::less<>> names_;
  std::map<std::string, int, std::less<>> numbers_;  // of each kind
  std::map<char, std::vector<std::string>> by_first_;
};

}  // namespace vmleak
