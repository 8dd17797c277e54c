// SPDX-License-Identifier: Apache-2.0
#include "commands/input.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "audit/audit.h"
#include "audit/target.h"
#include "base/file_descriptor.h"
#include "base/pci_address.h"
#include "model/snapshot_json.h"

namespace vmleak {
namespace {

// A snapshot of a large host is some 10 MB; /dev/zero has no end.
constexpr std::size_t kMaxSnapshotBytes = std::size_t{1} << 30U;

constexpr std::size_t kChunkBytes = std::size_t{1} << 16U;

Result<std::string> read_all(int fd, const std::string& what, const Environment& environment) {
  std::string text;
  std::array<char, kChunkBytes> chunk{};
  while (true) {
    const auto length = ::read(fd, chunk.data(), chunk.size());
    if (length == 0) return text;
    if (length < 0) {
      if (errno != EINTR) return system_error("read " + what, errno);
      if (environment.interrupted()) return Error{"read " + what + ": interrupted", EINTR};
      continue;
    }
    text.append(chunk.data(), static_cast<std::size_t>(length));
    if (text.size() > kMaxSnapshotBytes) {
      return Error{"read " + what + ": more than 1 GiB, not a snapshot"};
    }
  }
}

Result<Snapshot> read_snapshot(const std::string& from, const Environment& environment) {
  const bool standard_input = from == "-";
  const auto what = standard_input ? std::string("standard input") : from;
  FileDescriptor file;
  if (!standard_input) {
    file = FileDescriptor(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return system_error("open " + from, errno);
  }
  auto text = read_all(standard_input ? environment.input : file.get(), what, environment);
  if (!text) return text.error();
  auto snapshot = snapshot_from_text(*text);
  if (!snapshot) return wrap("read snapshot " + what, snapshot.error());
  return snapshot;
}

// The absolute path of a disk image, if that is what `target` names.
std::string image_path(const std::string& target) {
  std::error_code error;
  const auto status = std::filesystem::status(target, error);
  if (error || (!is_regular_file(status) && !is_block_file(status))) return {};
  const auto path = std::filesystem::canonical(target, error);
  return error ? std::string() : path.string();
}

}  // namespace

Result<Snapshot> load_snapshot(const SourceOptions& options, const std::string& target,
                               const Environment& environment) {
  if (!options.from.empty()) return read_snapshot(options.from, environment);
  CollectOptions collect;
  collect.addresses = options.addresses;
  collect.without = options.without;
  collect.connect = options.connect;
  collect.settle = options.settle;
  collect.wait = !options.no_wait;
  collect.host_uses = options.host_uses;
  if (const auto address = canonical_pci_address(target); options.host_uses && address) {
    collect.functions.push_back(*address);
  }
  collect.interrupted = environment.interrupted;
  if (auto path = image_path(target); !path.empty()) collect.paths.push_back(std::move(path));
  return environment.collect(collect, has_suspects);
}

Result<Judged> load_and_audit(const SourceOptions& options, const std::string& target,
                              const Environment& environment) {
  auto snapshot = load_snapshot(options, target, environment);
  if (!snapshot) return snapshot.error();
  auto report = audit(*snapshot, {options.no_wait});
  return Judged{std::move(*snapshot), std::move(report)};
}

Result<std::vector<NodeId>> find_target(const Judged& judged, const std::string& target) {
  auto nodes = resolve_target(judged.snapshot, judged.report, target);
  if (nodes) return nodes;
  if (const auto path = image_path(target); !path.empty() && path != target) {
    if (auto image = resolve_target(judged.snapshot, judged.report, path)) return image;
  }
  return nodes;
}

}  // namespace vmleak
