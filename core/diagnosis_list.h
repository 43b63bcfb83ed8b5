// SPDX-License-Identifier: GPL-2.0-only
//
// Diagnoses that are asked for later: the first ones, and how many there were. Any thread may add;
// whoever reads is alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/events.h"
#include "core/spin_lock.h"

namespace iommulab {

class diagnosis_list {
 public:
  static constexpr size_t capacity = 256;

  /// Counts one; whether there is room to keep it.
  bool count();
  void keep(events::diagnosis what);

  [[nodiscard]] const std::vector<events::diagnosis>& kept() const { return kept_; }
  /// Counted, kept or not.
  [[nodiscard]] uint64_t total() const { return total_; }

 private:
  spin_lock lock_;
  std::vector<events::diagnosis> kept_;  // written under lock_
  uint64_t total_ = 0;                   // written under lock_
};

}  // namespace iommulab
