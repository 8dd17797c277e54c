// SPDX-License-Identifier: Apache-2.0
#include "report/pseudonyms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vmleak {
namespace {

// A shorter secret is replaced in free text only where it is a word of its own.
constexpr std::size_t kLongSecret = 4;
constexpr std::size_t kMaxProcComponents = 3;

constexpr std::array<std::string_view, 11> kKernelPaths{
    "/dev/kvm",         "/dev/iommu",   "/dev/vfio/vfio", "/dev/vhost-net",
    "/dev/vhost-vsock", "/dev/net/tun", "/dev/null",      "/dev/zero",
    "/dev/userfaultfd", "/dev/random",  "/dev/urandom"};

// Followed by a number.
constexpr std::array<std::string_view, 4> kNumberedPaths{"/dev/vfio/", "/dev/vfio/devices/vfio",
                                                         "/dev/vhost-vdpa-", "/dev/nvidia"};

constexpr std::array<std::string_view, 4> kKernelTrees{
    "/sys/kernel/debug/kvm", "/sys/kernel/iommu_groups", "/sys/bus/pci", "/sys/module"};

constexpr std::array<std::string_view, 3> kKernelPrefixes{"anon_inode:", "socket:[", "pipe:["};

constexpr std::string_view kDeleted = " (deleted)";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_proc_path(std::string_view path) {
  return path.starts_with("/proc/") &&
         std::count(path.begin(), path.end(), '/') <= static_cast<long>(kMaxProcComponents) &&
         std::all_of(path.begin(), path.end(), [](char c) { return is_word(c) || c == '/'; });
}

bool is_kernel_path(std::string_view path) {
  const auto starts = [path](std::string_view prefix) { return path.starts_with(prefix); };
  const auto numbered = [path](std::string_view prefix) {
    return path.starts_with(prefix) && all_digits(path.substr(prefix.size()));
  };
  const auto within = [path](std::string_view tree) {
    return path == tree || (path.starts_with(tree) && path[tree.size()] == '/');
  };
  return std::find(kKernelPaths.begin(), kKernelPaths.end(), path) != kKernelPaths.end() ||
         std::any_of(kNumberedPaths.begin(), kNumberedPaths.end(), numbered) ||
         std::any_of(kKernelTrees.begin(), kKernelTrees.end(), within) ||
         std::any_of(kKernelPrefixes.begin(), kKernelPrefixes.end(), starts) || is_proc_path(path);
}

// Bytes of a UUID at the start of `text`, also as cgroups write it ("_").
std::size_t uuid_length(std::string_view text) {
  constexpr std::size_t kLength = 36;
  if (text.size() < kLength) return 0;
  for (std::size_t i = 0; i < kLength; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' && text[i] != '_' : !is_hex(text[i])) return 0;
  }
  return kLength;
}

// Bytes of an absolute path at the start of `text`.
std::size_t path_length(std::string_view text) {
  if (text.size() < 2 || text[0] != '/' || text[1] == '/' || text[1] == ' ') return 0;
  return std::min(text.find_first_of(" \t\n\"'`,;()<>|"), text.size());
}

// Bytes of a name the kernel gives at the start of `text`, e.g. "/dev/vfio/42".
std::size_t kernel_name_length(std::string_view text) {
  const auto name = text.substr(0, text.find_first_of(" \t\n\"'`,;()<>|"));
  return is_kernel_path(name) ? name.size() : 0;
}

bool is_boundary(std::string_view text, std::size_t at) {
  return at == 0 || at >= text.size() || !is_word(text[at - 1]) || !is_word(text[at]);
}

}  // namespace

std::string Pseudonyms::of(std::string_view kind, std::string_view secret) {
  if (secret.empty()) return {};
  if (const auto known = names_.find(secret); known != names_.end()) return known->second;
  const auto number = ++numbers_[std::string(kind)];
  auto name = fmt::format("{}{}-{}", kind == "path" ? "/" : "", kind, number);
  names_.emplace(secret, name);
  // A number says too little to be told from other numbers in free text.
  if (!all_digits(secret)) {
    auto& candidates = by_first_[secret[0]];
    const auto longer = [](const std::string& a, std::string_view b) {
      return a.size() > b.size();
    };
    candidates.insert(std::lower_bound(candidates.begin(), candidates.end(), secret, longer),
                      std::string(secret));
  }
  return name;
}

std::string Pseudonyms::of_path(std::string_view path) {
  const bool deleted = path.ends_with(kDeleted);
  const auto bare = deleted ? path.substr(0, path.size() - kDeleted.size()) : path;
  if (is_kernel_path(bare)) return std::string(path);
  return of("path", bare) + std::string(deleted ? kDeleted : "");
}

std::size_t Pseudonyms::known_at(std::string_view text, std::size_t at) const {
  const auto candidates = by_first_.find(text[at]);
  if (candidates == by_first_.end()) return 0;
  for (const auto& secret : candidates->second) {
    if (text.substr(at, secret.size()) != secret) continue;
    if (secret.size() >= kLongSecret ||
        (is_boundary(text, at) && is_boundary(text, at + secret.size()))) {
      return secret.size();
    }
  }
  return 0;
}

std::string Pseudonyms::scrub(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    const bool starts_word = at == 0 || !is_word(text[at - 1]);
    if (const auto kernel = starts_word ? kernel_name_length(rest) : 0; kernel > 0) {
      out += rest.substr(0, kernel);
      at += kernel;
    } else if (const auto known = known_at(text, at); known > 0) {
      out += of("name", rest.substr(0, known));
      at += known;
    } else if (const auto uuid = uuid_length(rest); uuid > 0) {
      out += of("uuid", rest.substr(0, uuid));
      at += uuid;
    } else if (const auto path = starts_word ? path_length(rest) : 0; path > 0) {
      out += of_path(rest.substr(0, path));
      at += path;
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace vmleak
