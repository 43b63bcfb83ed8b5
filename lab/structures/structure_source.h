// SPDX-License-Identifier: GPL-2.0-only
//
// Whose structures can be asked for: a system that is held, or an allocator that runs alone.
#pragma once

#include <vector>

#include "core/structure.h"

namespace iommulab {

class kernel;

/// What is wanted of sections that are there already.
inline std::vector<structure_section> wanted_of(std::vector<structure_section> sections,
                                                const structure_query& wanted) {
  std::erase_if(sections, [&](const structure_section& s) { return !wanted.wants_kind(s.kind); });
  for (structure_section& section : sections) {
    std::erase_if(section.structures,
                  [&](const structure& s) { return !wanted.wants_name(s.name); });
  }
  return sections;
}

class structure_source {
 public:
  virtual ~structure_source() = default;

  /// Null for what runs without a kernel, and before there is one.
  [[nodiscard]] virtual kernel* system() = 0;
  /// Of a kernel these are its own (kernel_generation::structures()); hardware is read from
  /// system(), see system_structures.h.
  [[nodiscard]] virtual std::vector<structure_section> structures(
      const structure_query& wanted) = 0;
};

}  // namespace iommulab
