// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/ops.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "core/v6_12/divergence.h"
#include "intel/dmar/table.h"
#include "intel/hw/memory.h"
#include "intel/v6_12/cache.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/domain.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/quirks.h"
#include "intel/v6_12/regions.h"
#include "intel/v6_12/release.h"

namespace iommulab::v6_12 {

void observe_unmap(const intel_driver& drv, const dmar_domain& domain, uint64_t first,
                   uint64_t last, bool deferred) {
  if (!drv.env.tables.any()) [[likely]]
    return;
  for (const auto& [unit, info] : domain.iommu_array) {
    const unmapped_range range = {info->iommu->reg_phys, domain_id(info->did), dma_addr(first),
                                  dma_addr(last), deferred};
    drv.env.tables.each([&](table_observer* observer) { observer->unmap_returned(range); });
  }
}

namespace {

constexpr uint64_t size_of_4k = page_size;
constexpr uint64_t size_of_2m = uint64_t{1} << 21;
constexpr uint64_t size_of_1g = uint64_t{1} << 30;

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_map()
int intel_iommu_map(intel_driver& drv, dmar_domain& domain, uint64_t iova, uint64_t hpa,
                    uint64_t size, int iommu_prot) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_map", {"domain", domain}, {"iova", iova}, {"hpa", hpa},
                {"size", size}, {"iommu_prot", iommu_prot});
  uint64_t prot = 0;
  if ((iommu_prot & iommu_read) != 0) prot |= dma_pte_read;
  if ((iommu_prot & iommu_write) != 0) prot |= dma_pte_write;
  if (domain.set_pte_snp) prot |= dma_pte_snp;
  const uint64_t max_addr = iova + size;
  if (domain.max_addr.load(std::memory_order_relaxed) < max_addr) {
    if (uint64_t{1} << domain.gaw < max_addr) {
      drv.pr.err("intel_iommu_map: iommu width (%d) is not sufficient for the mapped address (%x)",
                 domain.gaw, max_addr);
      return this_call.result(-EFAULT);
    }
    domain.max_addr.store(max_addr, std::memory_order_relaxed);
  }
  const uint64_t start_pfn = iova >> page_shift;
  const uint64_t pages = aligned_nrpages(hpa, size);
  const int ret = domain_mapping(drv, domain, start_pfn, hpa >> page_shift, pages, prot);
  if (ret == -ENOMEM) {
    // The core takes back what it was told of, which this is not.
    report(drv.env, divergence::api_map_taken_back, absl::StrFormat("0x%x", iova));
    page_freelist freelist;
    domain_unmap(drv, domain, start_pfn, start_pfn + pages - 1, freelist);
    drv.release.flush_range(drv, domain, iova, iova + size - 1, freelist.empty());
    iommu_put_pages_list(drv, freelist);
  }
  return this_call.result(ret);
}

/// Unmaps, and leaves the top table to a domain that still is one.
void unmap_of_live_domain(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn,
                          uint64_t last_pfn, page_freelist& freelist) {
  if (start_pfn != 0 || last_pfn != domain_max_pfn(domain.gaw)) {
    domain_unmap(drv, domain, start_pfn, last_pfn, freelist);
    return;
  }
  report(drv.env, divergence::api_unmap_everything);
  const uint64_t middle = last_pfn / 2;
  domain_unmap(drv, domain, 0, middle, freelist);
  domain_unmap(drv, domain, middle + 1, last_pfn, freelist);
}

/// The gather grows by the range, and may be flushed before that. In Linux 6.12 the range's tables
/// are in its list by then: that flush frees them, and the range's own leaves them cached.
void gather_range(intel_driver& drv, dmar_domain& domain, uint64_t iova, uint64_t size,
                  iommu_iotlb_gather& gather, bool tables_went) {
  const bool is_first = gather.pgsize == 0;
  iommu_iotlb_gather_add_page(domain, gather, dma_addr(iova), size);
  const bool begins_anew =
      gather.start == dma_addr(iova) && gather.end == dma_addr(iova + size - 1);
  if (tables_went && !is_first && begins_anew) {
    report(drv.env, divergence::gather_frees_tables_early, absl::StrFormat("0x%x", iova));
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_unmap()
uint64_t intel_iommu_unmap(intel_driver& drv, dmar_domain& domain, uint64_t iova, uint64_t size,
                           iommu_iotlb_gather& gather) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_unmap", {"domain", domain}, {"iova", iova}, {"size", size});
  // A superpage can only go as a whole.
  int level = 0;
  const uint64_t start_pfn = iova >> page_shift;
  if (pfn_to_dma_pte(drv, domain, start_pfn, level) == nullptr) {
    report(drv.env, divergence::unmap_beyond_domain, absl::StrFormat("0x%x", iova));
    return this_call.result(uint64_t{0});
  }
  const uint64_t block = page_size << level_to_offset_bits(level);
  const uint64_t asked_pfn = (iova + size - 1) >> page_shift;
  const uint64_t last_pfn = (iova + std::max(size, block) - 1) >> page_shift;
  // From the middle of a hole the block reaches past its own end. What lies there stays, unless it
  // was asked for; and the core is told where it is to go on.
  const uint64_t end_pfn =
      std::min(last_pfn, std::max(asked_pfn, start_pfn | (level_size(level) - 1)));
  size = (end_pfn + 1 - start_pfn) << page_shift;
  if (end_pfn != last_pfn) {
    report(drv.env, divergence::api_unmap_past_block, absl::StrFormat("0x%x", iova));
  }
  page_freelist unlinked;
  unmap_of_live_domain(drv, domain, start_pfn, end_pfn, unlinked);
  uint64_t highest = iova + size;
  if (domain.max_addr.load(std::memory_order_relaxed) == highest) {
    domain.max_addr.compare_exchange_strong(highest, iova, std::memory_order_relaxed);
  }
  if (gather.queued) {
    observe_unmap(drv, domain, iova, iova + size - 1, /*deferred=*/true);
  } else {
    gather_range(drv, domain, iova, size, gather, !unlinked.empty());
  }
  gather.freelist.insert(gather.freelist.end(), unlinked.begin(), unlinked.end());
  return this_call.result(size);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domain_support_force_snooping(), a part of its caller
// there
bool domain_support_force_snooping(const dmar_domain& domain) {
  return std::all_of(
      domain.devices.begin(), domain.devices.end(),
      [](const device_domain_info& info) { return info.iommu->ecap.snoop_control(); });
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_attach_device()
int paging_domain_ops::attach_dev(iommu_domain& domain, device& dev) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_attach_device", {"domain", domain}, {"dev", dev});
  device_block_translation(drv_, dev);
  dmar_domain& to = to_dmar_domain(domain);
  if (const int ret = prepare_domain_attach_device(drv_, to, dev); ret != 0) {
    return this_call.result(ret);
  }
  return this_call.result(dmar_domain_attach_device(drv_, to, dev));
}

int paging_domain_ops::set_dev_pasid(iommu_domain& domain, device& dev, ioasid pasid,
                                     iommu_domain* /*old*/) {
  return intel_iommu_set_dev_pasid(drv_, to_dmar_domain(domain), dev, pasid);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_map_pages()
int paging_domain_ops::map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr,
                                 uint64_t pgsize, uint64_t pgcount, int prot, uint64_t& mapped) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_map_pages", {"iova", iova}, {"paddr", paddr},
                {"pgsize", pgsize}, {"pgcount", pgcount}, {"prot", prot});
  if (pgsize != size_of_4k && pgsize != size_of_2m && pgsize != size_of_1g) {
    return this_call.result(-EINVAL);
  }
  if (((iova.value() | paddr.value()) & (pgsize - 1)) != 0) return this_call.result(-EINVAL);
  const uint64_t size = pgcount * pgsize;
  const int ret =
      intel_iommu_map(drv_, to_dmar_domain(domain), iova.value(), paddr.value(), size, prot);
  if (ret == 0) mapped += size;
  return this_call.result(ret);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_unmap_pages()
uint64_t paging_domain_ops::unmap_pages(iommu_domain& domain, dma_addr iova, uint64_t pgsize,
                                        uint64_t pgcount, iommu_iotlb_gather& gather) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_unmap_pages", {"iova", iova}, {"pgsize", pgsize},
                {"pgcount", pgcount});
  return this_call.result(
      intel_iommu_unmap(drv_, to_dmar_domain(domain), iova.value(), pgcount * pgsize, gather));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_flush_iotlb_all()
void paging_domain_ops::flush_iotlb_all(iommu_domain& domain) {
  IOMMULAB_CALL(drv_.trace, "intel_flush_iotlb_all", {"domain", domain});
  cache_tag_flush_all(drv_, to_dmar_domain(domain));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_iotlb_sync_map()
int paging_domain_ops::iotlb_sync_map(iommu_domain& domain, dma_addr iova, uint64_t size) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_iotlb_sync_map", {"domain", domain}, {"iova", iova},
                {"size", size});
  dmar_domain& of = to_dmar_domain(domain);
  if (of.iotlb_sync_map) {
    cache_tag_flush_range_np(drv_, of, iova.value(), iova.value() + size - 1);
  }
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_tlb_sync()
void paging_domain_ops::iotlb_sync(iommu_domain& domain, iommu_iotlb_gather& gather) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_tlb_sync", {"start", gather.start}, {"end", gather.end},
                {"pgsize", gather.pgsize});
  dmar_domain& of = to_dmar_domain(domain);
  cache_tag_flush_range(drv_, of, gather.start.value(), gather.end.value(),
                        gather.freelist.empty());
  iommu_put_pages_list(drv_, gather.freelist);
  if (gather.end.value() != 0) {
    observe_unmap(drv_, of, gather.start.value(), gather.end.value(), /*deferred=*/false);
  }
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_iova_to_phys()
phys_addr paging_domain_ops::iova_to_phys(iommu_domain& domain, dma_addr iova) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_iova_to_phys", {"domain", domain}, {"iova", iova});
  int level = 0;
  const dma_pte* pte =
      pfn_to_dma_pte(drv_, to_dmar_domain(domain), iova.value() >> page_shift, level);
  if (pte == nullptr || !pte->present()) return this_call.result(phys_addr());
  const uint64_t within = (page_size << level_to_offset_bits(level)) - 1;
  return this_call.result(pte->address() + (iova.value() & within));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_enforce_cache_coherency()
bool paging_domain_ops::enforce_cache_coherency(iommu_domain& domain) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_enforce_cache_coherency", {"domain", domain});
  dmar_domain& of = to_dmar_domain(domain);
  if (of.force_snooping) return this_call.result(true);
  spin_lock_irqsave lock(drv_.host.interrupts, of.lock);
  const bool comes_too_late =
      !of.use_first_level && of.has_mappings && !drv_.release.snoops_after_mapping();
  if (!domain_support_force_snooping(of) || comes_too_late) {
    return this_call.result(false);
  }
  // domain_set_force_snooping(): second-level leaves have a bit for it, a device's entry else.
  if (!of.use_first_level) {
    of.set_pte_snp = true;
  } else {
    for (device_domain_info& info : of.devices) {
      intel_pasid_setup_page_snoop_control(drv_, *info.dev, iommu_no_pasid);
    }
  }
  of.force_snooping = true;
  return this_call.result(true);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_domain_free()
void paging_domain_ops::free(iommu_domain& domain) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_domain_free", {"domain", domain});
  domain_exit(drv_, to_dmar_domain(domain));
}

int identity_domain_ops::attach_dev(iommu_domain& /*domain*/, device& dev) {
  return identity_domain_attach_dev(drv_, dev);
}
int identity_domain_ops::set_dev_pasid(iommu_domain& /*domain*/, device& dev, ioasid pasid,
                                       iommu_domain* /*old*/) {
  return identity_domain_set_dev_pasid(drv_, dev, pasid);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: blocking_domain_attach_dev()
int blocking_domain_ops::attach_dev(iommu_domain& /*domain*/, device& dev) {
  IOMMULAB_CALL(drv_.trace, "blocking_domain_attach_dev", {"dev", dev});
  device_block_translation(drv_, dev);
  return this_call.result(0);
}

intel_iommu_ops::intel_iommu_ops(intel_driver& drv)
    : drv_(drv), paging_(drv), identity_(drv), blocking_(drv) {
  identity_domain_.type = iommu_domain_type::identity;
  identity_domain_.env = &drv.env;
  identity_domain_.iommu = &drv.core;
  identity_domain_.ops = &identity_;
  identity_domain_.owner = this;
  blocking_domain_.type = iommu_domain_type::blocked;
  blocking_domain_.env = &drv.env;
  blocking_domain_.iommu = &drv.core;
  blocking_domain_.ops = &blocking_;
  blocking_domain_.owner = this;
  default_domain_ops = &paging_;
  pgsize_bitmap = size_of_4k;
  identity_domain = &identity_domain_;
  blocked_domain = &blocking_domain_;
  release_domain = &blocking_domain_;
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_capable()
bool intel_iommu_ops::capable(device& dev, iommu_cap cap) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_capable", {"dev", dev}, {"cap", cap});
  const intel_iommu& iommu = *info_of(dev).iommu;
  switch (cap) {
    case iommu_cap::cache_coherency:
    case iommu_cap::deferred_flush:
      return this_call.result(true);
    case iommu_cap::pre_boot_protection:
      return this_call.result(dmar_platform_optin(drv_));
    case iommu_cap::enforce_cache_coherency:
      return this_call.result(iommu.ecap.snoop_control());
    case iommu_cap::dirty_tracking:
      return this_call.result(ssads_supported(drv_, iommu));
    case iommu_cap::noexec:
      break;
  }
  return this_call.result(false);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_domain_alloc()
iommu_domain* intel_iommu_ops::domain_alloc(iommu_domain_type type) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_domain_alloc", {"type", type});
  if (type != iommu_domain_type::dma && type != iommu_domain_type::unmanaged) {
    return this_call.result(static_cast<iommu_domain*>(nullptr));
  }
  return this_call.result(static_cast<iommu_domain*>(v6_12::domain_alloc(drv_, type)));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_domain_alloc_user(). Nesting and tracking of
// written pages are not ported: a unit that has them is taken for one that has not.
iommu_domain* intel_iommu_ops::domain_alloc_user(device& dev, uint32_t flags, iommu_domain* parent,
                                                 const iommu_user_data* user_data, int& error) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_domain_alloc_user", {"dev", dev}, {"flags", flags},
                {"parent", parent});
  error = -EOPNOTSUPP;
  if (parent != nullptr || flags != 0 || user_data != nullptr) {
    return this_call.result(static_cast<iommu_domain*>(nullptr), error);
  }
  // A first-level table is never a user's.
  dmar_domain* const domain = paging_domain_alloc(drv_, dev, /*first_stage=*/false);
  if (domain == nullptr) {
    error = -ENOMEM;
    return this_call.result(static_cast<iommu_domain*>(nullptr), error);
  }
  domain->type = iommu_domain_type::unmanaged;
  domain->owner = this;
  domain->ops = default_domain_ops;
  domain->iommu = &drv_.core;
  error = 0;
  return this_call.result(static_cast<iommu_domain*>(domain));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_hw_info()
int intel_iommu_ops::hw_info(device& dev, iommu_hw_info_data& info) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_hw_info", {"dev", dev});
  constexpr uint32_t type_intel_vtd = 1;
  constexpr uint32_t errata_772415_spr17 = 1;  // said of every unit
  // Linux v6.12 include/uapi/linux/iommufd.h: struct iommu_hw_info_vtd
  struct vtd_info {
    uint32_t flags = errata_772415_spr17;
    uint32_t reserved = 0;
    uint64_t cap_reg = 0;
    uint64_t ecap_reg = 0;
  };
  static_assert(sizeof(vtd_info) == 24);
  info.memory = slab_token(drv_.host.slab);
  if (!info.memory) return this_call.result(-ENOMEM);
  const intel_iommu& iommu = *info_of(dev).iommu;
  vtd_info vtd;
  vtd.cap_reg = iommu.cap.value();
  vtd.ecap_reg = iommu.ecap.value();
  info.type = type_intel_vtd;
  info.bytes.resize(sizeof(vtd));
  std::memcpy(info.bytes.data(), &vtd, sizeof(vtd));
  return this_call.result(0);
}

iommu_device* intel_iommu_ops::probe_device(device& dev, int& error) {
  return intel_iommu_probe_device(drv_, dev, error);
}
void intel_iommu_ops::release_device(device& dev) {
  intel_iommu_release_device(drv_, dev);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_device_group()
iommu_group* intel_iommu_ops::device_group(device& dev, int& error) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_device_group", {"dev", dev});
  if (dev_is_pci(dev)) return this_call.result(v6_12::pci_device_group(dev, error));
  return this_call.result(generic_device_group(dev, error));
}

void intel_iommu_ops::get_resv_regions(device& dev, std::vector<iommu_resv_region>& regions) {
  intel_iommu_get_resv_regions(drv_, dev, regions);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_is_attach_deferred(). Another kernel's
// entries stay until a driver of this one takes the device.
bool intel_iommu_ops::is_attach_deferred(device& dev) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_is_attach_deferred", {"dev", dev});
  const device_domain_info& info = info_of(dev);
  return this_call.result(info.iommu->trans_pre_enabled && info.domain == nullptr);
}

// Linux v6.12 drivers/iommu/intel/iommu.c: device_def_domain_type()
iommu_domain_type intel_iommu_ops::def_domain_type(device& dev) {
  IOMMULAB_CALL(drv_.trace, "device_def_domain_type", {"dev", dev});
  if (!info_of(dev).iommu->ecap.pass_through()) return this_call.result(iommu_domain_type::dma);
  if (dev_is_pci(dev)) {
    const auto asked_for = [&](unsigned what) { return (drv_.iommu_identity_mapping & what) != 0; };
    if ((asked_for(identmap_azalia) && is_azalia(*dev.pci)) ||
        (asked_for(identmap_intgpu) && is_intgpu_device(*dev.pci))) {
      return this_call.result(iommu_domain_type::identity);
    }
  }
  return this_call.result(iommu_domain_type::blocked);
}

void intel_iommu_ops::remove_dev_pasid(device& dev, ioasid pasid, iommu_domain& domain) {
  intel_iommu_remove_dev_pasid(drv_, dev, pasid, domain);
}

}  // namespace iommulab::v6_12
