// SPDX-License-Identifier: GPL-2.0-only
//
// One device behind one remapping unit, and the table of its domain: what is mapped here can be
// read through the unit.
#pragma once

#include <cstdint>
#include <memory>

#include "core/status.h"
#include "core/trace.h"
#include "kernel/profile/page_table.h"
#include "lab/pagetable/table_ground.h"
#include "platform/interrupt.h"
#include "platform/vtd/unit.h"

namespace iommulab {

class translated_device {
 public:
  static constexpr unsigned levels = 4;

  /// ENOMEM: no page for the tables.
  static absl::StatusOr<std::unique_ptr<translated_device>> create(const kernel_profile& profile);

  vtd_unit& unit() { return unit_; }
  [[nodiscard]] bool holds(uint64_t frame) const { return table_->holds(frame); }

  /// Maps `count` frames to memory. False: no page for a table.
  bool map(uint64_t frame, uint64_t count);
  /// Takes them out of the table; the unit may know them still. True: tables went with them.
  bool unmap(uint64_t frame, uint64_t count);
  /// The device reads a byte of the page.
  dma_translation read(uint64_t frame);

  /// The pages leave the IOTLB; cached tables stay where only leaves changed.
  void invalidate(uint64_t frame, uint64_t count, bool leaves_only);
  /// All that the unit caches of the domain.
  void invalidate_domain();

 private:
  struct no_interrupts final : interrupt_sink {
    void deliver(msi_message) override {}
  };

  translated_device(std::unique_ptr<table_ground> ground, std::unique_ptr<page_table> table);
  void write_root_and_context(phys_addr root, phys_addr contexts);
  void command(uint64_t granularity, uint64_t address);

  std::unique_ptr<table_ground> ground_;
  std::unique_ptr<page_table> table_;
  no_interrupts interrupts_;
  vtd_unit unit_;
};

}  // namespace iommulab
