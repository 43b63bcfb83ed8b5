// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_1/profile.h"

#include <array>

#include "core/iommu/v6_1/release.h"
#include "dma/v6_1/release.h"
#include "intel/v6_1/release.h"
#include "kernel/v6_1/changes.h"
#include "kernel/v6_12/profile.h"

namespace iommulab::v6_1 {
namespace {

constexpr auto variables = std::to_array<std::string_view>(
    {"dmar_disabled", "intel_iommu_sm", "intel_iommu_enabled", "dmar_map_intgpu", "si_domain",
     "hw_pass_through", "dmar_map_gfx", "intel_iommu_superpage", "iommu_identity_mapping",
     "iommu_skip_te_disable", "rwbf_quirk", "intel_pasid_max_id", "intel_iommu_cap_sanity",
     "intel_iommu_ecap_sanity"});

}  // namespace

const kernel_profile& profile() {
  static const v6_12::release linux_6_1 = {.name = "v6_1",
                                           .number = "6.1.176",
                                           .driver = linux_6_1_176(),
                                           .core = core_of_6_1(),
                                           .dma = dma_of_6_1,
                                           .changes = changes(),
                                           .structure_variables = variables};
  static const v6_12::linux_6 the_profile(linux_6_1);
  return the_profile;
}

}  // namespace iommulab::v6_1
