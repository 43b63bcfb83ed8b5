// SPDX-License-Identifier: GPL-2.0-only
//
// Command lines in the fenced blocks of a README, with the output that it shows of them.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::readme {

struct example {
  std::string file;
  size_t line = 0;
  std::string command;              ///< as a shell takes it, without its comment
  std::vector<std::string> output;  ///< lines that are shown; empty: none
  std::vector<std::string> typed;   ///< what stands behind the stepper's prompt: standard input
  std::vector<std::string> before;  ///< commands of the block that write a file which it names
};

/// For GoogleTest.
inline void PrintTo(const example& each,
                    std::ostream* out) {  // NOLINT(readability-identifier-naming)
  *out << each.command;
}

/// A block's line is a command of the program when it begins with `iommulab`, or has it behind a
/// pipe; with "$ " in front the lines up to the next one are its output, or behind the stepper's
/// prompt what is typed. A backslash at its end continues a command.
std::vector<example> examples_in(const std::string& file, std::string_view text);

/// What is wrong with `output` as that of `shown`, nothing when it is right. A line "…" stands for
/// any number of lines; all others stand in the output in this order, and side by side where no "…"
/// is between them.
std::optional<std::string> difference(const std::vector<std::string>& shown,
                                      std::string_view output);

}  // namespace iommulab::readme
