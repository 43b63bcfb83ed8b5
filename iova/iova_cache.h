// SPDX-License-Identifier: GPL-2.0-only
//
// The slab cache "iommu_iova" from which the nodes of every domain come, with its users counted:
// static variables in the kernel's iova.c, an object of one running system here.
//
// Locking: `iova_cache_mutex` guards the count of users. Allocation is safe from any thread as
// long as a user holds the cache.
#pragma once

#include <functional>

#include "absl/base/thread_annotations.h"
#include "core/printk.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "core/trace.h"

namespace iommulab {

struct iova;

struct iova_cache {
  iova_cache(tracer& events, printk_log& kernel_log, slab_failures& failures)
      : trace(events), log(kernel_log), slab(failures) {}
  iova_cache(const iova_cache&) = delete;
  iova_cache& operator=(const iova_cache&) = delete;

  tracer& trace;
  printk_log& log;
  slab_failures& slab;  ///< counts the nodes; fails their allocation when told to

  /// A search came down to a range that begins at frame 0, and ended there without room.
  std::function<void()> search_ended_at_frame_0;

  spin_lock iova_cache_mutex;
  unsigned iova_cache_users ABSL_GUARDED_BY(iova_cache_mutex) = 0;
};

/// Linux v4.4 drivers/iommu/iova.c: iova_cache_get(). 0 or -ENOMEM; the creation of the cache
/// counts as one allocation.
int iova_cache_get(iova_cache& cache);
/// Linux v4.4 drivers/iommu/iova.c: iova_cache_put(). A put without a get warns.
void iova_cache_put(iova_cache& cache);

/// Linux v4.4 drivers/iommu/iova.c: alloc_iova_mem(). Null when there is no memory.
iova* alloc_iova_mem(iova_cache& cache);
/// Linux v4.4 drivers/iommu/iova.c: free_iova_mem(). The node must be in no tree.
void free_iova_mem(iova_cache& cache, iova* node);

}  // namespace iommulab
