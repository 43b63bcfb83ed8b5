// SPDX-License-Identifier: GPL-2.0-only
//
// A list of page frames in which neighbours are one entry: what pages of a user are carried in
// from where they are found to where they go.
// Linux v6.12 drivers/iommu/iommufd/pages.c: struct pfn_batch
//
// Room is for as many entries as pages are asked for, at most 64 KiB of 12 bytes each: 5461. When
// memory is short it is a page, or the 256 bytes on the stack that taking down falls back to.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "core/slab.h"
#include "vfio/v6_12/iommufd/io_pagetable.h"
#include "vfio/v6_12/iommufd/pages.h"

namespace iommulab::v6_12 {

inline constexpr uint64_t batch_backup_size = 32 * sizeof(uint64_t);

/// What temp_kmalloc() returns: none when `size` is 0. With a backup there is always some.
struct temp_memory {
  uint64_t size = 0;  ///< bytes
  slab_token token;   ///< none of the backup
};
/// Linux v6.12 drivers/iommu/iommufd/pages.c: temp_kmalloc()
temp_memory temp_kmalloc(iommufd_module& module, uint64_t size, uint64_t backup_len);

struct pfn_batch {
  iommufd_module* module = nullptr;
  temp_memory memory;
  std::unique_ptr<uint64_t[]> pfns;
  std::unique_ptr<uint32_t[]> npfns;
  uint32_t array_size = 0;
  uint32_t end = 0;
  uint32_t total_pfns = 0;
};

// Linux v6.12 drivers/iommu/iommufd/pages.c, by the kernel's names.

/// 0 or -ENOMEM.
int batch_init(iommufd_module& module, pfn_batch& batch, uint64_t max_pages);
/// Never fails.
void batch_init_backup(iommufd_module& module, pfn_batch& batch, uint64_t max_pages);
void batch_destroy(pfn_batch& batch);
void batch_clear(pfn_batch& batch);
/// The last `keep_pfns` frames go to the front.
void batch_clear_carry(pfn_batch& batch, uint32_t keep_pfns);
void batch_skip_carry(pfn_batch& batch, uint32_t skip_pfns);
/// False when it is full.
bool batch_add_pfn(pfn_batch& batch, uint64_t pfn);

void batch_from_domain(pfn_batch& batch, iommu_domain& domain, const iopt_area& area,
                       uint64_t start_index, uint64_t last_index);
/// Only what is neighbour to the last entry.
void batch_from_domain_continue(pfn_batch& batch, iommu_domain& domain, const iopt_area& area,
                                uint64_t start_index, uint64_t last_index);
/// Maps each entry. 0, or a negative errno with nothing left mapped.
int batch_to_domain(pfn_batch& batch, iommu_domain& domain, const iopt_area& area,
                    uint64_t start_index);
void batch_from_xarray(pfn_batch& batch, const iopt_pages& pages, uint64_t start_index,
                       uint64_t last_index);
void batch_from_xarray_clear(pfn_batch& batch, iopt_pages& pages, uint64_t start_index,
                             uint64_t last_index);
void batch_from_pages(pfn_batch& batch, absl::Span<const phys_addr> pages);
/// `npages` frames after the first `first_page_off`.
void batch_unpin(const pfn_batch& batch, iopt_pages& pages, uint32_t first_page_off,
                 uint64_t npages);
/// Copies through the frames; bytes copied.
uint64_t batch_rw(const pfn_batch& batch, absl::Span<std::byte> data, uint64_t offset,
                  unsigned flags);
/// Bytes of one page, at `offset` in it.
void copy_data_page(iommufd_module& module, phys_addr page, absl::Span<std::byte> data,
                    uint64_t offset, unsigned flags);

}  // namespace iommulab::v6_12
