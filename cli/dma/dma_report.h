// SPDX-License-Identifier: GPL-2.0-only
//
// A run of a script with what was found, as text, JSON, and beside another run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/dma/script_judge.h"
#include "cli/runs/run_difference.h"
#include "core/structure.h"
#include "lab/runs/script_run.h"

namespace iommulab::dmalab {

struct dma_report {
  script_run& run;
  const script_judge& judge;
  bool traced = false;
  bool quiet = false;  ///< text of differences and the last line alone
  /// Those of --dump, as the last operation left them; nothing without it.
  std::optional<std::vector<structure_section>> structures{};

  /// What an exit status of 1 says: a result differs, the kernel would have come to harm, or the
  /// sanitizer found an error.
  [[nodiscard]] bool finding() const;
};

/// The text without the structures.
std::string dma_to_text(const dma_report& report);
std::string dma_to_json(const dma_report& report);

/// "3 operations, 2 compared with what the script says: equal", of text and JSON alike.
std::string verdict_of(const dma_report& report);

/// Results without times, log lines, what devices got, register accesses, devices with their
/// domains; with `traced` the events too. Both runs kept their register accesses.
run_difference compare_script_runs(script_run& left, script_run& right, bool traced);

}  // namespace iommulab::dmalab
