// SPDX-License-Identifier: GPL-2.0-only
//
// What is said of each fault reason, one row a number: no row stands for two conditions. Number,
// mnemonic and section are the data sheet's (platform/vtd/spec/fault_condition.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace iommulab {

struct reason_row {
  uint8_t reason;
  std::string_view kernel_words;            ///< Linux's; empty where it says "Unknown"
  std::string_view found;                   ///< what hardware found
  std::array<std::string_view, 6> causes;   ///< the likeliest first; empty from the last on
  std::array<std::string_view, 4> look_at;  ///< likewise
};

absl::Span<const reason_row> legacy_reason_rows();     ///< 01h to 0Eh
absl::Span<const reason_row> interrupt_reason_rows();  ///< 20h to 2Bh
absl::Span<const reason_row> table_reason_rows();      ///< 30h to 60h: down to the PASID entry
absl::Span<const reason_row> paging_reason_rows();     ///< 70h to A5h: paging and what follows

/// Places to look at that many rows name.
inline constexpr std::string_view see_lspci =
    "lspci -nnk -s BDF, lspci -t: which device and driver it is";
inline constexpr std::string_view see_groups =
    "/sys/kernel/iommu_groups/*/devices: which devices share a domain with it";
inline constexpr std::string_view see_iomem =
    "/proc/iomem: what lies at the address, if it is a physical one";
inline constexpr std::string_view see_table =
    "iommulab dmar /sys/firmware/acpi/tables/DMAR: scopes and reserved regions";
inline constexpr std::string_view see_debug =
    "CONFIG_DMA_API_DEBUG: names the driver that unmaps wrongly or writes past a mapping";
inline constexpr std::string_view see_core =
    "the lines in front: a driver that failed, a device that was reset";
inline constexpr std::string_view see_units =
    "the line \"DMAR: dmar0: reg_base_addr … cap … ecap …\" of each unit";
inline constexpr std::string_view see_kdump = "whether it comes after resume or in a kdump kernel";
inline constexpr std::string_view see_modes = "whether intel_iommu=sm_on or sm_off changes it";
inline constexpr std::string_view see_ats = "lspci -vv: ATSCtl, PASIDCtl, PRICtl of the device";
inline constexpr std::string_view see_msi = "lspci -vv: the MSI or MSI-X address and data";

/// The cause of a missing mapping that is usual between GPUs, NICs and NVMe drives.
inline constexpr std::string_view peer_to_peer =
    "peer-to-peer: the address is another device's register or memory (BAR) as it is on the bus, "
    "which has to be mapped too (dma_map_resource(), p2pdma)";

}  // namespace iommulab
