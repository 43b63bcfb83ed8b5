// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4/page_table.h"

#include "intel/hw/memory.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/pte.h"

namespace iommulab::v4_4 {

own_page_table::own_page_table(intel_driver& drv, int width, int superpages)
    : drv_(drv), domain_(drv.iova_mem, dmar_domain::flag_virtual_machine) {
  domain_.gaw = width;
  domain_.agaw = width_to_agaw(width);
  domain_.iommu_superpage = superpages;
  domain_.iommu_coherency = true;
  const table_page page = alloc_pgtable_page(drv_, domain_.nid);
  if (page) domain_.pgd = page.phys;
}

own_page_table::~own_page_table() {
  if (!domain_.has_pgd()) return;
  page_freelist freelist = domain_unmap(drv_, domain_, 0, domain_max_pfn(domain_.gaw));
  dma_free_pagelist(drv_, freelist);
}

int own_page_table::levels() const {
  return agaw_to_level(domain_.agaw);
}

bool own_page_table::holds(uint64_t frame) const {
  return domain_pfn_supported(domain_, frame);
}

page_table_word own_page_table::word(phys_addr table, int level, size_t index) const {
  const dma_pte& entry = table_at<dma_pte>(drv_, table)[index];
  return {entry.value, entry.present(), entry.is_leaf(static_cast<unsigned>(level)),
          entry.address()};
}

int own_page_table::map(uint64_t frame, uint64_t phys_frame, uint64_t count, uint64_t prot) {
  return domain_pfn_mapping(drv_, domain_, frame, phys_frame, count, prot);
}

int own_page_table::map_sg(uint64_t frame, absl::Span<scatterlist> pieces, uint64_t count,
                           uint64_t prot) {
  return domain_sg_mapping(drv_, domain_, frame, pieces, count, prot);
}

uint64_t own_page_table::unmap(uint64_t first, uint64_t last) {
  page_freelist freelist = domain_unmap(drv_, domain_, first, last);
  const uint64_t freed = freelist.size();
  dma_free_pagelist(drv_, freelist);
  return freed;
}

void own_page_table::clear(uint64_t first, uint64_t last) {
  dma_pte_clear_range(drv_, domain_, first, last);
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

}  // namespace iommulab::v4_4
