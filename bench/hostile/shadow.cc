// SPDX-License-Identifier: GPL-2.0-only
#include "bench/hostile/shadow.h"

#include <algorithm>

#include "core/ensure.h"
#include "core/types.h"

namespace iommulab::hostile {
namespace {

/// Of a page that leads to `phys`; none where it leads elsewhere or the access was not granted.
standing of_grant(const grant& g, uint64_t phys, dma_access access) {
  if (g.phys != phys) return standing::none;
  switch (g.direction) {
    case dma_data_direction::bidirectional:
      return standing::mapped;
    case dma_data_direction::to_device:
      return access == dma_access::read ? standing::mapped : standing::none;
    case dma_data_direction::from_device:
      return access == dma_access::write ? standing::mapped : standing::write_only;
    case dma_data_direction::none:
      break;
  }
  return standing::none;
}

}  // namespace

void shadow::map(uint64_t page, uint64_t pages, const grant& first) {
  for (uint64_t i = 0; i < pages; ++i) {
    const bool is_new =
        mapped_.insert({page + i, {first.phys + i * page_size, first.direction}}).second;
    ensure(is_new, "an address is given out twice");
  }
}

void shadow::unmap(uint64_t page, uint64_t pages, bool waits) {
  for (uint64_t i = 0; i < pages; ++i) {
    const auto found = mapped_.find(page + i);
    ensure(found != mapped_.end(), "an address that was not mapped is unmapped");
    if (waits) waiting_[page + i].push_back(found->second);
    mapped_.erase(found);
  }
}

standing shadow::of(uint64_t page, uint64_t phys, dma_access access) const {
  if (const auto found = mapped_.find(page); found != mapped_.end()) {
    const standing s = of_grant(found->second, phys, access);
    if (s != standing::none) return s;
  }
  const auto found = waiting_.find(page);
  if (found == waiting_.end()) return standing::none;
  const bool allowed = std::any_of(found->second.begin(), found->second.end(), [&](const grant& g) {
    return of_grant(g, phys, access) != standing::none;
  });
  return allowed ? standing::waiting : standing::none;
}

}  // namespace iommulab::hostile
