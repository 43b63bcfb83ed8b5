// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel with memory and no remapping unit, for page-table code alone: its domains belong to no
// device and no unit, so nothing has to be flushed.
#pragma once

#include <cstdint>
#include <memory>

#include "core/status.h"
#include "intel/v4_4/dmar_domain.h"
#include "kernel/kernel.h"

namespace iommulab {

class table_ground {
 public:
  /// With `memory` bytes, of which only what is used costs anything. Calls go to `sink`, when there
  /// is one; it outlives the ground.
  static absl::StatusOr<std::unique_ptr<table_ground>> create(uint64_t memory,
                                                              trace_sink* sink = nullptr);

  kernel& system() { return *kernel_; }
  v4_4::intel_driver& driver() { return kernel_->driver(); }
  /// Pages in use now, of whatever kind.
  uint64_t live_pages() { return kernel_->pages().live_pages(); }

 private:
  table_ground(std::unique_ptr<kernel> k, trace_subscription calls)
      : kernel_(std::move(k)), calls_(std::move(calls)) {}

  std::unique_ptr<kernel> kernel_;
  trace_subscription calls_;
};

/// A domain of its own kind: a page table and nothing else. The ground outlives it.
class table_domain {
 public:
  /// `width`: of its addresses, 30 to 57 bits, so two to five levels. `superpages`: 0 none, 1 those
  /// of 2 MiB, 2 of 1 GiB as well. Throws std::bad_alloc when there is no page for the top table.
  table_domain(table_ground& ground, int width, int superpages);
  ~table_domain();
  table_domain(const table_domain&) = delete;
  table_domain& operator=(const table_domain&) = delete;

  v4_4::dmar_domain& operator*() { return domain_; }
  v4_4::dmar_domain* operator->() { return &domain_; }

 private:
  v4_4::intel_driver& drv_;
  v4_4::dmar_domain domain_;
};

}  // namespace iommulab
