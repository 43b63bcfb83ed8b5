// SPDX-License-Identifier: GPL-2.0-only
//
// Pages of memory by their frames, as few ranges: which of them a chunk's events write to.
#pragma once

#include <cstdint>
#include <map>

#include "cli/output/json.h"
#include "core/trace_event.h"

namespace iommulab::view {

class page_frames {
 public:
  /// The page of the entry that an event writes; the pages that it takes or frees.
  void add(const trace_event& event);
  void clear() { ranges_.clear(); }

  /// [first frame, how many, first frame, how many, …]
  [[nodiscard]] json as_json() const;

 private:
  void add(uint64_t first, uint64_t end);

  std::map<uint64_t, uint64_t> ranges_;  ///< first frame to the one behind the last; none touch
};

}  // namespace iommulab::view
