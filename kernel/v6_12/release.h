// SPDX-License-Identifier: GPL-2.0-only
//
// A release of this generation: what each room has that says how it differs from others.
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "core/iommu/v6_12/release.h"
#include "dma/v6_12/release.h"
#include "intel/v6_12/release.h"
#include "kernel/profile/kernel_profile.h"

namespace iommulab::v6_12 {

struct release {
  std::string_view name;    ///< the profile's: "v6_12"
  std::string_view number;  ///< "6.12.117"
  const linux_release& driver;
  const core_release& core;
  const dma_release& dma;
  absl::Span<const kernel_change> changes;  ///< since the kernel before it in the catalogue
  absl::Span<const std::string_view> structure_variables;
  bool has_vfio = false;  ///< its VFIO and iommufd are ported
};

}  // namespace iommulab::v6_12
