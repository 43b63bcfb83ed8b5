// SPDX-License-Identifier: GPL-2.0-only
#include "intel/hw/memory.h"

#include <optional>

#include "absl/strings/str_format.h"
#include "core/panic.h"

namespace iommulab {

table_page alloc_pgtable_page(driver_base& drv, int node) {
  const auto page = drv.host.pages.alloc_pages(0, gfp_atomic | gfp_zero, node);
  if (!page) return {};
  IOMMULAB_NOTE(drv.trace, "alloc_pgtable_page node=%d -> 0x%x", node, page->value());
  drv.env.tables.each([&](table_observer* observer) { observer->table_page_allocated(*page); });
  return {drv.host.memory.at(*page, page_size), *page};
}

void free_pgtable_page(driver_base& drv, phys_addr page) {
  drv.env.tables.each([&](table_observer* observer) { observer->table_page_freed(page); });
  drv.host.pages.free_pages(page, 0);
}

phys_addr virt_to_phys(const driver_base& drv, const void* pointer) {
  const std::optional<phys_addr> address = drv.host.memory.address_of(pointer);
  bug_on(!address, "virt_to_phys: not a pointer into memory");
  return *address;
}

void trace_table_write(driver_base& drv, std::string_view table, phys_addr entry, uint64_t lo,
                       uint64_t hi, uint64_t lo_before, uint64_t hi_before) {
  drv.trace.tell(
      [&] { return events::table_write{table, entry.value(), lo, hi, lo_before, hi_before}; });
}

}  // namespace iommulab
