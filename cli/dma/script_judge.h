// SPDX-License-Identifier: GPL-2.0-only
//
// Compares each operation of a run with what the script says of it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cli/dma/divergences_met.h"
#include "core/trace_event.h"
#include "kernel/kernel.h"
#include "lab/replay/overwritten_memory.h"
#include "lab/runs/script_run.h"

namespace iommulab::dmalab {

/// What was found of one operation.
struct judgement {
  std::string known;       ///< why a difference is passed over; empty for none
  std::string difference;  ///< both sides, and the state around them; empty for none
};

class script_judge {
 public:
  explicit script_judge(const kernel_profile& profile) : divergences_(profile) {}

  /// A judge of the operations, in their order: false at the first that differs.
  bool take(kernel& system, const script& from, const done_operation& done,
            absl::Span<const trace_event> events);

  /// Of each operation that was done.
  [[nodiscard]] const std::vector<judgement>& judgements() const { return judgements_; }
  [[nodiscard]] size_t compared() const { return compared_; }
  [[nodiscard]] size_t passed_over() const { return passed_over_; }
  [[nodiscard]] bool differs() const { return differs_; }
  /// Where the kernel would have come to harm.
  [[nodiscard]] const divergences_met& divergences() const { return divergences_; }

 private:
  std::vector<judgement> judgements_;
  size_t compared_ = 0;
  size_t passed_over_ = 0;
  bool differs_ = false;
  divergences_met divergences_;
  verify::overwritten_memory spoiled_;  // where 4.4 wrote by mistake
};

}  // namespace iommulab::dmalab
