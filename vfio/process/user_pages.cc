// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/process/user_pages.h"

namespace iommulab {

user_pages::~user_pages() {
  for (const auto& [frame, c] : counts_) free(frame, c);
}

std::optional<phys_addr> user_pages::alloc() {
  const auto page = pages_.alloc_pages(0, gfp_kernel | gfp_zero);
  if (page) counts_[page->value() >> page_shift] = {.references = 1};
  return page;
}

std::optional<phys_addr> user_pages::alloc_block(unsigned order) {
  const auto first = pages_.alloc_pages(order, gfp_kernel | gfp_zero);
  if (!first) return first;
  const uint64_t frame = first->value() >> page_shift;
  const uint64_t size = uint64_t{1} << order;
  blocks_[frame] = {.order = order, .live = size};
  for (uint64_t i = 0; i < size; ++i) counts_[frame + i] = {.references = 1, .block = frame};
  return first;
}

void user_pages::free(uint64_t frame, const count& c) {
  if (c.adopted) {
    if (adopted_page_gone) adopted_page_gone(phys_addr(frame << page_shift));
    return;
  }
  if (c.block == 0) {
    pages_.free_pages(phys_addr(frame << page_shift), 0);
    return;
  }
  const auto found = blocks_.find(c.block);
  if (--found->second.live != 0) return;
  pages_.free_pages(phys_addr(c.block << page_shift), found->second.order);
  blocks_.erase(found);
}

void user_pages::adopt(phys_addr page) {
  count& c = counts_[page.value() >> page_shift];
  c.adopted = true;
  ++c.references;
}

void user_pages::get(phys_addr page) {
  const auto found = counts_.find(page.value() >> page_shift);
  if (found != counts_.end()) ++found->second.references;
}

void user_pages::put(phys_addr page) {
  const auto found = counts_.find(page.value() >> page_shift);
  if (found == counts_.end() || --found->second.references != 0) return;
  const count last = found->second;
  counts_.erase(found);
  free(page.value() >> page_shift, last);
}

void user_pages::pin(phys_addr page) {
  const auto found = counts_.find(page.value() >> page_shift);
  if (found == counts_.end()) return;
  ++found->second.references;
  ++found->second.pins;
  ++pins_;
}

void user_pages::unpin(phys_addr page) {
  const auto found = counts_.find(page.value() >> page_shift);
  if (found == counts_.end() || found->second.pins == 0) return;
  --found->second.pins;
  --pins_;
  put(page);
}

uint64_t user_pages::pins_of(phys_addr page) const {
  const auto found = counts_.find(page.value() >> page_shift);
  return found == counts_.end() ? 0 : found->second.pins;
}

}  // namespace iommulab
