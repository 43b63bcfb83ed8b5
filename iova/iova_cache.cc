// SPDX-License-Identifier: GPL-2.0-only
#include "iova/iova_cache.h"

#include <cerrno>
#include <new>

#include "iova/iova.h"

namespace iommulab {

// Linux v4.4 drivers/iommu/iova.c: iova_cache_get()
int iova_cache_get(iova_cache& cache) {
  tracer& trace = cache.trace;
  IOMMULAB_CALL(trace, "iova_cache_get");
  const spin_guard guard(cache.iova_cache_mutex);
  if (cache.iova_cache_users == 0 && cache.slab.should_fail()) {
    cache.log.print(log_level::err, "Couldn't create iova cache\n");
    return this_call.result(-ENOMEM);
  }
  ++cache.iova_cache_users;
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/iova.c: iova_cache_put()
void iova_cache_put(iova_cache& cache) {
  IOMMULAB_CALL(cache.trace, "iova_cache_put");
  const spin_guard guard(cache.iova_cache_mutex);
  if (cache.iova_cache_users == 0) {
    cache.log.warn("iova_cache_put: the cache has no users");
    return;
  }
  if (--cache.iova_cache_users == 0) cache.slab.freed();
}

// Linux v4.4 drivers/iommu/iova.c: alloc_iova_mem()
iova* alloc_iova_mem(iova_cache& cache) {
  tracer& trace = cache.trace;
  IOMMULAB_CALL(trace, "alloc_iova_mem");
  if (cache.slab.should_fail()) return this_call.result(nullptr);
  auto* node = new iova;
  node->queued = false;
  return this_call.result(node, "node");  // it holds no range yet
}

// Linux v4.4 drivers/iommu/iova.c: free_iova_mem()
void free_iova_mem(iova_cache& cache, iova* node) {
  IOMMULAB_CALL(cache.trace, "free_iova_mem");
  cache.slab.freed();
  delete node;
}

}  // namespace iommulab
