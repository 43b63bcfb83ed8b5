// SPDX-License-Identifier: GPL-2.0-only
//
// What the command line says to the driver: intel_iommu= here, iommu= and the kdump parameter
// beside it.
#pragma once

#include <string_view>

#include "core/environment.h"
#include "intel/dmar/dmar_state.h"

namespace iommulab::v4_4 {

/// The variables that intel_iommu_setup() sets, and the few that x86 sets for the driver.
struct intel_iommu_options : dmar_switches {
  bool dmar_map_gfx = true;  ///< false: igfx_off, or a chipset quirk
  bool dmar_forcedac = false;
  bool intel_iommu_strict = false;
  bool intel_iommu_superpage = true;
  bool intel_iommu_ecs = true;
  bool intel_iommu_pasid28 = false;
  bool iommu_pass_through = false;  ///< iommu=pt
  bool is_kdump_kernel = false;     ///< elfcorehdr= was given
};

/// Parses the comma-separated value of `intel_iommu=`. Unknown words are passed over, a word that
/// begins with a known one counts as it: both as in the kernel. "pasid28" also asks for identity
/// mapping of graphics, which is why it reports it back.
/// The handler of `intel_iommu=`, with what stands behind the sign.
/// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_setup()
void intel_iommu_setup(environment& env, std::string_view value, intel_iommu_options& options);

}  // namespace iommulab::v4_4
