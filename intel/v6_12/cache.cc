// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/cache.h"

#include <bit>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "intel/hw/memory.h"
#include "intel/page_table/levels.h"
#include "intel/v6_12/queue.h"
#include "intel/v6_12/registers.h"

namespace iommulab::v6_12 {

std::string_view name(cache_tag_type type) {
  static constexpr auto names = enum_names<cache_tag_type>({
      {cache_tag_type::iotlb, "iotlb"},
      {cache_tag_type::devtlb, "devtlb"},
  });
  return names(type);
}

namespace {

/// Where the cache is: the unit, or the device.
const std::string& location_of(const cache_tag& tag) {
  return tag.dev != nullptr ? tag.dev->name : tag.iommu->name;
}

// Linux v6.12 drivers/iommu/intel/trace.h: cache_tag_log
void note_tag(const intel_driver& drv, std::string_view event, const cache_tag& tag) {
  IOMMULAB_NOTE(drv.trace, "%s: %s/%s type %s did %d pasid %d ref %d", event, tag.iommu->name,
                location_of(tag), name(tag.type), tag.did, tag.pasid, tag.users);
}
// Linux v6.12 drivers/iommu/intel/trace.h: cache_tag_flush
void note_flush(const intel_driver& drv, std::string_view event, const cache_tag& tag,
                uint64_t start, uint64_t end, const psi_range& range) {
  IOMMULAB_NOTE(drv.trace,
                "%s: %s %s[%d] type %s did %d [0x%x-0x%x] addr 0x%x pages 0x%x mask 0x%x", event,
                tag.iommu->name, location_of(tag), tag.pasid, name(tag.type), tag.did, start, end,
                range.address, range.pages, range.mask);
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tage_match()
bool cache_tage_match(const cache_tag& tag, uint16_t did, const intel_iommu& iommu,
                      const device& dev, ioasid pasid, cache_tag_type type) {
  if (tag.type != type || tag.did != did || tag.pasid != pasid) return false;
  return type == cache_tag_type::iotlb ? tag.iommu == &iommu : tag.dev == &dev;
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_assign()
int cache_tag_assign(intel_driver& drv, dmar_domain& domain, uint16_t did, device& dev,
                     ioasid pasid, cache_tag_type type) {
  IOMMULAB_CALL(drv.trace, "cache_tag_assign", {"domain", domain}, {"did", did}, {"dev", dev},
                {"pasid", pasid}, {"type", type});
  intel_iommu& iommu = *info_of(dev).iommu;
  kernel_ptr<cache_tag> tag = kernel_new<cache_tag>(drv);
  if (tag == nullptr) return this_call.result(-ENOMEM);
  tag->type = type;
  tag->iommu = &iommu;
  tag->did = did;
  tag->pasid = pasid;
  tag->users = 1;
  if (type == cache_tag_type::devtlb) tag->dev = &dev;

  spin_lock_irqsave lock(drv.host.interrupts, domain.cache_lock);
  for (cache_tag& known : domain.cache_tags) {
    if (!cache_tage_match(known, did, iommu, dev, pasid, type)) continue;
    ++known.users;
    note_tag(drv, "cache_tag_assign", known);
    return this_call.result(0);
  }
  domain.cache_tags.push_back(*tag);
  note_tag(drv, "cache_tag_assign", *tag);
  tag.release();
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_unassign()
void cache_tag_unassign(intel_driver& drv, dmar_domain& domain, uint16_t did, device& dev,
                        ioasid pasid, cache_tag_type type) {
  IOMMULAB_CALL(drv.trace, "cache_tag_unassign", {"domain", domain}, {"did", did}, {"dev", dev},
                {"pasid", pasid}, {"type", type});
  const intel_iommu& iommu = *info_of(dev).iommu;
  spin_lock_irqsave lock(drv.host.interrupts, domain.cache_lock);
  for (cache_tag& tag : domain.cache_tags) {
    if (!cache_tage_match(tag, did, iommu, dev, pasid, type)) continue;
    note_tag(drv, "cache_tag_unassign", tag);
    if (--tag.users == 0) {
      domain.cache_tags.erase(domain.cache_tags.iterator_to(tag));
      kernel_delete(drv, &tag);
    }
    return;
  }
}

// Linux v6.12 drivers/iommu/intel/cache.c: domain_qi_batch_alloc()
int domain_qi_batch_alloc(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "domain_qi_batch_alloc", {"domain", domain});
  spin_lock_irqsave lock(drv.host.interrupts, domain.cache_lock);
  if (domain.batch != nullptr) return this_call.result(0);
  domain.batch = kernel_new<qi_batch>(drv).release();
  return this_call.result(domain.batch == nullptr ? -ENOMEM : 0);
}

// Linux v6.12 drivers/iommu/intel/cache.c: qi_batch_flush_descs()
void qi_batch_flush_descs(intel_driver& drv, intel_iommu* iommu, qi_batch* batch) {
  IOMMULAB_CALL(drv.trace, "qi_batch_flush_descs", {"iommu", iommu});
  if (iommu == nullptr || batch->index == 0) return;
  qi_submit_sync(drv, *iommu, absl::MakeConstSpan(batch->descs).first(batch->index));
  *batch = {};
}

void add_to_batch(intel_driver& drv, intel_iommu& iommu, qi_batch& batch, const qi_desc& desc) {
  batch.descs[batch.index] = desc;
  if (++batch.index == qi_batch::room) qi_batch_flush_descs(drv, &iommu, &batch);
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_flush_iotlb()
void cache_tag_flush_iotlb(intel_driver& drv, dmar_domain& domain, const cache_tag& tag,
                           psi_range range, bool ih) {
  IOMMULAB_CALL(drv.trace, "cache_tag_flush_iotlb", {"domain", domain}, {"addr", range.address},
                {"pages", range.pages}, {"mask", range.mask}, {"ih", ih});
  intel_iommu& iommu = *tag.iommu;
  if (domain.use_first_level) {
    if (range.pages == 0) return;
    add_to_batch(drv, iommu, *domain.batch,
                 qi_desc_piotlb(tag.did, tag.pasid, range.address, range.pages, ih));
    return;
  }
  auto type = vtd::iotlb_granularity::page;
  if (!iommu.cap.page_selective_invalidation() || range.mask > iommu.cap.max_address_mask() ||
      range.pages == every_page) {
    range = {};
    ih = false;
    type = vtd::iotlb_granularity::domain;
  }
  // Through registers the hint, in bit 0, is taken for a part of the mask.
  const uint64_t address = range.address | (ih ? 1 : 0);
  if (!iommu.ecap.queued_invalidation()) {
    iommu_flush_iotlb_reg(drv, iommu, domain_id(tag.did), address, range.mask, type);
    return;
  }
  add_to_batch(drv, iommu, *domain.batch,
               qi_desc_iotlb(iommu.cap.read_drain(), iommu.cap.write_drain(), tag.did, address,
                             range.mask, type));
}

// Linux v6.12 drivers/iommu/intel/cache.c: qi_batch_add_dev_iotlb()
void qi_batch_add_dev_iotlb(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                            const qi_desc& desc) {
  IOMMULAB_CALL(drv.trace, "qi_batch_add_dev_iotlb", {"iommu", iommu});
  add_to_batch(drv, iommu, *domain.batch, desc);
}

// Linux v6.12 drivers/iommu/intel/cache.c: qi_batch_add_pasid_dev_iotlb()
void qi_batch_add_pasid_dev_iotlb(intel_driver& drv, dmar_domain& domain, intel_iommu& iommu,
                                  const qi_desc& desc) {
  IOMMULAB_CALL(drv.trace, "qi_batch_add_pasid_dev_iotlb", {"iommu", iommu});
  add_to_batch(drv, iommu, *domain.batch, desc);
}

/// Invalidations of a device's own cache, twice for a buggy one; none while translation is off.
void add_device_tlb(intel_driver& drv, dmar_domain& domain, const cache_tag& tag,
                    const qi_desc& desc) {
  if (!vtd::gcmd::te.test(tag.iommu->gcmd)) return;
  const int times = info_of(*tag.dev).dtlb_extra_inval ? 2 : 1;
  const bool of_pasid = type_of(desc) == vtd::descriptor_type::pasid_device_tlb;
  for (int i = 0; i < times; ++i) {
    if (of_pasid) {
      qi_batch_add_pasid_dev_iotlb(drv, domain, *tag.iommu, desc);
    } else {
      qi_batch_add_dev_iotlb(drv, domain, *tag.iommu, desc);
    }
  }
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_flush_devtlb_psi()
void cache_tag_flush_devtlb_psi(intel_driver& drv, dmar_domain& domain, const cache_tag& tag,
                                uint64_t addr, unsigned mask) {
  IOMMULAB_CALL(drv.trace, "cache_tag_flush_devtlb_psi", {"domain", domain}, {"addr", addr},
                {"mask", mask});
  const device_domain_info& info = info_of(*tag.dev);
  const qi_desc desc =
      tag.pasid == iommu_no_pasid
          ? qi_desc_dev_iotlb(info.rid(), info.pfsid, info.ats_qdep, addr, mask)
          : qi_desc_dev_iotlb_pasid(info.rid(), info.pfsid, tag.pasid, info.ats_qdep, addr, mask);
  add_device_tlb(drv, domain, tag, desc);
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_flush_devtlb_all(), a part of its caller there
void cache_tag_flush_devtlb_all(intel_driver& drv, dmar_domain& domain, const cache_tag& tag) {
  const device_domain_info& info = info_of(*tag.dev);
  add_device_tlb(drv, domain, tag,
                 qi_desc_dev_iotlb(info.rid(), info.pfsid, info.ats_qdep, 0, max_agaw_pfn_width));
}

// Linux v6.12 drivers/iommu/intel/cache.c: calculate_psi_aligned_address()
psi_range aligned_range(intel_driver& drv, uint64_t start, uint64_t end) {
  IOMMULAB_CALL(drv.trace, "calculate_psi_aligned_address", {"start", start}, {"end", end});
  const psi_range range = calculate_psi_aligned_address(start, end);
  return this_call.result(range, range.address);
}

/// Calls `flush` for each tag; what goes to one unit goes there together.
template <typename Flush>
void for_each_tag(intel_driver& drv, dmar_domain& domain, Flush&& flush) {
  spin_lock_irqsave lock(drv.host.interrupts, domain.cache_lock);
  intel_iommu* iommu = nullptr;
  for (const cache_tag& tag : domain.cache_tags) {
    if (iommu != nullptr && iommu != tag.iommu) qi_batch_flush_descs(drv, iommu, domain.batch);
    iommu = tag.iommu;
    flush(tag);
  }
  qi_batch_flush_descs(drv, iommu, domain.batch);
}

}  // namespace

psi_range calculate_psi_aligned_address(uint64_t start, uint64_t end) {
  const uint64_t pages = aligned_nrpages(start, end - start + 1);
  const uint64_t pfn = start >> page_shift;
  // As many as the next power of two, or more where those would begin or end too soon: up to the
  // lowest bit from which on the first and the last page have the same ones.
  auto mask = static_cast<unsigned>(std::bit_width(pages - 1));
  const uint64_t bitmask = (uint64_t{1} << mask) - 1;
  if ((bitmask & pfn) != 0) {
    const uint64_t shared = ~(pfn ^ (pfn + pages - 1)) & ~bitmask;
    mask = shared != 0 ? static_cast<unsigned>(std::countr_zero(shared)) : max_agaw_pfn_width;
  }
  const uint64_t aligned = uint64_t{1} << mask;
  const uint64_t address = mask + page_shift >= 64 ? 0 : start & ~((page_size << mask) - 1);
  return {address, aligned, mask};
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_assign_domain()
int cache_tag_assign_domain(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "cache_tag_assign_domain", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  const device_domain_info& info = info_of(dev);
  const uint16_t did = domain_id_iommu(domain, *info.iommu);
  int ret = domain_qi_batch_alloc(drv, domain);
  if (ret != 0) return this_call.result(ret);
  ret = cache_tag_assign(drv, domain, did, dev, pasid, cache_tag_type::iotlb);
  if (ret != 0 || !info.ats_enabled) return this_call.result(ret);
  ret = cache_tag_assign(drv, domain, did, dev, pasid, cache_tag_type::devtlb);
  if (ret != 0) cache_tag_unassign(drv, domain, did, dev, pasid, cache_tag_type::iotlb);
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_unassign_domain()
void cache_tag_unassign_domain(intel_driver& drv, dmar_domain& domain, device& dev, ioasid pasid) {
  IOMMULAB_CALL(drv.trace, "cache_tag_unassign_domain", {"domain", domain}, {"dev", dev},
                {"pasid", pasid});
  const device_domain_info& info = info_of(dev);
  const uint16_t did = domain_id_iommu(domain, *info.iommu);
  cache_tag_unassign(drv, domain, did, dev, pasid, cache_tag_type::iotlb);
  if (info.ats_enabled) {
    cache_tag_unassign(drv, domain, did, dev, pasid, cache_tag_type::devtlb);
  }
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_flush_range()
void cache_tag_flush_range(intel_driver& drv, dmar_domain& domain, uint64_t start, uint64_t end,
                           bool ih) {
  IOMMULAB_CALL(drv.trace, "cache_tag_flush_range", {"domain", domain}, {"start", start},
                {"end", end}, {"ih", ih});
  const psi_range range = aligned_range(drv, start, end);
  for_each_tag(drv, domain, [&](const cache_tag& tag) {
    if (tag.type == cache_tag_type::iotlb) {
      cache_tag_flush_iotlb(drv, domain, tag, range, ih);
    } else {
      cache_tag_flush_devtlb_psi(drv, domain, tag, range.address, range.mask);
    }
    note_flush(drv, "cache_tag_flush_range", tag, start, end, range);
  });
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_flush_all()
void cache_tag_flush_all(intel_driver& drv, dmar_domain& domain) {
  IOMMULAB_CALL(drv.trace, "cache_tag_flush_all", {"domain", domain});
  for_each_tag(drv, domain, [&](const cache_tag& tag) {
    if (tag.type == cache_tag_type::iotlb) {
      cache_tag_flush_iotlb(drv, domain, tag, {0, every_page, 0}, /*ih=*/false);
    } else {
      cache_tag_flush_devtlb_all(drv, domain, tag);
    }
    note_tag(drv, "cache_tag_flush_all", tag);
  });
}

// Linux v6.12 drivers/iommu/intel/cache.c: cache_tag_flush_range_np()
void cache_tag_flush_range_np(intel_driver& drv, dmar_domain& domain, uint64_t start,
                              uint64_t end) {
  IOMMULAB_CALL(drv.trace, "cache_tag_flush_range_np", {"domain", domain}, {"start", start},
                {"end", end});
  const psi_range range = aligned_range(drv, start, end);
  for_each_tag(drv, domain, [&](const cache_tag& tag) {
    if (!tag.iommu->cap.caching_mode() || domain.use_first_level) {
      iommu_flush_write_buffer(drv, *tag.iommu);
      return;
    }
    if (tag.type == cache_tag_type::iotlb) {
      cache_tag_flush_iotlb(drv, domain, tag, range, /*ih=*/false);
    }
    note_flush(drv, "cache_tag_flush_range_np", tag, start, end, range);
  });
}

}  // namespace iommulab::v6_12
