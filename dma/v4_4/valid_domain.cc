// SPDX-License-Identifier: GPL-2.0-only
#include "dma/v4_4/valid_domain.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_map_ops.h"
#include "intel/dmar/scope.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/domain.h"
#include "intel/v4_4/identity.h"
#include "intel/v4_4/page_table.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/intel-iommu.c: __get_valid_domain_for_dev()
dmar_domain* make_valid_domain(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "__get_valid_domain_for_dev", {"dev", dev});
  dmar_domain* domain = get_domain_for_dev(drv, dev, default_domain_address_width);
  if (domain == nullptr) {
    drv.pr.err("Allocating domain for %s failed", dev.name);
    return this_call.result(nullptr);
  }
  for (const dmar_rmrr_unit& rmrr : drv.dmar_rmrr_units) {
    for_each_active_dev_scope(rmrr.devices, [&](const dmar_dev_scope& scope) {
      if (scope.dev == &dev && domain_prepare_identity_map(drv, dev, *domain, rmrr.base_address,
                                                           rmrr.end_address) != 0) {
        dev_printk(dev, log_level::err, "Mapping reserved region failed");
      }
    });
  }
  return this_call.result(domain);
}

}  // namespace

// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_no_mapping()
bool iommu_no_mapping(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "iommu_no_mapping", {"dev", dev});
  if (iommu_dummy(drv, dev)) return this_call.result(true);
  if (drv.iommu_identity_mapping == 0) return this_call.result(false);

  if (identity_mapping(drv, dev)) {
    if (iommu_should_identity_map(drv, dev, /*startup=*/false)) return this_call.result(true);
    // Its mask no longer reaches all of memory.
    dmar_remove_one_dev_info(drv, dev);
    drv.pr.info("32bit %s uses non-identity mapping", dev.name);
    return this_call.result(false);
  }
  // A device that left another domain, that of a virtual machine say, and reaches everything.
  if (!iommu_should_identity_map(drv, dev, /*startup=*/false)) return this_call.result(false);
  if (domain_add_dev_info(drv, *drv.si_domain, dev) != 0) return this_call.result(false);
  drv.pr.info("64bit %s uses identity mapping", dev.name);
  return this_call.result(true);
}

// Linux v4.4 drivers/iommu/intel-iommu.c: get_valid_domain_for_dev()
dmar_domain* get_valid_domain_for_dev(intel_driver& drv, device& dev) {
  IOMMULAB_CALL(drv.trace, "get_valid_domain_for_dev", {"dev", dev});
  const device_domain_info* info = dev_membership(dev);
  if (info != nullptr) [[likely]]
    return this_call.result(info->domain);
  return this_call.result(make_valid_domain(drv, dev));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_alloc_iova()
iova* intel_alloc_iova(intel_driver& drv, const device& dev, dmar_domain& domain, uint64_t nrpages,
                       uint64_t dma_mask) {
  IOMMULAB_CALL(drv.trace, "intel_alloc_iova", {"dev", dev}, {"domain", domain},
                {"nrpages", nrpages}, {"dma_mask", dma_mask});
  constexpr uint64_t mask_32 = dma_bit_mask(32);
  dma_mask = std::min(dma_mask, dma_bit_mask(static_cast<unsigned>(domain.gaw)));
  nrpages = std::bit_ceil(nrpages);
  if (!drv.options.dmar_forcedac && dma_mask > mask_32) {
    iova* range = alloc_iova(domain.iovad, nrpages, mask_32 >> page_shift, true);
    if (range != nullptr) return this_call.result(range);
  }
  iova* range = alloc_iova(domain.iovad, nrpages, dma_mask >> page_shift, true);
  if (range == nullptr) {
    drv.pr.err("Allocating %d-page iova for %s failed", nrpages, dev.name);
  }
  return this_call.result(range);
}

}  // namespace iommulab::v4_4
