// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/ops.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/v4_4/divergence.h"
#include "intel/hw/memory.h"
#include "intel/v4_4/context.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/flush.h"
#include "intel/v4_4/page_table.h"
#include "intel/v4_4/release.h"
#include "intel/v4_4/rmrr.h"

namespace iommulab::v4_4 {
namespace {

// Every size that is a multiple of 4 KiB (INTEL_IOMMU_PGSIZES).
constexpr uint64_t intel_iommu_pgsizes = page_mask;

// Linux v4.4 drivers/iommu/intel-iommu.c: to_dmar_domain()
dmar_domain& traced_domain(intel_driver& drv, iommu_domain& generic) {
  IOMMULAB_CALL(drv.trace, "to_dmar_domain", {"dom", generic});
  return this_call.result(to_dmar_domain(generic));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_capable()
bool intel_iommu_capable(intel_driver& drv, iommu_cap cap) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_capable", {"cap", cap});
  if (cap == iommu_cap::cache_coherency) {
    return this_call.result(domain_update_iommu_snooping(drv, nullptr));
  }
  if (cap == iommu_cap::intr_remap) return this_call.result(drv.irq_remapping_enabled);
  return this_call.result(false);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_domain_alloc()
iommu_domain* intel_iommu_domain_alloc(intel_driver& drv, iommu_domain_type type) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_domain_alloc", {"type", type});
  if (type != iommu_domain_type::unmanaged) return this_call.result(nullptr);
  dmar_domain* domain = alloc_domain(drv, dmar_domain::flag_virtual_machine);
  if (domain == nullptr) {
    drv.pr.err("Can't allocate dmar_domain");
    return this_call.result(nullptr);
  }
  if (md_domain_init(drv, *domain, default_domain_address_width) != 0) {
    drv.pr.err("Domain initialization failed");
    domain_exit(drv, domain);
    return this_call.result(nullptr);
  }
  domain_update_iommu_cap(drv, *domain);
  domain->domain.geometry = {dma_addr(0), dma_addr((uint64_t{1} << domain->gaw) - 1), true};
  return this_call.result(&domain->domain);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_domain_free()
void intel_iommu_domain_free(intel_driver& drv, iommu_domain& generic) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_domain_free", {"domain", generic});
  domain_exit(drv, &traced_domain(drv, generic));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_attach_device()
int intel_iommu_attach_device(intel_driver& drv, iommu_domain& generic, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_attach_device", {"domain", generic}, {"dev", dev});
  dmar_domain& domain = traced_domain(drv, generic);
  if (device_is_rmrr_locked(drv, dev)) {
    dev_printk(dev, log_level::warning,
               "Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  "
               "Contact your platform vendor.");
    return this_call.result(-EPERM);
  }
  if (domain_context_mapped(drv, dev)) {
    dmar_domain* old_domain = find_domain(drv, dev);
    if (old_domain != nullptr) {
      dmar_remove_one_dev_info(drv, dev);
      if (!domain_type_is_vm_or_si(*old_domain) && old_domain->devices.empty()) {
        domain_exit(drv, old_domain);
      }
    }
  }
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return this_call.result(-ENODEV);

  const int addr_width =
      std::min(agaw_to_width(iommu->agaw), static_cast<int>(iommu->cap.max_guest_address_width()));
  if (domain.max_addr > uint64_t{1} << addr_width) {
    drv.pr.err(
        "intel_iommu_attach_device: iommu width (%d) is not sufficient for the mapped address (%x)",
        addr_width, domain.max_addr);
    return this_call.result(-EFAULT);
  }
  domain.gaw = addr_width;
  // A unit with fewer levels: the top tables that it does not walk go.
  while (iommu->agaw < domain.agaw) {
    const phys_addr top = domain.pgd;
    if (const dma_pte first = *table_at<dma_pte>(drv, top); first.present()) {
      domain.pgd = first.address();
      free_pgtable_page(drv, top);
    }
    --domain.agaw;
  }
  return this_call.result(domain_add_dev_info(drv, domain, dev));
}

/// The range up to `end_pfn` goes, the domain's units are told of all up to `last_pfn`, and then
/// the tables that fell out are freed.
void unmap_and_flush(intel_driver& drv, dmar_domain& domain, uint64_t start_pfn, uint64_t last_pfn,
                     uint64_t end_pfn) {
  page_freelist freelist = domain_unmap(drv, domain, start_pfn, last_pfn, end_pfn);
  for_each_domain_iommu(drv, domain, [&](size_t id) {
    iommu_flush_iotlb_psi(drv, *drv.g_iommus[id], domain, start_pfn, last_pfn - start_pfn + 1,
                          /*ih=*/freelist.empty(),
                          /*map=*/false);
  });
  dma_free_pagelist(drv, freelist);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_detach_device()
void intel_iommu_detach_device(intel_driver& drv, iommu_domain& generic, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_detach_device", {"domain", generic}, {"dev", dev});
  traced_domain(drv, generic);
  dmar_remove_one_dev_info(drv, dev);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_map()
int intel_iommu_map(intel_driver& drv, iommu_domain& generic, dma_addr iova, phys_addr hpa,
                    uint64_t size, int iommu_prot) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_map", {"domain", generic}, {"iova", iova}, {"hpa", hpa},
                {"size", size}, {"iommu_prot", iommu_prot});
  dmar_domain& domain = traced_domain(drv, generic);
  uint64_t prot = 0;
  if ((iommu_prot & iommu_read) != 0) prot |= dma_pte_read;
  if ((iommu_prot & iommu_write) != 0) prot |= dma_pte_write;
  if ((iommu_prot & iommu_cache) != 0 && domain.iommu_snooping) prot |= dma_pte_snp;
  const uint64_t max_addr = iova.value() + size;
  const bool wraps = max_addr < size;
  if (wraps) report(drv.env, divergence::api_map_wraps, absl::StrFormat("0x%x", iova.value()));
  if (domain.max_addr < max_addr || wraps) {
    if (uint64_t{1} << domain.gaw < max_addr || wraps) {
      drv.pr.err("intel_iommu_map: iommu width (%d) is not sufficient for the mapped address (%x)",
                 domain.gaw, max_addr);
      return this_call.result(-EFAULT);
    }
    domain.max_addr = max_addr;
  }
  const uint64_t pages = aligned_nrpages(hpa.value(), size);
  const uint64_t start_pfn = iova.value() >> page_shift;
  const int ret =
      domain_pfn_mapping(drv, domain, start_pfn, hpa.value() >> page_shift, pages, prot);
  // 4.4 leaves what was mapped before memory ran out.
  if (ret == -ENOMEM) {
    report(drv.env, divergence::api_map_taken_back, absl::StrFormat("0x%x", iova.value()));
    const uint64_t last_pfn = start_pfn + pages - 1;
    unmap_and_flush(drv, domain, start_pfn, last_pfn, last_pfn);
  }
  return this_call.result(ret);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_unmap()
uint64_t intel_iommu_unmap(intel_driver& drv, iommu_domain& generic, dma_addr iova, uint64_t size) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_unmap", {"domain", generic}, {"iova", iova},
                {"size", size});
  dmar_domain& domain = traced_domain(drv, generic);
  // A superpage can only go as a whole.
  int level = 0;
  const uint64_t start_pfn = iova.value() >> page_shift;
  if (pfn_to_dma_pte(drv, domain, start_pfn, level) == nullptr) {
    report(drv.env, divergence::api_unmap_beyond_width, absl::StrFormat("0x%x", iova.value()));
    return this_call.result(uint64_t{0});
  }
  const uint64_t block = page_size << level_to_offset_bits(level);
  // From the middle of a hole or of a superpage the block reaches past its own end. What lies there
  // stays: 4.4 steps over it by luck.
  const bool enlarged = size < block;
  size = std::max(size, block);
  const uint64_t last_pfn = (iova.value() + size - 1) >> page_shift;
  const uint64_t end_pfn = enlarged ? start_pfn | (level_size(level) - 1) : last_pfn;

  if (end_pfn != last_pfn) {
    report(drv.env, divergence::api_unmap_past_block, absl::StrFormat("0x%x", iova.value()));
  }

  // All of the address space: the domain keeps its top table.
  if (start_pfn == 0 && end_pfn == domain_max_pfn(domain.gaw)) {
    report(drv.env, divergence::api_unmap_everything);
    const uint64_t middle = end_pfn / 2;
    unmap_and_flush(drv, domain, 0, middle, middle);
    unmap_and_flush(drv, domain, middle + 1, last_pfn, end_pfn);
  } else {
    unmap_and_flush(drv, domain, start_pfn, last_pfn, end_pfn);
  }
  if (domain.max_addr == iova.value() + size) domain.max_addr = iova.value();
  observe_unmap(drv, domain, start_pfn, end_pfn, /*deferred=*/false);
  return this_call.result(size);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_iova_to_phys()
phys_addr intel_iommu_iova_to_phys(intel_driver& drv, iommu_domain& generic, dma_addr iova) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_iova_to_phys", {"domain", generic}, {"iova", iova});
  int level = 0;
  const dma_pte* pte =
      pfn_to_dma_pte(drv, traced_domain(drv, generic), iova.value() >> page_shift, level);
  return this_call.result(pte == nullptr ? phys_addr() : pte->address());
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_add_device()
int intel_iommu_add_device(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_add_device", {"dev", dev});
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return this_call.result(-ENODEV);
  iommu_device_link(drv.host.iommu, iommu->iommu_dev.get(), dev);
  int error = 0;
  iommu_group* group = drv.release.group_for(dev, error);
  if (group == nullptr) return this_call.result(error);
  iommu_group_put(group);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_remove_device()
void intel_iommu_remove_device(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_remove_device", {"dev", dev});
  source_id id;
  intel_iommu* iommu = device_to_iommu(drv, dev, id);
  if (iommu == nullptr) return;
  iommu_group_remove_device(dev);
  iommu_device_unlink(drv.host.iommu, iommu->iommu_dev.get(), dev);
}

}  // namespace

iommu_ops make_intel_iommu_ops(intel_driver& drv) {
  iommu_ops ops;
  ops.capable = [&drv](iommu_cap cap) { return intel_iommu_capable(drv, cap); };
  ops.domain_alloc = [&drv](iommu_domain_type type) { return intel_iommu_domain_alloc(drv, type); };
  ops.domain_free = [&drv](iommu_domain& d) { intel_iommu_domain_free(drv, d); };
  ops.attach_dev = [&drv](iommu_domain& d, device& dev) {
    return intel_iommu_attach_device(drv, d, dev);
  };
  ops.detach_dev = [&drv](iommu_domain& d, device& dev) { intel_iommu_detach_device(drv, d, dev); };
  ops.map = [&drv](iommu_domain& d, dma_addr iova, phys_addr hpa, uint64_t size, int prot) {
    return intel_iommu_map(drv, d, iova, hpa, size, prot);
  };
  ops.unmap = [&drv](iommu_domain& d, dma_addr iova, uint64_t size) {
    return intel_iommu_unmap(drv, d, iova, size);
  };
  ops.iova_to_phys = [&drv](iommu_domain& d, dma_addr iova) {
    return intel_iommu_iova_to_phys(drv, d, iova);
  };
  ops.add_device = [&drv](device& dev) { return intel_iommu_add_device(drv, dev); };
  ops.remove_device = [&drv](device& dev) { intel_iommu_remove_device(drv, dev); };
  ops.device_group = [](device& dev) { return pci_device_group(dev); };
  ops.pgsize_bitmap = intel_iommu_pgsizes;
  return ops;
}

}  // namespace iommulab::v4_4
