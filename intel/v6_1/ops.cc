// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_1/ops.h"

#include "intel/dmar/table.h"
#include "intel/v6_1/device.h"
#include "intel/v6_1/flush.h"
#include "intel/v6_12/domain.h"
#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/quirks.h"

namespace iommulab::v6_1 {

using v6_12::dmar_domain;
using v6_12::iommu_domain;
using v6_12::to_dmar_domain;

int paging_domain_ops::attach_dev(iommu_domain& domain, device& dev) {
  return intel_iommu_attach_device(drv_, to_dmar_domain(domain), dev);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_detach_device()
void paging_domain_ops::detach_dev(iommu_domain& domain, device& dev) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_detach_device", {"domain", domain}, {"dev", dev});
  dmar_remove_one_dev_info(drv_, dev);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_flush_iotlb_all()
void paging_domain_ops::flush_iotlb_all(iommu_domain& domain) {
  IOMMULAB_CALL(drv_.trace, "intel_flush_iotlb_all", {"domain", domain});
  flush_domain(drv_, to_dmar_domain(domain));
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_iotlb_sync_map()
int paging_domain_ops::iotlb_sync_map(iommu_domain& domain, dma_addr iova, uint64_t size) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_iotlb_sync_map", {"domain", domain}, {"iova", iova},
                {"size", size});
  tell_of_new_mappings(drv_, to_dmar_domain(domain), iova.value() >> page_shift,
                       aligned_nrpages(iova.value(), size));
  return this_call.result(0);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_tlb_sync(). The gather's end is its last
// byte, so that the size is one short; rounding up to pages makes good for it.
void paging_domain_ops::iotlb_sync(iommu_domain& domain, v6_12::iommu_iotlb_gather& gather) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_tlb_sync", {"start", gather.start}, {"end", gather.end},
                {"pgsize", gather.pgsize});
  dmar_domain& of = to_dmar_domain(domain);
  const uint64_t start = gather.start.value();
  const uint64_t pages = aligned_nrpages(start, gather.end.value() - start);
  iommu_flush_iotlb_range(drv_, of, start >> page_shift, pages, gather.freelist.empty());
  iommu_put_pages_list(drv_, gather.freelist);
  if (gather.end.value() != 0) {
    v6_12::observe_unmap(drv_, of, start, gather.end.value(), /*deferred=*/false);
  }
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_domain_free()
void paging_domain_ops::free(iommu_domain& domain) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_domain_free", {"domain", domain});
  dmar_domain& of = to_dmar_domain(domain);
  if (&of != drv_.si_domain) domain_exit(drv_, of);
}

intel_iommu_ops::intel_iommu_ops(v6_12::intel_driver& drv)
    : v6_12::intel_iommu_ops(drv), paging_(drv) {
  default_domain_ops = &paging_;
  identity_domain = nullptr;
  blocked_domain = nullptr;
  release_domain = nullptr;
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_capable()
bool intel_iommu_ops::capable(device& dev, v6_12::iommu_cap cap) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_capable", {"dev", dev}, {"cap", cap});
  if (cap == v6_12::iommu_cap::cache_coherency) return this_call.result(true);
  if (cap == v6_12::iommu_cap::pre_boot_protection) {
    return this_call.result(dmar_platform_optin(drv_));
  }
  return this_call.result(false);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_domain_alloc()
iommu_domain* intel_iommu_ops::domain_alloc(iommu_domain_type type) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_domain_alloc", {"type", type});
  iommu_domain* domain = nullptr;
  switch (type) {
    case iommu_domain_type::dma:
    case iommu_domain_type::dma_fq:
    case iommu_domain_type::unmanaged:
      domain = v6_12::domain_alloc(drv_, type);
      break;
    case iommu_domain_type::identity:
      domain = drv_.si_domain;
      break;
    case iommu_domain_type::blocked:
      break;
  }
  return this_call.result(domain);
}

v6_12::iommu_device* intel_iommu_ops::probe_device(device& dev, int& error) {
  return v6_1::intel_iommu_probe_device(drv_, dev, error);
}
void intel_iommu_ops::release_device(device& dev) {
  v6_1::intel_iommu_release_device(drv_, dev);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_probe_finalize()
void intel_iommu_ops::probe_finalize(device& dev) {
  IOMMULAB_CALL(drv_.trace, "intel_iommu_probe_finalize", {"dev", dev});
  if (drv_.core.dma != nullptr) drv_.core.dma->setup_dma_ops(dev);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: device_def_domain_type()
iommu_domain_type intel_iommu_ops::def_domain_type(device& dev) {
  IOMMULAB_CALL(drv_.trace, "device_def_domain_type", {"dev", dev});
  if (!dev_is_pci(dev)) return this_call.result(iommu_domain_type::blocked);
  const pci_dev& pdev = *dev.pci;
  const auto asked_for = [&](unsigned what) { return (drv_.iommu_identity_mapping & what) != 0; };
  const bool sees_memory = (asked_for(v6_12::identmap_azalia) && v6_12::is_azalia(pdev)) ||
                           (asked_for(v6_12::identmap_gfx) && v6_12::is_gfx_device(pdev)) ||
                           (asked_for(v6_12::identmap_intgpu) && v6_12::is_intgpu_device(pdev));
  return this_call.result(sees_memory ? iommu_domain_type::identity : iommu_domain_type::blocked);
}

}  // namespace iommulab::v6_1
