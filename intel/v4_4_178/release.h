// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 4.4.178, one of the last of 4.4 stable: what its dmar.c and intel-iommu.c do otherwise than
// 4.4.1's. Everything else is intel/dmar and intel/v4_4.
#pragma once

#include "intel/v4_4/release.h"

namespace iommulab::v4_4_178 {

class linux_release : public v4_4::linux_release {
 public:
  [[nodiscard]] divergence_set agreed() const override;

  [[nodiscard]] uint32_t read_status(intel_iommu& iommu) const override;
  [[nodiscard]] bus_notify scope_removal() const override { return bus_notify::removed_device; }

  void unit_is_prepared(v4_4::intel_driver& /*drv*/, intel_iommu& /*iommu*/) const override {}
  void units_are_prepared(v4_4::intel_driver& drv) const override;
  [[nodiscard]] int make_identity_domain(v4_4::intel_driver& drv) const override;
  void empty_unit(v4_4::intel_driver& drv, intel_iommu& iommu) const override;

  [[nodiscard]] const pci_dev& named_in_scopes(const pci_dev& pdev) const override;
  iommu_group* group_for(device& dev, int& error) const override;
  void forget_copied_entry(v4_4::intel_driver& drv, intel_iommu& iommu, source_id id,
                           const vtd::context_entry& copied) const override;
  [[nodiscard]] std::optional<int> context_agaw(v4_4::intel_driver& drv,
                                                const v4_4::dmar_domain& domain,
                                                const intel_iommu& iommu) const override;
  void flush_dev_iotlb(v4_4::intel_driver& drv, const v4_4::device_domain_info& info, uint64_t addr,
                       unsigned mask) const override;

  [[nodiscard]] uint64_t told_of_offset() const override { return ~page_mask; }
};

/// Linux 4.4.178.
const linux_release& linux_4_4_178();

}  // namespace iommulab::v4_4_178
