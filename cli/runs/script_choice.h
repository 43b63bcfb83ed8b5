// SPDX-License-Identifier: GPL-2.0-only
//
// Which script on which system: what `dma` and `translate --script` have to find out from a path
// and the options beside it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lab/runs/script_run.h"

namespace iommulab {

struct script_choice {
  std::string path;
  std::string kernel;     ///< empty: see choose_kernel()
  std::string machine;    ///< empty: the capture that the script lies in, else default_machine
  std::string dmar_file;  ///< a table in place of the machine's own; empty: that
  std::optional<std::string> command_line;  ///< none: the script's own, else the machine's
};

/// Errors of script, machine and kernel.
absl::StatusOr<dmalab::script_request> choose_script(const script_choice& choice);

}  // namespace iommulab
