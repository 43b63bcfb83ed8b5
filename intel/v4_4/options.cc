// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/options.h"

namespace iommulab::v4_4 {

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_setup()
void intel_iommu_setup(environment& env, std::string_view value, intel_iommu_options& options) {
  IOMMULAB_CALL(env.trace, "intel_iommu_setup", {"str", value});
  const pr_prefix pr(env.log, "DMAR: ");
  while (!value.empty()) {
    if (value.starts_with("on")) {
      options.dmar_disabled = false;
      pr.info("IOMMU enabled");
    } else if (value.starts_with("off")) {
      options.dmar_disabled = true;
      pr.info("IOMMU disabled");
    } else if (value.starts_with("igfx_off")) {
      options.dmar_map_gfx = false;
      pr.info("Disable GFX device mapping");
    } else if (value.starts_with("forcedac")) {
      pr.info("Forcing DAC for PCI devices");
      options.dmar_forcedac = true;
    } else if (value.starts_with("strict")) {
      pr.info("Disable batched IOTLB flush");
      options.intel_iommu_strict = true;
    } else if (value.starts_with("sp_off")) {
      pr.info("Disable supported super page");
      options.intel_iommu_superpage = false;
    } else if (value.starts_with("ecs_off")) {
      env.log.print(log_level::info, "Intel-IOMMU: disable extended context table support");
      options.intel_iommu_ecs = false;
    } else if (value.starts_with("pasid28")) {
      env.log.print(log_level::info, "Intel-IOMMU: enable pre-production PASID support");
      options.intel_iommu_pasid28 = true;
    }
    const size_t comma = value.find(',');
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma);
    while (value.starts_with(',')) value.remove_prefix(1);
  }
}

}  // namespace iommulab::v4_4
