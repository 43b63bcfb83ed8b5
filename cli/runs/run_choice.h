// SPDX-License-Identifier: GPL-2.0-only
//
// CMD of the commands that watch a run: a boot, a script of DMA operations, a client's script, a
// recorded allocator, a capture. Each takes the options that the command of its name takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "cli/runs/client_choice.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab {

enum class run_kind : uint8_t { boot, script, client, iova_replay, capture };

struct run_choice {
  run_kind kind = run_kind::boot;
  std::string path{};                        ///< of the script, the recorded run, the capture
  std::vector<std::string> kernels{};        ///< empty: see choose_kernel()
  std::vector<std::string> machines{};       ///< empty: default_machine, or the script's capture
  std::vector<std::string> dmar_files{};     ///< empty: the machine's own table
  std::vector<std::string> command_lines{};  ///< empty: the script's own, or the machine's
  bool sanitize = false;
  client_modules modules{};  ///< of a client's script
};

/// The first (0) or second (1) of two runs: an option that is given once is for both.
run_choice side_of(const run_choice& choice, size_t which);
/// EINVAL when no option, or one more than twice, makes two runs of it.
absl::Status check_two_runs(const run_choice& choice);

/// Adds `boot`, `dma SCRIPT`, `vfio SCRIPT`, `iova replay FILE` and `capture FOLDER` below
/// `command`. `more` adds to each the options of `command`; `run` is called for the one that was
/// given. `choice` outlives it.
void add_run_choices(CLI::App& command, run_choice& choice, absl::FunctionRef<void(CLI::App&)> more,
                     const std::function<void()>& run);

/// Errors of what the choice names.
absl::StatusOr<std::unique_ptr<repeatable_run>> chosen_run(const run_choice& choice);

}  // namespace iommulab
