// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU sanitizer of a machine: checks the driver, like KASAN checks a kernel's memory, but
// for what a remapping unit may see of the tables. README.md has the rules.
//
// It listens to the driver (as an observer in `environment::tables`) and to each unit that it
// watches; it keeps the tracer's open calls up to date for its call stacks.
//
// Threads: one, like the tracer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/table_observer.h"
#include "core/trace.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/sanitizer/unit_sanitizer.h"

namespace iommulab {

class vtd_unit;

class vtd_sanitizer final : public table_observer {
 public:
  /// All outlive the sanitizer.
  vtd_sanitizer(const physical_memory& memory, const virtual_clock& clock, tracer& trace);
  ~vtd_sanitizer() override;
  vtd_sanitizer(const vtd_sanitizer&) = delete;
  vtd_sanitizer& operator=(const vtd_sanitizer&) = delete;

  /// Watches `unit`, whose registers are at `base`, from now on: before it is used. Either may be
  /// gone first.
  void watch(vtd_unit& unit, phys_addr base);

  void table_word_written(table_kind kind, phys_addr word, uint64_t before,
                          uint64_t after) override;
  void cache_lines_flushed(phys_addr start, uint64_t bytes) override;
  void table_page_allocated(phys_addr page) override;
  void table_page_freed(phys_addr page) override;
  void unmap_returned(const unmapped_range& range) override;

  [[nodiscard]] const finding_log& log() const { return state_.log; }
  /// Unmaps whose invalidation was put off, over all units.
  [[nodiscard]] window_figures deferred_figures() const;

 private:
  [[nodiscard]] bool changed_while_present(table_kind kind, uint64_t word, uint64_t before,
                                           uint64_t after) const;
  void report_change(uint64_t word, uint64_t entry);

  tracer& trace_;
  sanitizer_state state_;
  std::vector<std::unique_ptr<unit_sanitizer>> units_;
  std::vector<unit_observation> observations_;
};

/// The findings, one paragraph each, and a closing summary.
std::string to_text(const vtd_sanitizer& sanitizer);

}  // namespace iommulab
