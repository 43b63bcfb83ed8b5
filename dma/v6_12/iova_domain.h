// SPDX-License-Identifier: GPL-2.0-only
//
// Addresses of one domain: iova.c of Linux 6.12 by the kernel's names, over the allocator that
// iova/linux has of that kernel.
//
// Any thread may allocate and free.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/slab.h"
#include "core/trace.h"
#include "iova/linux/linux_domain.h"

namespace iommulab::v6_12 {

/// Linux v6.12 include/linux/iova.h: struct iova_domain
struct iova_domain {
  std::unique_ptr<linux_iova_domain> ranges;  ///< null before init_iova_domain()
  uint64_t granule = 0;                       ///< bytes of a frame
  uint64_t start_pfn = 0;                     ///< 0: not initialised
  unsigned shift = 0;                         ///< of granule
  unsigned cpus = 1;
  tracer* trace = nullptr;

  [[nodiscard]] uint64_t offset(uint64_t address) const { return address & (granule - 1); }
  [[nodiscard]] uint64_t align(uint64_t size) const {
    return (size + granule - 1) & ~(granule - 1);
  }
  [[nodiscard]] uint64_t pfn(uint64_t address) const { return address >> shift; }
};

// Linux v6.12 drivers/iommu/iova.c

void init_iova_domain(iova_domain& iovad, tracer& trace, uint64_t granule, uint64_t start_pfn);
/// Caches for `cpus` processors, as the kernel of this name has them (iova/linux). 0 or -ENOMEM;
/// then there is nothing to allocate from.
int iova_domain_init_rcaches(iova_domain& iovad, unsigned cpus, slab_failures& slab,
                             std::string_view generation = "v6_12");
/// Nobody uses the ranges any more.
void put_iova_domain(iova_domain& iovad);
void reserve_iova(iova_domain& iovad, uint64_t pfn_lo, uint64_t pfn_hi);
/// A range of `size` frames that ends at or below `limit_pfn`: its first frame, 0 for none. Before
/// it fails, `flush_rcache` gives back what the caches hold.
uint64_t alloc_iova_fast(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, bool flush_rcache);
void free_iova_fast(iova_domain& iovad, uint64_t pfn, uint64_t size);

/// The processor that the calling thread is on: threads are numbered as they come, and the number
/// is taken modulo `cpus`.
unsigned this_cpu(unsigned cpus);

}  // namespace iommulab::v6_12
