// SPDX-License-Identifier: GPL-2.0-only
//
// What the driver of Linux 6.1 does otherwise than 6.12's (intel/v6_12/release.h).
#pragma once

#include "intel/v6_12/release.h"

namespace iommulab::v6_1 {

class linux_release final : public v6_12::linux_release {
 public:
  [[nodiscard]] std::string_view name() const override { return "Linux 6.1"; }
  [[nodiscard]] divergence_set agreed() const override;
  [[nodiscard]] std::vector<std::string_view> inlined_functions() const override;
  [[nodiscard]] const vector_scheme& vectors() const override { return linux_6_1_vectors; }
  [[nodiscard]] bool fault_event_comes_with_interrupts() const override { return true; }
  [[nodiscard]] bool looks_for_protected_regions_first() const override { return false; }
  [[nodiscard]] std::unique_ptr<v6_12::iommu_ops> make_ops(v6_12::intel_driver& drv) const override;

  void add_variables(const v6_12::intel_driver& drv, structure& variables) const override;
  void unit_is_prepared(v6_12::intel_driver& drv, const intel_iommu& iommu) const override;
  [[nodiscard]] unsigned identity_mapping(const v6_12::intel_iommu_options& options) const override;
  [[nodiscard]] int make_identity_domain(v6_12::intel_driver& drv) const override;
  void free_identity_domain(v6_12::intel_driver& drv) const override;
  [[nodiscard]] int takes_newcomer(v6_12::intel_driver& drv,
                                   const intel_iommu& newcomer) const override;

  void flush_range(v6_12::intel_driver& drv, v6_12::dmar_domain& domain, uint64_t start,
                   uint64_t end, bool ih) const override;
  [[nodiscard]] uint64_t first_level_bits() const override;
  [[nodiscard]] bool snoops_after_mapping() const override { return true; }

  void add_to_pasid_entry(const intel_iommu& iommu, v6_12::ioasid pasid,
                          vtd::pasid_entry& entry) const override;
  [[nodiscard]] bool tells_device_tlbs(const intel_iommu& iommu) const override;
};

const v6_12::linux_release& linux_6_1_176();

}  // namespace iommulab::v6_1
