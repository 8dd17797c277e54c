// SPDX-License-Identifier: Apache-2.0
#include "records/gzip.h"

#include <zlib.h>

#include <array>
#include <cerrno>

namespace vmleak {
namespace {

// Of the output; a gzip bomb ends here.
constexpr std::size_t kMostBytes = std::size_t{256} << 20;
constexpr int kGzip = 16 + MAX_WBITS;  // inflateInit2(): with a gzip header

class Inflater {
 public:
  Inflater() { ready_ = ::inflateInit2(&stream_, kGzip) == Z_OK; }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream_); }

  [[nodiscard]] bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Result<std::string> gunzip(std::string_view compressed, std::size_t limit) {
  constexpr std::string_view kMagic = "\x1f\x8b";
  if (!compressed.starts_with(kMagic)) return Error{"not a gzip file", EINVAL};
  Inflater inflater;
  if (!inflater.ready()) return Error{"inflate: out of memory", ENOMEM};
  auto& stream = inflater.stream();
  // zlib does not write to its input.
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));  // NOLINT: C interface
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string text;
  std::array<char, 65536> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  int status = Z_OK;
  while (status == Z_OK && stream.total_out < kMostBytes) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    status = ::inflate(&stream, Z_NO_FLUSH);
    text.append(chunk.data(), chunk.size() - stream.avail_out);
    if (text.size() > 2 * limit) text.erase(0, text.size() - limit);
  }
  if (text.size() > limit) text.erase(0, text.size() - limit);
  return text;
}

}  // namespace vmleak
