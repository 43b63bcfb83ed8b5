// SPDX-License-Identifier: GPL-2.0-only
//
// What the command line says to the driver: intel_iommu= here; what others parse for it beside it.
#pragma once

#include <string_view>

#include "core/environment.h"
#include "intel/dmar/dmar_state.h"

namespace iommulab::v6_12 {

/// The variables that intel_iommu_setup() sets, and the few that x86 sets for the driver. As they
/// stand here they are those of a kernel with CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF and
/// CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON: the driver is on, integrated graphics see memory as
/// it is.
struct intel_iommu_options : dmar_switches {
  intel_iommu_options() { dmar_disabled = false; }

  bool intel_iommu_sm = true;         ///< scalable mode, where units have it
  bool dmar_map_intgpu = false;       ///< integrated graphics are translated, too
  bool disable_igfx_iommu = false;    ///< igfx_off, or a chipset quirk
  bool intel_iommu_superpage = true;  ///< sp_off switches it off
  bool intel_iommu_tboot_noforce = false;
  bool no_platform_optin = false;  ///< off: firmware's wish does not switch the driver on again
  bool is_kdump_kernel = false;    ///< elfcorehdr= was given
  // What the option asks other parts of the kernel for; whoever parses the line passes it on.
  bool iommu_dma_forcedac = false;  ///< as iommu.forcedac=1
  bool iommu_dma_strict = false;    ///< iommu_set_dma_strict() is to be called
};

/// The handler of `intel_iommu=`, with what stands behind the sign: words with commas between them.
/// A word counts as the known one that it begins with; others are told to the log.
/// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_setup()
void intel_iommu_setup(environment& env, std::string_view value, intel_iommu_options& options);

}  // namespace iommulab::v6_12
