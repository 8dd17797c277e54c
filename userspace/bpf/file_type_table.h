// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vmleak/abi.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace vmleak {

// How a kind of file is recognised: by a function among its file operations.
// Functions are in kallsyms on every kernel, the file_operations themselves
// only with CONFIG_KALLSYMS_ALL.
struct FileTypeRow {
  vmleak_file_type type;
  std::string_view name;      // OpenFileFacts::type
  std::string_view function;  // .release, or .unlocked_ioctl where there is no release
};

std::span<const FileTypeRow> file_type_table();

// "?" when there is no such type.
std::string_view file_type_name(std::uint32_t type);

}  // namespace vmleak
