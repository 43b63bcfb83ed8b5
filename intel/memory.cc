// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/memory.h"

#include "absl/strings/str_format.h"
#include "core/panic.h"

namespace iommulab {

table_page alloc_pgtable_page(intel_driver& drv, int node) {
  const auto page = drv.host.pages.alloc_pages(0, zone::normal, node, {.zero = true});
  if (!page) return {};
  IOMMULAB_NOTE(drv.trace, "alloc_pgtable_page node=%d -> 0x%x", node, page->value());
  drv.env.tables.each([&](table_observer* observer) { observer->table_page_allocated(*page); });
  return {drv.host.memory.at(*page, page_size), *page};
}

void free_pgtable_page(intel_driver& drv, phys_addr page) {
  drv.env.tables.each([&](table_observer* observer) { observer->table_page_freed(page); });
  drv.host.pages.free_pages(page, 0);
}

phys_addr virt_to_phys(const intel_driver& drv, const void* pointer) {
  phys_addr address;
  bug_on(!drv.host.memory.address_of(pointer, address), "virt_to_phys: not a pointer into memory");
  return address;
}

uint64_t top_table_of(const intel_driver& drv, const dmar_domain& domain) {
  return domain.pgd == nullptr ? 0 : virt_to_phys(drv, domain.pgd).value();
}

void trace_table_write(intel_driver& drv, std::string_view table, phys_addr entry, uint64_t lo,
                       uint64_t hi, uint64_t lo_before, uint64_t hi_before) {
  drv.trace.tell(
      [&] { return events::table_write{table, entry.value(), lo, hi, lo_before, hi_before}; });
}

void iommu_flush_cache(intel_driver& drv, const intel_iommu& iommu, const void* address,
                       uint64_t size) {
  // Simulated memory is coherent: only an observer sees what clflush does.
  if (!iommu.ecap.page_walk_coherency()) observe_cache_flush(drv, address, size);
}

}  // namespace iommulab
