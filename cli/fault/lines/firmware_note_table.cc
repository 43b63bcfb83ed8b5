// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel says of firmware. Read in Linux 4.4.178 and 6.12: drivers/iommu (intel/dmar.c,
// intel/iommu.c, intel/irq_remapping.c), arch/x86/include/asm/iommu.h.
#include "cli/fault/lines/driver_note_table.h"

namespace iommulab {
namespace {

constexpr std::string_view fw_in_all = "Linux 4.4 to 6.12";
constexpr std::string_view fw_in_older = "older kernels (4.4; not 6.12)";
constexpr std::string_view fw_in_newer = "newer kernels (6.12; not 4.4)";

constexpr std::string_view fw_table =
    "iommulab dmar /sys/firmware/acpi/tables/DMAR: the table, and what is wrong with it";
constexpr std::string_view fw_update = "a newer firmware; until then intel_iommu=off";

constexpr auto by_firmware = fault_kind::firmware;

constexpr driver_note firmware_rows[] = {
    {by_firmware,
     "No firmware reserved region can cover this RMRR [",
     fw_in_newer,
     "a finding about firmware: its DMAR table reserves a region for a device (RMRR) that its own "
     "memory map does not call reserved, so the kernel could take it for RAM. The region is mapped "
     "all the same",
     {fw_table, "the e820 lines of the same boot; a newer firmware"}},
    {by_firmware,
     "Your BIOS is broken; bad RMRR [",
     fw_in_newer,
     "a finding about firmware: a reserved region (RMRR) whose ends are not page aligned or the "
     "wrong way round, or that the memory map does not call reserved. It is used as it stands",
     {fw_table, "the line in front of it, which may say more"}},
    {by_firmware,
     "Your BIOS is broken; RMRR ends before it starts",
     fw_in_older,
     "a finding about firmware: a reserved region (RMRR) whose limit lies below its base, so its "
     "device is not mapped to it",
     {fw_table, fw_update}},
    {by_firmware,
     "Your BIOS is broken; RMRR exceeds permitted address width",
     fw_in_older,
     "a finding about firmware: a reserved region (RMRR) lies beyond what the unit can translate",
     {fw_table, fw_update}},
    {by_firmware,
     "Your BIOS is broken; DMAR reported at address*returns all ones",
     fw_in_all,
     "a finding about firmware: nothing answers at the address that the DMAR table gives for a "
     "unit, so remapping stays off: the unit was disabled or locked, or its base is wrong",
     {fw_table, "VT-d in the firmware's settings"}},
    {by_firmware,
     "Your BIOS is broken; DMAR reported at address 0",
     fw_in_all,
     "a finding about firmware: the DMAR table has a unit without an address, so remapping stays "
     "off: often VT-d is switched off in the settings and the table was left there",
     {fw_table, "VT-d in the firmware's settings"}},
    {by_firmware,
     "Your BIOS is broken; DMAR reported at zero address",
     "kernels before 4.4",
     "a finding about firmware: the DMAR table has a unit without an address, so remapping stays "
     "off",
     {fw_table, "VT-d in the firmware's settings"}},
    {by_firmware,
     "Your BIOS is broken; RHSA refers to non-existent DMAR unit",
     fw_in_all,
     "a finding about firmware: the table gives a node to a unit that it does not have. Harmless: "
     "that unit's memory is taken from any node",
     {fw_table, ""}},
    {by_firmware,
     "Your BIOS is broken; ANDD object name is not NUL-terminated",
     fw_in_all,
     "a finding about firmware: the name of an ACPI device in the DMAR table has no end, so the "
     "table is refused",
     {fw_table, fw_update}},
    {by_firmware,
     "DMA routed to ISOCH DMAR unit but no TLB space",
     fw_in_all,
     "a finding about firmware: it routed the sound device's DMA to the unit for isochronous "
     "traffic and gave that unit no TLB entries, which deadlocks, so the unit is not used",
     {fw_update, ""}},
    {by_firmware,
     "Recommended TLB entries for ISOCH unit is 16; your BIOS set",
     fw_in_all,
     "a finding about firmware: the unit for isochronous traffic has fewer TLB entries than it "
     "should; sound may stutter",
     {fw_update, ""}},
    {by_firmware,
     "RMRR entry for device*is broken - applying workaround",
     fw_in_all,
     "a finding about firmware: a reserved region (RMRR) names a bridge's number instead of its "
     "device's, for some HP systems' controllers; the kernel takes the device that is meant",
     {fw_table, ""}},
    {by_firmware,
     "has no mapping iommu, interrupt remapping will be disabled",
     fw_in_all,
     "a finding about firmware: the DMAR table names no unit for an I/O APIC, so interrupts cannot "
     "be remapped at all",
     {fw_table, "drivers/iommu's IVRS/DMAR quirks do not help here: a newer firmware"}},
    {by_firmware,
     "BIOS assigned incorrect VT-d unit for Intel(R) QuickData Technology device",
     fw_in_all,
     "a finding about firmware: the table puts the chipset's DMA engine (I/OAT) under another unit "
     "than hardware does; the engine is not translated",
     {fw_table, ""}},
    {by_firmware,
     "No DRHD structure",
     fw_in_all,
     "a finding about firmware: a DMAR table without a unit, so there is nothing to switch on",
     {fw_table, "VT-d in the firmware's settings"}},
    {by_firmware,
     "Record passes table end",
     fw_in_all,
     "a finding about firmware: a structure of the DMAR table is longer than what is left of it, "
     "so the table is refused",
     {fw_table, fw_update}},
    {by_firmware,
     "This system BIOS has enabled interrupt remapping",
     fw_in_all,
     "firmware switched interrupt remapping on, on a chipset (5500, 5520, X58 of early steppings) "
     "whose erratum makes that unstable, so the kernel switches it off",
     {"a newer firmware; VFIO then needs vfio_iommu_type1's allow_unsafe_interrupts", ""}},
};

}  // namespace

absl::Span<const driver_note> firmware_notes() {
  return firmware_rows;
}

}  // namespace iommulab
