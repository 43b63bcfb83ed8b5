// SPDX-License-Identifier: GPL-2.0-only
//
// The early parameters of x86 that decide over DMA, as 6.12 reads them: iommu= and swiotlb= are not
// what they were in 4.4, the others are (core/x86_options.h).
#pragma once

#include <cstdint>

#include "core/cmdline.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/x86_options.h"

namespace iommulab::v6_12 {

struct x86_options {
  iommulab::x86_options platform;   ///< intremap=, acpi=, elfcorehdr=, and iommu=off
  bool x86_swiotlb_enable = false;  ///< iommu=soft, or memory beyond 4 GiB: bounce buffers
  bool swiotlb_force_bounce = false;
  bool swiotlb_force_disable = false;
  bool disable_dac_quirk = false;  ///< iommu=usedac
  unsigned swiotlb_areas = 0;      ///< swiotlb=,N; 0: one a processor
};

/// Registers the handlers; both outlive the line's dispatch(). `iommu=pt` and `iommu=nopt` set the
/// type of default domains in `iommu`.
void add_x86_early_params(command_line& line, x86_options& options, iommu_subsystem& iommu);

}  // namespace iommulab::v6_12
