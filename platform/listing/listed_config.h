// SPDX-License-Identifier: GPL-2.0-only
//
// The configuration space of a function that somebody listed, as it is after reset: its bytes where
// all are there, else one that says what the listing says.
#pragma once

#include <string>
#include <vector>

#include "platform/listing/listed_function.h"
#include "platform/listing/listed_wiring.h"
#include "platform/pci/pci_function.h"

namespace iommulab {

/// Of a function of check_listing()'s; `id` is where it answers. A sentence for each thing that is
/// filled in is put behind `assumed`.
pci_function_config config_of(const listed_function& f, source_id id, const listed_wiring& wiring,
                              std::vector<std::string>& assumed);

}  // namespace iommulab
