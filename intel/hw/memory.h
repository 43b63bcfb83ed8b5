// SPDX-License-Identifier: GPL-2.0-only
//
// The driver's allocations: table pages in simulated memory, and kernel objects.
#pragma once

#include <utility>

#include "core/panic.h"
#include "core/slab.h"
#include "intel/hw/host.h"

namespace iommulab {

/// A zeroed page for a hardware table.
struct table_page {
  std::byte* address = nullptr;  ///< null when none could be had
  phys_addr phys;
  explicit operator bool() const { return address != nullptr; }
};

/// Linux v4.4 drivers/iommu/intel-iommu.c: alloc_pgtable_page(), free_pgtable_page()
table_page alloc_pgtable_page(driver_base& drv, int node);
void free_pgtable_page(driver_base& drv, phys_addr page);

/// phys_to_virt() of a table: throws kernel_bug when it is not in memory.
template <typename T>
T* table_at(const driver_base& drv, phys_addr address) {
  T* table = drv.host.memory.object_at<T>(address, page_size / sizeof(T));
  bug_on(table == nullptr, "a table pointer leads outside of memory");
  return table;
}

/// virt_to_phys(): throws kernel_bug for a pointer that is not into memory.
phys_addr virt_to_phys(const driver_base& drv, const void* pointer);

template <typename T, typename... Args>
kernel_ptr<T> kernel_new(driver_base& drv, Args&&... args) {
  return iommulab::kernel_new<T>(drv.host.slab, std::forward<Args>(args)...);
}
template <typename T>
void kernel_delete(driver_base& drv, T* object) {
  iommulab::kernel_delete(drv.host.slab, object);
}

/// Trace event of a table entry that was written; `lo_before` and `hi_before` are what it was.
void trace_table_write(driver_base& drv, std::string_view table, phys_addr entry, uint64_t lo,
                       uint64_t hi, uint64_t lo_before, uint64_t hi_before);

/// Tells the observer, if there is one, that a word of a table was stored; call it behind each
/// store.
inline void observe_table_write(const driver_base& drv, table_kind kind, const uint64_t* word,
                                uint64_t before) {
  if (!drv.env.tables.any()) [[likely]]
    return;
  const phys_addr at = virt_to_phys(drv, word);
  drv.env.tables.each(
      [&](table_observer* observer) { observer->table_word_written(kind, at, before, *word); });
}
/// Tells it that the processor's cache lines under a table were written back.
inline void observe_cache_flush(const driver_base& drv, const void* address, uint64_t size) {
  if (!drv.env.tables.any()) [[likely]]
    return;
  const phys_addr at = virt_to_phys(drv, address);
  drv.env.tables.each([&](table_observer* observer) { observer->cache_lines_flushed(at, size); });
}

}  // namespace iommulab
