// SPDX-License-Identifier: GPL-2.0-only
//
// Whose structures can be asked for: a system that is held, or an allocator that runs alone.
#pragma once

#include <string_view>
#include <vector>

#include "core/structure.h"

namespace iommulab {

class kernel;

/// The sections of that kind; all of them when it is empty.
inline std::vector<structure_section> of_kind(std::vector<structure_section> sections,
                                              std::string_view kind) {
  std::erase_if(sections, [&](const structure_section& section) {
    return !kind.empty() && section.kind != kind;
  });
  return sections;
}

class structure_source {
 public:
  virtual ~structure_source() = default;

  /// Null for what runs without a kernel, and before there is one.
  [[nodiscard]] virtual kernel* system() = 0;
  /// The structures of one kind, or of all kinds when it is empty. Of a kernel these are its own
  /// (kernel_generation::structures()); hardware is read from system().
  [[nodiscard]] virtual std::vector<structure_section> structures(std::string_view kind) = 0;
};

}  // namespace iommulab
