// SPDX-License-Identifier: GPL-2.0-only
//
// What a device may reach in one address space, kept beside the driver and never asked of it: pages
// that are mapped, and pages that were unmapped and wait for a flush, which a lazy driver leaves
// open knowingly.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/dma/dma_map_ops.h"
#include "platform/vtd/translation.h"

namespace iommulab::hostile {

struct grant {
  uint64_t phys = 0;  ///< of the page
  dma_data_direction direction = dma_data_direction::bidirectional;
};

/// How a page that was reached stands.
enum class standing : uint8_t {
  mapped,
  write_only,  ///< read, though given for writing: newer drivers make every page readable
  waiting,     ///< unmapped, and the flush is to come
  none,        ///< an escape
};

class shadow {
 public:
  void map(uint64_t page, uint64_t pages, const grant& first);
  /// `waits`: a flush is to come.
  void unmap(uint64_t page, uint64_t pages, bool waits);
  /// What waited is closed.
  void flushed() { waiting_.clear(); }

  [[nodiscard]] standing of(uint64_t page, uint64_t phys, dma_access access) const;

 private:
  absl::flat_hash_map<uint64_t, grant> mapped_;
  absl::flat_hash_map<uint64_t, std::vector<grant>> waiting_;
};

}  // namespace iommulab::hostile
