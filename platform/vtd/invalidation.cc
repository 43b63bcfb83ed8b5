// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/invalidation.h"

#include "platform/vtd/unit_observer.h"

namespace iommulab {

void vtd_caches::invalidate_contexts(const vtd::context_cache_descriptor& request) {
  observers.tell(&unit_observer::contexts_invalidated, request);
  switch (request.granularity) {
    case vtd::context_granularity::none:
      return;
    case vtd::context_granularity::global:
      contexts_stale_since_root = false;
      scalable_contexts.invalidate_all();
      return contexts.invalidate_all();
    case vtd::context_granularity::domain:
      // Context entries of scalable mode are of no domain: all that may be meant go.
      scalable_contexts.invalidate_all();
      return contexts.invalidate_domain(request.domain);
    case vtd::context_granularity::device:
      scalable_contexts.invalidate_device(request.source, request.function_mask);
      return contexts.invalidate_device(request.domain, request.source, request.function_mask);
  }
}

void vtd_caches::invalidate_iotlb(const vtd::iotlb_descriptor& request) {
  observers.tell(&unit_observer::iotlb_invalidated, request);
  switch (request.granularity) {
    case vtd::iotlb_granularity::none:
      return;
    case vtd::iotlb_granularity::global:
      iotlb_stale_since_root = false;
      iotlb.invalidate_all();
      first_level.invalidate_all();
      return structures.invalidate_all();
    case vtd::iotlb_granularity::domain:
      iotlb.invalidate_domain(request.domain);
      first_level.invalidate_domain(request.domain);
      return structures.invalidate_domain(request.domain);
    case vtd::iotlb_granularity::page:
      // The address is the second level's: no first-level translation is meant, and of nested ones
      // nobody knows which (6.5.2.3).
      first_level.invalidate_nested(request.domain);
      iotlb.invalidate_pages(request.domain, request.address, request.address_mask);
      if (!request.leaf_hint) {
        structures.invalidate_pages(request.domain, request.address, request.address_mask);
      }
      return;
  }
}

void vtd_caches::invalidate_pasids(const vtd::pasid_cache_descriptor& request) {
  observers.tell(&unit_observer::pasids_invalidated, request);
  switch (request.granularity) {
    case vtd::pasid_cache_granularity::domain:
      return pasids.invalidate_domain(request.domain);
    case vtd::pasid_cache_granularity::pasid:
      return pasids.invalidate_pasid(request.domain, request.pasid);
    case vtd::pasid_cache_granularity::global:
      pasids_stale_since_root = false;
      return pasids.invalidate_all();
    case vtd::pasid_cache_granularity::reserved:
      return;
  }
}

void vtd_caches::invalidate_pasid_iotlb(const vtd::pasid_iotlb_descriptor& request) {
  observers.tell(&unit_observer::pasid_iotlb_invalidated, request);
  if (request.granularity == vtd::pasid_iotlb_granularity::pasid) {
    return first_level.invalidate_pasid(request.domain, request.pasid);
  }
  first_level.invalidate_pages(request.domain, request.pasid, request.address, request.address_mask,
                               request.leaf_hint);
}

void vtd_caches::invalidate_interrupts(const vtd::interrupt_entry_descriptor& request) {
  observers.tell(&unit_observer::interrupts_invalidated, request);
  if (!request.selective) return interrupts.invalidate_all();
  interrupts.invalidate(request.index, request.index_mask);
}

void vtd_caches::reset() {
  contexts.invalidate_all();
  iotlb.invalidate_all();
  structures.invalidate_all();
  interrupts.invalidate_all();
  scalable = false;
  mode_refused = false;
  scalable_contexts.invalidate_all();
  pasids.invalidate_all();
  first_level.invalidate_all();
  pasids_stale_since_root = false;
  contexts_stale_since_root = false;
  iotlb_stale_since_root = false;
}

}  // namespace iommulab
