// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel with memory and no remapping unit, for page-table code alone: its domains belong to no
// device and no unit, so nothing has to be flushed.
#pragma once

#include <cstdint>
#include <memory>

#include "core/status.h"
#include "kernel/kernel.h"

namespace iommulab {

class table_ground {
 public:
  /// With `memory` bytes, of which only what is used costs anything. Calls go to `sink`, when there
  /// is one; it outlives the ground.
  static absl::StatusOr<std::unique_ptr<table_ground>> create(const kernel_profile& profile,
                                                              uint64_t memory,
                                                              trace_sink* sink = nullptr);

  kernel& system() { return *kernel_; }
  /// Pages in use now, of whatever kind.
  uint64_t live_pages() { return kernel_->pages().live_pages(); }

 private:
  table_ground(std::unique_ptr<kernel> k, trace_subscription calls)
      : kernel_(std::move(k)), calls_(std::move(calls)) {}

  std::unique_ptr<kernel> kernel_;
  trace_subscription calls_;
};

}  // namespace iommulab
