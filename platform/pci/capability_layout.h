// SPDX-License-Identifier: GPL-2.0-only
//
// Control registers of capabilities, and which of their bits software can write (PCI Local Bus 3.0
// 6.8, PCI Power Management 1.2, PCI Express Base 3.0 chapter 7, ATS 1.1). Layout only.
#pragma once

#include <cstdint>

#include "core/bit_field.h"
#include "core/pci/registers.h"

namespace iommulab::cap_layout {

inline constexpr uint8_t id_power_management = 0x01;
inline constexpr uint8_t id_msi_x = 0x11;

inline constexpr uint16_t pm_control = 0x04;
inline constexpr field16 pm_power_state{1, 0};
inline constexpr field16 pm_pme_enable{8};
inline constexpr field16 pm_data_select{12, 9};
inline constexpr uint16_t pm_writable = mask_of(pm_power_state, pm_pme_enable, pm_data_select);

inline constexpr uint16_t msi_control = 0x02;  ///< of MSI-X too
inline constexpr field16 msi_enable{0};
inline constexpr field16 msi_multiple_messages{6, 4};
inline constexpr field16 msi_64bit{7};
inline constexpr field16 msi_masking{8};
inline constexpr uint16_t msi_writable = mask_of(msi_enable, msi_multiple_messages);
inline constexpr field16 msi_x_function_mask{14};
inline constexpr field16 msi_x_enable{15};
inline constexpr uint16_t msi_x_writable = mask_of(msi_x_function_mask, msi_x_enable);

inline constexpr uint16_t exp_device_control = 0x08;
inline constexpr uint16_t exp_device_writable = field16{14, 0}.mask();
inline constexpr uint16_t exp_link_control = 0x10;
inline constexpr field16 link_aspm{1, 0};
inline constexpr field16 link_boundary_and_disable{4, 3};
inline constexpr field16 link_clocks_and_interrupts{11, 6};  ///< bit 5, retrain, reads 0
inline constexpr uint16_t exp_link_writable =
    mask_of(link_aspm, link_boundary_and_disable, link_clocks_and_interrupts);
inline constexpr uint16_t exp_slot_control = 0x18;
inline constexpr uint16_t exp_slot_writable = field16{12, 0}.mask();
inline constexpr uint16_t exp_root_control = 0x1c;
inline constexpr uint16_t exp_root_writable = field16{4, 0}.mask();
inline constexpr field16 device_2_completion_timeout{4, 0};
inline constexpr field16 device_2_ltr_enable{10};
/// ARI forwarding where supported, too
inline constexpr uint16_t exp_device_2_writable =
    mask_of(device_2_completion_timeout, device_2_ltr_enable);

inline constexpr uint16_t ats_writable = mask_of(pci_reg::ats_smallest_unit, pci_reg::ats_enable);
inline constexpr uint16_t pri_control = 0x04;
inline constexpr uint16_t pri_writable = field16{1, 0}.mask();  ///< enable, reset
inline constexpr uint16_t pri_allocation = 0x0c;
inline constexpr uint16_t pasid_control = 0x06;
inline constexpr uint16_t pasid_writable = field16{2, 0}.mask();

// Single root I/O virtualization (PCI Express Base 9.3.3)
inline constexpr uint16_t sriov_control = 0x08;
inline constexpr field16 sriov_vf_enable{0};
inline constexpr uint16_t sriov_num_vfs = 0x10;
inline constexpr uint16_t sriov_first_vf_offset = 0x14;
inline constexpr uint16_t sriov_vf_stride = 0x16;
/// Bits of the ACS capability that have a bit in ACS control.
inline constexpr field16 acs_controllable{6, 0};

}  // namespace iommulab::cap_layout
