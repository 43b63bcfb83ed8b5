// SPDX-License-Identifier: GPL-2.0-only
//
// Where a run went another way than Linux 4.4, as the code itself reported it.
#pragma once

#include <ostream>
#include <set>

#include "core/trace.h"
#include "core/v4_4/divergence.h"

namespace iommulab::v4_4 {

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
inline void PrintTo(divergence id, std::ostream* out) {
  *out << about(id).name;
}

}  // namespace iommulab::v4_4

namespace iommulab::test {

using reports = std::set<v4_4::divergence>;

/// The divergences among the recorded diagnoses; the unit has diagnoses of its own.
inline reports reported(const trace_recorder& recorder) {
  reports found;
  for (const trace_event& event : recorder.events()) {
    const auto* told = event.as<events::diagnosis>();
    if (told == nullptr) continue;
    for (const v4_4::divergence_entry& d : v4_4::divergences()) {
      if (told->name == d.name) found.insert(d.id);
    }
  }
  return found;
}

}  // namespace iommulab::test
