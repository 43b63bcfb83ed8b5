// SPDX-License-Identifier: GPL-2.0-only
//
// Everything of a system that can be shown as structures: the kernel's own, then hardware and what
// lies in memory.
#pragma once

#include <string>
#include <vector>

#include "core/structure.h"
#include "kernel/kernel.h"
#include "lab/structures/structure_source.h"

namespace iommulab {

/// The kinds of all kernels, and "registers", "root", "context", "tables", "caches", "queue",
/// "pages".
std::vector<std::string> system_structure_kinds();

/// What is wanted of `system`, the kernel's kinds first. No lock is taken: it is held, or nobody
/// runs.
std::vector<structure_section> structures_of(kernel& system, const structure_query& wanted);

/// A system that somebody holds still.
class held_system final : public structure_source {
 public:
  explicit held_system(iommulab::kernel& system) : system_(system) {}
  [[nodiscard]] iommulab::kernel* system() override { return &system_; }
  [[nodiscard]] std::vector<structure_section> structures(const structure_query& wanted) override {
    return system_.generation().structures(wanted);
  }

 private:
  iommulab::kernel& system_;
};

}  // namespace iommulab
