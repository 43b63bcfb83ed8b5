// SPDX-License-Identifier: GPL-2.0-only
//
// The unit's walks, of one device in scalable mode: the same addresses through second-level and
// through first-level tables.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/support/turns.h"

namespace iommulab {

struct walk_case {
  enum class spread : uint8_t {
    hit,    ///< 64 pages, which the unit's cache of translations holds
    leaf,   ///< 4096 pages that follow one another: where the lowest tables are is known
    whole,  ///< 4096 pages so far apart that nothing is known: each level's entry is read
  };
  std::string name;
  unsigned levels = 4;
  spread how = spread::whole;
};

std::vector<walk_case> walk_cases();

/// Which tables, in the order of the columns.
enum class walked_tables : uint8_t { second_level, first_level };

std::unique_ptr<subject> make_walk_subject(const walk_case& c, walked_tables tables);

}  // namespace iommulab
