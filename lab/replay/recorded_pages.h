// SPDX-License-Identifier: GPL-2.0-only
//
// The page addresses that a real kernel got, in the order in which its driver asked for them: a
// page source that hands out the same ones makes a run comparable by address.
//
// A unit asks for its queue page first, then for its block of status words (small: it shares a
// page), then for tables; the first table is the root. The queue page is what was written to
// the queue address register, the status words follow from the first wait descriptor, and the
// tables are the results of alloc_pgtable_page() that the call tree shows. One unit: captures
// have no more.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

struct recorded_page {
  enum class kind : uint8_t { queue, status_words, table };
  kind what = kind::table;
  uint64_t address = 0;         ///< physical; page aligned except for status words
  bool after_start_up = false;  ///< asked for after intel_iommu_init() had returned
  bool operator==(const recorded_page&) const = default;
};

/// In the order of the requests; empty when the capture has no call tree or no trace, or never
/// switched translation on. With `phases`, the tables of these graph files ("fgraph-lab.txt")
/// follow.
absl::StatusOr<std::vector<recorded_page>> recorded_pages(
    const capture_folder& folder, const std::vector<std::string>& phases = {});

}  // namespace iommulab::verify
