// SPDX-License-Identifier: GPL-2.0-only
#include "core/diagnosis_list.h"

#include <utility>

namespace iommulab {

bool diagnosis_list::count() {
  const spin_guard guard(lock_);
  ++total_;
  return kept_.size() < capacity;
}

void diagnosis_list::keep(events::diagnosis what) {
  const spin_guard guard(lock_);
  if (kept_.size() < capacity) kept_.push_back(std::move(what));
}

}  // namespace iommulab
