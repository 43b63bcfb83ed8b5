// SPDX-License-Identifier: GPL-2.0-only
//
// Pages for tables. Linux v6.12 drivers/iommu/iommu-pages.h
#pragma once

#include "intel/hw/memory.h"
#include "intel/v6_12/dmar_domain.h"
#include "intel/v6_12/driver.h"

namespace iommulab::v6_12 {

/// 2^order zeroed pages; nothing when there are none. iommu_alloc_pages_node()
inline table_page iommu_alloc_pages_node(driver_base& drv, int node, unsigned order) {
  const auto page = drv.host.pages.alloc_pages(order, gfp_atomic | gfp_zero, node);
  if (!page) return {};
  drv.env.tables.each([&](table_observer* observer) {
    for (uint64_t i = 0; i < uint64_t{1} << order; ++i) {
      observer->table_page_allocated(*page + i * page_size);
    }
  });
  return {drv.host.memory.at(*page, page_size << order), *page};
}
inline table_page iommu_alloc_page_node(driver_base& drv, int node) {
  return iommu_alloc_pages_node(drv, node, 0);
}
inline void iommu_free_pages(driver_base& drv, phys_addr page, unsigned order) {
  drv.env.tables.each([&](table_observer* observer) {
    for (uint64_t i = 0; i < uint64_t{1} << order; ++i) {
      observer->table_page_freed(page + i * page_size);
    }
  });
  drv.host.pages.free_pages(page, order);
}
inline void iommu_free_page(driver_base& drv, phys_addr page) {
  iommu_free_pages(drv, page, 0);
}
/// Frees what is in the list, and empties it.
inline void iommu_put_pages_list(driver_base& drv, page_freelist& freelist) {
  for (const phys_addr page : freelist) iommu_free_page(drv, page);
  freelist.clear();
}

}  // namespace iommulab::v6_12
