// SPDX-License-Identifier: GPL-2.0-only
//
// Which domains, caches and allocations a trace has at one of its steps: finds steps that make no
// sense and gives every allocation a small number.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "iova/trace/trace.h"

namespace iommulab {

class trace_ids {
 public:
  /// Fills in the step's domain, cpu and slot. Says what is wrong with the step; empty: nothing.
  std::string take(iova_trace_step& step);

  /// One more than the highest slot given.
  [[nodiscard]] uint32_t slots() const { return slots_; }

 private:
  struct allocation {
    uint32_t slot;
    bool fast;
  };
  struct domain {
    bool initialised = false;
    unsigned cpus = 0;  // of its range caches; 0: it has none
    absl::flat_hash_map<uint64_t, allocation> live;
  };

  std::string init(const iova_trace_step& step);
  std::string give(iova_trace_step& step, bool fast);
  std::string take_back(iova_trace_step& step, bool fast);
  std::string fast_on(unsigned cpu) const;

  std::array<domain, iova_trace_domains> domains_;
  uint8_t current_ = 0;
  uint8_t cpu_ = 0;
  std::vector<uint32_t> free_slots_;
  uint32_t slots_ = 0;
};

}  // namespace iommulab
