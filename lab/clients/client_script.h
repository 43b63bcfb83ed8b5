// SPDX-License-Identifier: GPL-2.0-only
//
// A client's script: one operation a line; blank lines and those that begin with # are passed over,
// but for `#!` lines, which hold options.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text_source.h"

namespace iommulab {

struct script_line {
  size_t line = 0;  ///< of the file, from 1
  std::string text;
  std::vector<std::string> words;
};

struct client_script {
  std::string file;
  std::vector<script_line> operations;
  std::optional<bool> unsafe_interrupts;    ///< `#! unsafe=0`
  std::optional<std::string> command_line;  ///< words that `#! cmdline=` adds to the kernel's
};

/// EINVAL, naming file and line, for an operation that the language does not have, an option whose
/// value does not read, a script without operations, and a last line without an end. Options that
/// say how a recording's machine was made are passed over.
absl::StatusOr<client_script> read_client_script(const text_source& source);

}  // namespace iommulab
