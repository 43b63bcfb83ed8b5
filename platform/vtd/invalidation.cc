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
      return contexts.invalidate_all();
    case vtd::context_granularity::domain:
      return contexts.invalidate_domain(request.domain);
    case vtd::context_granularity::device:
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
      return structures.invalidate_all();
    case vtd::iotlb_granularity::domain:
      iotlb.invalidate_domain(request.domain);
      return structures.invalidate_domain(request.domain);
    case vtd::iotlb_granularity::page:
      iotlb.invalidate_pages(request.domain, request.address, request.address_mask);
      if (!request.leaf_hint) {
        structures.invalidate_pages(request.domain, request.address, request.address_mask);
      }
      return;
  }
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
  contexts_stale_since_root = false;
  iotlb_stale_since_root = false;
}

}  // namespace iommulab
