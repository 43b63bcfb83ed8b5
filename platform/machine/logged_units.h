// SPDX-License-Identifier: GPL-2.0-only
//
// Remapping units by what the driver logged of them: on hardware nothing else says it.
#pragma once

#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// A unit with these registers. What the simulated unit does not have is taken off the
/// capabilities: scalable mode, extended contexts, advanced fault logging.
remapping_unit_config unit_with(phys_addr base, uint32_t version, uint64_t cap, uint64_t ecap);

/// The units of lines like "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap
/// f0101a", each once, in order, as by unit_with(); none when there is no such line. EINVAL for a
/// line that does not read.
absl::StatusOr<std::vector<remapping_unit_config>> parse_logged_units(const text_source& log);

}  // namespace iommulab
