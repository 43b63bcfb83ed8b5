// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/page_table.h"

#include <algorithm>

#include "core/dma/dma_map_ops.h"
#include "intel/hw/memory.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pte.h"

namespace iommulab::v6_12 {
namespace {

void free_unlinked(intel_driver& drv, const page_freelist& freelist) {
  for (const phys_addr page : freelist) free_pgtable_page(drv, page);
}

}  // namespace

own_page_table::own_page_table(intel_driver& drv, int width, int superpages) : drv_(drv) {
  domain_.gaw = width;
  domain_.agaw = width_to_agaw(width);
  domain_.iommu_superpage = superpages;
  domain_.iommu_coherency = true;
  domain_.max_addr = dma_bit_mask(static_cast<unsigned>(width));
  const table_page page = alloc_pgtable_page(drv_, domain_.nid);
  if (page) domain_.pgd = page.phys;
}

own_page_table::~own_page_table() {
  if (!domain_.has_pgd()) return;
  page_freelist freelist;
  domain_unmap(drv_, domain_, 0, domain_max_pfn(domain_.gaw), freelist);
  free_unlinked(drv_, freelist);
}

int own_page_table::levels() const {
  return agaw_to_level(domain_.agaw);
}

bool own_page_table::holds(uint64_t frame) const {
  return domain_pfn_supported(domain_, frame);
}

page_table_word own_page_table::word(phys_addr table, int level, size_t index) const {
  const dma_pte entry = table_at<dma_pte>(drv_, table)[index];
  return {entry.value, entry.present(), entry.is_leaf(static_cast<unsigned>(level)),
          entry.address()};
}

int own_page_table::map(uint64_t frame, uint64_t phys_frame, uint64_t count, uint64_t prot) {
  return domain_mapping(drv_, domain_, frame, phys_frame, count, prot);
}

// Since 5.15 the DMA API maps the pieces of a list one after another.
int own_page_table::map_sg(uint64_t frame, absl::Span<scatterlist> pieces, uint64_t count,
                           uint64_t prot) {
  for (const scatterlist& piece : pieces) {
    if (count == 0) break;
    const uint64_t first = sg_phys(piece).value();
    const uint64_t pages =
        std::min(count, ((first & ~page_mask) + piece.length + page_size - 1) >> page_shift);
    const int result = domain_mapping(drv_, domain_, frame, first >> page_shift, pages, prot);
    if (result != 0) return result;
    frame += pages;
    count -= pages;
  }
  return 0;
}

uint64_t own_page_table::unmap(uint64_t first, uint64_t last) {
  page_freelist freelist;
  domain_unmap(drv_, domain_, first, last, freelist);
  free_unlinked(drv_, freelist);
  return freelist.size();
}

void own_page_table::clear(uint64_t first, uint64_t last) {
  dma_pte_free_pagetable(drv_, domain_, first, last, /*retain_level=*/1);
}

void own_page_table::free_tables(uint64_t first, uint64_t last) {
  constexpr int every_level = 2;  // above the top: none is retained
  dma_pte_free_pagetable(drv_, domain_, first, last, levels() + every_level);
}

std::optional<page_table::found_entry> own_page_table::look_up(uint64_t frame) {
  int level = 0;
  const dma_pte* entry = pfn_to_dma_pte(drv_, domain_, frame, level);
  if (entry == nullptr) return std::nullopt;
  return found_entry{level, entry->value};
}

}  // namespace iommulab::v6_12
