// SPDX-License-Identifier: GPL-2.0-only
//
// Text files and pipes, plain or packed, and complaints about their lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace iommulab {

struct text_source {
  std::string name;  ///< path as opened, with ".xz" where that is what was there
  std::string text;

  /// Without line ends; an unfinished last line counts.
  [[nodiscard]] std::vector<std::string_view> lines() const;
};

/// How standard input is called, which "-" stands for, and "/dev/stdin".
inline constexpr char standard_input_name[] = "standard input";
/// `path`, or how standard input is called.
std::string source_name(const std::string& path);

/// Whether `path` is standard input or a descriptor of the process that may be a pipe
/// ("/dev/fd/63", as shells write `<(…)`): it lies in no folder.
bool is_descriptor(const std::string& path);

/// `bytes` as they are, or unpacked when they begin as an .xz or .gz file, 256 MiB at most; `name`
/// is for the complaint. EINVAL for a broken archive.
absl::StatusOr<std::string> unpacked(const std::string& name, std::string bytes);

/// Content of the file `path`, or of standard input or another descriptor, 256 MiB at most;
/// decompressed when it begins as an .xz or .gz file. ENOENT when there is no such file, EIO when
/// it cannot be read, EINVAL for what is no file, is too large, or is a broken archive.
absl::StatusOr<std::string> read_text_file(const std::string& path);

/// Whether `path` or `path`.xz is there.
bool source_exists(const std::string& path);

/// As read_text_file(), of `path` or else of `path`.xz. ENOENT when there is neither.
absl::StatusOr<text_source> read_source(const std::string& path);

/// A value as messages show it: between double quotes, escaped as in C, cut behind 60 characters.
std::string quoted(std::string_view value);

/// "FILE: line 7: FIELD is "VALUE": WHY", the value as by quoted(); EINVAL. `line` counts from 1; 0
/// is the file as a whole, and no line is named.
absl::Status line_error(std::string_view file, size_t line, std::string_view field,
                        std::string_view value, std::string_view why);

}  // namespace iommulab
