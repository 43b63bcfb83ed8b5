// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/domain.h"

namespace iommulab {

bool lockup_domain::reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
  if (!allocator_->reserve(pfn_lo, pfn_hi)) return false;
  if (listener_ != nullptr) listener_->reserved({pfn_lo, pfn_hi});
  return true;
}

bool lockup_domain::alloc(size_t slot, uint64_t size, uint64_t limit_pfn, bool size_aligned) {
  constexpr uint64_t look_every = 64;
  if (ids_ % look_every == 0 && nodes_visited() > most_visits_) {
    gave_up_ = true;
    return false;
  }
  const iova_grant grant = allocator_->alloc(size, limit_pfn, size_aligned);
  const uint64_t id = ids_++;
  if (listener_ != nullptr) {
    iova_range got{no_iova, no_iova};
    if (grant) got = allocator_->find(grant.pfn_lo).value_or(iova_range{grant.pfn_lo, 0});
    listener_->allocated(id, size, limit_pfn, size_aligned, got);
  }
  if (!grant) return false;
  if (slot == kept) return true;
  if (slot >= slots_.size()) slots_.resize(slot + 1);
  slots_[slot] = {grant, size, id};
  return true;
}

bool lockup_domain::free(size_t slot) {
  if (!holds(slot)) return false;
  live& gone = slots_[slot];
  allocator_->free(gone.grant, gone.size);
  if (listener_ != nullptr) listener_->freed(gone.id);
  gone.grant = {};
  return true;
}

}  // namespace iommulab
