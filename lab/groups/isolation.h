// SPDX-License-Identifier: GPL-2.0-only
//
// Whether a function is isolated from its peers, and what decided it.
#pragma once

#include <string>

#include "core/pci/acs_quirks.h"
#include "core/pci/pci.h"

namespace iommulab {

/// Whether and why requests that reach a function's peers pass the IOMMU on their way.
struct isolation {
  bool isolated = false;
  /// "ACS at 100h redirects requests and completions": what decided it, without the function's
  /// name.
  std::string because;
  const acs_quirk_row* quirk = nullptr;  ///< whose answer it is, where one has it
};
/// As pci_acs_enabled() decides, for the isolation that groups take.
isolation isolation_of(pci_dev& pdev);

}  // namespace iommulab
