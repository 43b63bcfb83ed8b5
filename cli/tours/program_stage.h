// SPDX-License-Identifier: GPL-2.0-only
//
// The stage of a tour in this process: the stepper, and the program's own commands with what they
// print caught.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/runs/run_choice.h"
#include "cli/tours/stage.h"

namespace iommulab {

/// The whole program: words of a command line to an exit status, text to std::cout and std::cerr.
using program_runner = std::function<int(std::vector<std::string> words)>;

}  // namespace iommulab

namespace iommulab::tours {

std::unique_ptr<stage> make_program_stage(program_runner program);

/// What `iommulab step` would take for these words: "boot --machine q35".
absl::StatusOr<run_choice> choice_of(const std::string& line);

/// The words of a line as a shell takes them: blanks separate, '…' and "…" keep together. The error
/// of a quote that does not end.
absl::StatusOr<std::vector<std::string>> words_of(std::string_view line);

}  // namespace iommulab::tours
