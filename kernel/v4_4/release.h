// SPDX-License-Identifier: GPL-2.0-only
//
// A release of Linux 4.4: what each room has that says how it differs from others.
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "core/pci/pci.h"
#include "dma/swiotlb/release.h"
#include "intel/v4_4/release.h"
#include "kernel/profile/kernel_profile.h"
#include "vfio/v4_4/vfio/release.h"

namespace iommulab::v4_4 {

struct release {
  std::string_view name;    ///< the profile's: "v4_4"
  std::string_view number;  ///< "4.4.1"
  const linux_release& driver;
  const swiotlb_release& swiotlb;
  const vfio_release& vfio;
  /// Quirks over 4.4.1's; null for none.
  void (*register_pci_quirks)(pci_core& pci) = nullptr;
  absl::Span<const kernel_change> changes;  ///< since 4.4.1
};

}  // namespace iommulab::v4_4
