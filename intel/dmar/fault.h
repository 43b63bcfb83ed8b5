// SPDX-License-Identifier: GPL-2.0-only
//
// The fault event: its interrupt, reading and clearing the fault records, and the log lines.
#pragma once

#include <cstdint>
#include <string_view>

#include "intel/dmar/dmar_state.h"

namespace iommulab {

enum class fault_type : uint8_t { dma_remap, intr_remap, unknown };

// Linux v4.4 drivers/iommu/dmar.c, by name.

/// The sentence for a reason code; "Unknown" for one that 4.4 has none for.
std::string_view fault_reason_words(uint8_t fault_reason);
/// The same, and which half of the unit it belongs to.
std::string_view dmar_get_fault_reason(dmar_state& dmar, uint8_t fault_reason, fault_type& type);
/// The interrupt handler: logs and clears every pending record, then PFO and PPF.
void dmar_fault(dmar_state& dmar, intel_iommu& iommu);
/// Allocates and requests the fault interrupt. 0, or -EINVAL when no vector is free.
int dmar_set_interrupt(dmar_state& dmar, intel_iommu& iommu);
/// Fault interrupts for every unit (before interrupt remapping); -1 when one fails.
int enable_drhd_fault_handling(dmar_state& dmar);
void dmar_msi_mask(dmar_state& dmar, intel_iommu& iommu);
void dmar_msi_unmask(dmar_state& dmar, intel_iommu& iommu);

}  // namespace iommulab
