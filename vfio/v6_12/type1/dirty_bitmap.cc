// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/type1/dirty_bitmap.h"

#include <iterator>
#include <vector>

#include "vfio/process/uaccess.h"

namespace iommulab::v6_12 {
namespace {

constexpr unsigned bits_per_word = 64;

/// Bits of the word that holds bit `first` which belong to [first, end).
uint64_t mask_in_word(uint64_t first, uint64_t end) {
  const uint64_t from = ~uint64_t{0} << (first % bits_per_word);
  if (end / bits_per_word != first / bits_per_word) return from;
  return from & ~(~uint64_t{0} << (end % bits_per_word));
}

// Linux v6.12 include/linux/bitmap.h: bitmap_set(), bitmap_clear()
void bitmap_fill(std::vector<uint64_t>& bitmap, uint64_t first, uint64_t count, bool value) {
  const uint64_t end = first + count;
  while (first < end) {
    uint64_t& word = bitmap[first / bits_per_word];
    const uint64_t mask = mask_in_word(first, end);
    word = value ? word | mask : word & ~mask;
    first = (first / bits_per_word + 1) * bits_per_word;
  }
}

// Linux v6.12 lib/bitmap.c: __bitmap_shift_left(), by less than a word
void bitmap_shift_left(std::vector<uint64_t>& bitmap, unsigned shift, uint64_t bits) {
  for (uint64_t k = (bits + bits_per_word - 1) / bits_per_word; k-- > 0;) {
    const uint64_t carried = k == 0 ? 0 : bitmap[k - 1] >> (bits_per_word - shift);
    bitmap[k] = (bitmap[k] << shift) | carried;
  }
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_populate_bitmap()
void vfio_dma_populate_bitmap(vfio_iommu& iommu, vfio_dma& dma, uint64_t pgsize) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_populate_bitmap", {"dma", dma.iova}, {"pgsize", pgsize});
  for (const auto& [iova, vpfn] : dma.pfn_list) {
    bitmap_fill(dma.bitmap, (iova - dma.iova) >> ffs_of(pgsize), 1, true);
  }
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_bitmap_alloc()
int vfio_dma_bitmap_alloc(vfio_iommu& iommu, vfio_dma& dma, uint64_t pgsize) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_bitmap_alloc", {"dma", dma.iova}, {"pgsize", pgsize});
  const uint64_t npages = dma.size / pgsize;
  if (npages > dirty_bitmap_pages_max) return this_call.result(-EINVAL);
  dma.bitmap_memory = slab_token(iommu.module.slab);
  if (!dma.bitmap_memory) return this_call.result(-ENOMEM);
  // One word more, for bits that are shifted to their place in the user's bitmap.
  dma.bitmap.assign(dirty_bitmap_bytes(npages) / sizeof(uint64_t) + 1, 0);
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_bitmap_free()
void vfio_dma_bitmap_free(vfio_iommu& iommu, vfio_dma& dma) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_bitmap_free", {"dma", dma.iova});
  dma.bitmap.clear();
  dma.bitmap_memory.reset();
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_bitmap_alloc_all()
int vfio_dma_bitmap_alloc_all(vfio_iommu& iommu, uint64_t pgsize) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_bitmap_alloc_all", {"pgsize", pgsize});
  for (auto at = iommu.dma_list.begin(); at != iommu.dma_list.end(); ++at) {
    const int ret = vfio_dma_bitmap_alloc(iommu, *at->second, pgsize);
    if (ret == 0) {
      vfio_dma_populate_bitmap(iommu, *at->second, pgsize);
      continue;
    }
    while (at != iommu.dma_list.begin()) vfio_dma_bitmap_free(iommu, *(--at)->second);
    return this_call.result(ret);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_dma_bitmap_free_all()
void vfio_dma_bitmap_free_all(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_dma_bitmap_free_all", {"mappings", iommu.dma_list.size()});
  for (const auto& [iova, dma] : iommu.dma_list) vfio_dma_bitmap_free(iommu, *dma);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_populate_bitmap_full()
void vfio_iommu_populate_bitmap_full(vfio_iommu& iommu) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iommu_populate_bitmap_full",
                {"mappings", iommu.dma_list.size()});
  for (const auto& [iova, dma] : iommu.dma_list) {
    bitmap_fill(dma->bitmap, 0, dma->size >> ffs_of(iommu.pgsize_bitmap), true);
  }
}

void vfio_dma_set_dirty(vfio_iommu& iommu, vfio_dma& dma, uint64_t offset, uint64_t count) {
  bitmap_fill(dma.bitmap, offset >> ffs_of(iommu.pgsize_bitmap), count, true);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: update_user_bitmap()
int update_user_bitmap(vfio_iommu& iommu, task_struct& current, uint64_t bitmap, vfio_dma& dma,
                       uint64_t base_iova, uint64_t pgsize) {
  IOMMULAB_CALL(trace_of(iommu), "update_user_bitmap", {"dma", dma.iova}, {"base_iova", base_iova},
                {"pgsize", pgsize});
  const unsigned pgshift = ffs_of(pgsize);
  const uint64_t nbits = dma.size >> pgshift;
  const uint64_t bit_offset = (dma.iova - base_iova) >> pgshift;
  const uint64_t to = bitmap + bit_offset / bits_per_word * sizeof(uint64_t);
  const auto shift = static_cast<unsigned>(bit_offset % bits_per_word);
  if (iommu.num_non_pinned_groups != 0 && dma.iommu_mapped) bitmap_fill(dma.bitmap, 0, nbits, true);
  if (shift != 0) {
    bitmap_shift_left(dma.bitmap, shift, nbits + shift);
    uint64_t leftover = 0;
    if (copy_from_user(current, leftover, to) != 0) return this_call.result(-EFAULT);
    dma.bitmap[0] |= leftover;
  }
  const absl::Span<const std::byte> bytes(reinterpret_cast<const std::byte*>(dma.bitmap.data()),
                                          dirty_bitmap_bytes(nbits + shift));
  return this_call.result(current.mm->copy_to_user(to, bytes) == 0 ? 0 : -EFAULT);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: vfio_iova_dirty_bitmap()
int vfio_iova_dirty_bitmap(vfio_iommu& iommu, task_struct& current, uint64_t bitmap, uint64_t iova,
                           uint64_t size, uint64_t pgsize) {
  IOMMULAB_CALL(trace_of(iommu), "vfio_iova_dirty_bitmap", {"iova", iova}, {"size", size},
                {"pgsize", pgsize});
  const vfio_dma* cut = vfio_find_dma(iommu, iova, 1);
  if (cut != nullptr && cut->iova != iova) return this_call.result(-EINVAL);
  cut = vfio_find_dma(iommu, iova + size - 1, 0);
  if (cut != nullptr && cut->iova + cut->size != iova + size) return this_call.result(-EINVAL);
  for (const auto& [start, dma] : iommu.dma_list) {
    if (start < iova) continue;
    if (start > iova + size - 1) break;
    const int ret = update_user_bitmap(iommu, current, bitmap, *dma, iova, pgsize);
    if (ret != 0) return this_call.result(ret);
    // What drivers have pinned is dirty at any time.
    bitmap_fill(dma->bitmap, 0, dma->size >> ffs_of(pgsize), false);
    vfio_dma_populate_bitmap(iommu, *dma, pgsize);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_iommu_type1.c: verify_bitmap_size()
int verify_bitmap_size(vfio_iommu& iommu, uint64_t npages, uint64_t bitmap_size) {
  IOMMULAB_CALL(trace_of(iommu), "verify_bitmap_size", {"npages", npages},
                {"bitmap_size", bitmap_size});
  const bool is_wrong = npages == 0 || bitmap_size == 0 || bitmap_size > dirty_bitmap_size_max ||
                        bitmap_size < dirty_bitmap_bytes(npages);
  return this_call.result(is_wrong ? -EINVAL : 0);
}

}  // namespace iommulab::v6_12
