// SPDX-License-Identifier: GPL-2.0-only
//
// The time between an unmap that returned and the invalidation that makes it true, for one unit:
// how long, and how many accesses got through meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/types.h"
#include "platform/vtd/sanitizer/write_history.h"
#include "platform/vtd/spec/descriptors.h"

namespace iommulab {

struct unmap_window {
  domain_id domain;
  uint64_t first = 0;
  uint64_t last = 0;  ///< inclusive
  bool deferred = false;
  episode opened = 0;
  uint64_t opened_ns = 0;
  uint64_t accesses = 0;  ///< that got through
};

/// Figures over the windows of deferred invalidations.
struct window_figures {
  uint64_t windows = 0;   ///< closed
  uint64_t open = 0;      ///< not yet
  uint64_t entered = 0;   ///< with an access that got through
  uint64_t accesses = 0;  ///< in all of them
  uint64_t most_accesses = 0;
  uint64_t total_ns = 0;  ///< of closed ones
  uint64_t longest_ns = 0;

  window_figures& operator+=(const window_figures& other);
};

class unmap_windows {
 public:
  /// A range that is in a window already starts anew.
  void open(const unmap_window& window);
  /// The window that `address` lies in, or null.
  [[nodiscard]] unmap_window* find(domain_id domain, uint64_t address);
  /// Takes out what an invalidation covers whole.
  std::vector<unmap_window> close(const vtd::iotlb_descriptor& request, uint64_t now_ns);

  [[nodiscard]] window_figures figures() const;

 private:
  using key = std::pair<domain_id, uint64_t>;  // domain, first address
  std::map<key, unmap_window> open_;
  window_figures closed_;
};

}  // namespace iommulab
