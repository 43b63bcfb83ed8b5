// SPDX-License-Identifier: GPL-2.0-only
//
// An invalidation descriptor as Linux 6.12 keeps it: four words, of which a queue in legacy mode
// takes the first two. How the words are made up is in the data sheet (platform/vtd/spec).
#pragma once

#include <bit>
#include <cstdint>

#include "core/types.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/pasid_descriptors.h"

namespace iommulab::v6_12 {

/// Linux v6.12 drivers/iommu/intel/iommu.h: struct qi_desc
struct qi_desc {
  uint64_t qw0 = 0;
  uint64_t qw1 = 0;
  uint64_t qw2 = 0;
  uint64_t qw3 = 0;
  constexpr bool operator==(const qi_desc&) const = default;
};

constexpr vtd::descriptor_type type_of(const qi_desc& desc) {
  return vtd::descriptor{desc.qw0, desc.qw1}.type();
}

/// Invalidations that a device may have pending; more are written as 0.
inline constexpr uint16_t max_device_invalidations = 32;
/// MAX_AGAW_PFN_WIDTH: with this order a range is everything.
inline constexpr unsigned max_agaw_pfn_width = 64 - 12;
/// npages == -1: all of a PASID's translations.
inline constexpr uint64_t every_page = UINT64_MAX;

constexpr qi_desc of_two_words(vtd::descriptor d) {
  return {d.low, d.high, 0, 0};
}
constexpr uint8_t pending_field(uint16_t qdep) {
  return static_cast<uint8_t>(qdep >= max_device_invalidations ? 0 : qdep);
}

/// qi_desc_iotlb(): bit 0 of `addr` is the leaf hint.
constexpr qi_desc qi_desc_iotlb(bool drain_reads, bool drain_writes, uint16_t did, uint64_t addr,
                                unsigned size_order, vtd::iotlb_granularity type) {
  vtd::iotlb_descriptor desc;
  desc.granularity = type;
  desc.drain_reads = drain_reads;
  desc.drain_writes = drain_writes;
  desc.domain = domain_id(did);
  desc.address = addr & page_mask;
  desc.leaf_hint = (addr & 1) != 0;
  desc.address_mask = static_cast<uint8_t>(size_order);
  return of_two_words(desc.encode());
}

/// qi_desc_dev_iotlb(): 2^mask pages at `addr`.
constexpr qi_desc qi_desc_dev_iotlb(uint16_t sid, uint16_t pfsid, uint16_t qdep, uint64_t addr,
                                    unsigned mask) {
  vtd::device_tlb_descriptor desc;
  if (mask != 0) {
    addr |= (uint64_t{1} << (page_shift + mask - 1)) - 1;
    desc.size = true;
  }
  desc.address = addr & page_mask;
  desc.source = sid;
  desc.max_pending = pending_field(qdep);
  desc.physical_function = pfsid;
  return of_two_words(desc.encode());
}

/// qi_desc_piotlb()
constexpr qi_desc qi_desc_piotlb(uint16_t did, uint32_t pasid, uint64_t addr, uint64_t npages,
                                 bool ih) {
  vtd::pasid_iotlb_descriptor desc;
  desc.domain = domain_id(did);
  desc.pasid = pasid;
  if (npages == every_page) {
    desc.granularity = vtd::pasid_iotlb_granularity::pasid;
    return of_two_words(desc.encode());
  }
  const auto order = static_cast<unsigned>(std::bit_width(npages - 1));
  desc.granularity = vtd::pasid_iotlb_granularity::page;
  desc.address = addr & ~((page_size << order) - 1);
  desc.leaf_hint = ih;
  desc.address_mask = static_cast<uint8_t>(order);
  return of_two_words(desc.encode());
}

/// qi_desc_dev_iotlb_pasid(): 2^size_order pages at `addr`, which is aligned to them.
constexpr qi_desc qi_desc_dev_iotlb_pasid(uint16_t sid, uint16_t pfsid, uint32_t pasid,
                                          uint16_t qdep, uint64_t addr, unsigned size_order) {
  vtd::pasid_device_tlb_descriptor desc;
  desc.source = sid;
  desc.max_pending = pending_field(qdep);
  desc.pasid = pasid;
  desc.physical_function = pfsid;
  desc.address = addr & page_mask;
  if (size_order != 0) {
    // Ones below the size, a zero where it ends.
    const unsigned top = page_shift + size_order - 1;
    desc.address |= ((uint64_t{2} << top) - 1) & page_mask;
    desc.address &= ~(uint64_t{1} << top);
    desc.size = true;
  }
  return of_two_words(desc.encode());
}

/// qi_flush_pasid_cache()
constexpr qi_desc qi_desc_pasid_cache(uint16_t did, vtd::pasid_cache_granularity granularity,
                                      uint32_t pasid) {
  return of_two_words(vtd::pasid_cache_descriptor{granularity, domain_id(did), pasid}.encode());
}

// What the recordings show at the start of the unit in scalable mode.
static_assert(qi_desc_pasid_cache(0, vtd::pasid_cache_granularity::global, 0).qw0 == 0x37);
static_assert(qi_desc_iotlb(true, true, 0, 0, 0, vtd::iotlb_granularity::global).qw0 == 0xd2);

}  // namespace iommulab::v6_12
