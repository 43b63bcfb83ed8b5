// SPDX-License-Identifier: GPL-2.0-only
//
// /proc/self/task/TID/fail-nth: the n-th allocation from now fails. Written: n, 0 for none; read:
// how many are left, 0 when it has failed. Linux v6.12 fs/proc/base.c: proc_fail_nth_operations
//
// Here it is the n-th kernel object; pages are not counted.
#pragma once

#include "core/slab.h"
#include "vfio/process/file.h"
#include "vfio/process/task_struct.h"

namespace iommulab {

class injected_failures final : public file {
 public:
  explicit injected_failures(slab_failures& slab) : slab_(slab) {}

  /// Whether the path is that of a task's file.
  static bool is_path(std::string_view path);

  int64_t read(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;
  int64_t write(task_struct& current, uint64_t buffer, uint64_t count, uint64_t position) override;

 private:
  slab_failures& slab_;
  uint64_t nth_ = 0;
  uint64_t asked_before_ = 0;
};

}  // namespace iommulab
