// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/reason_rows.h"

namespace iommulab {
namespace {

// Linux v4.4 drivers/iommu/dmar.c: irq_remap_fault_reasons, 20h to 26h. It knows no later ones, and
// prints them as DMA faults.
constexpr reason_row interrupt_rows[] = {
    {0x20,
     "Detected reserved fields in the decoded interrupt-remapped request",
     "the device's interrupt message has reserved bits set in remappable format",
     {"the device's MSI address or data was written by somebody who does not know the format: a "
      "guest, a reset that lost it, a device that changes the message",
      "a device that writes into FEEx_xxxxh by mistake: DMA with a wrong address"},
     {see_msi, see_core}},
    {0x21,
     "Interrupt index exceeded the interrupt-remapping table size",
     "the interrupt message names an entry beyond the table's end",
     {"a message of another system's table: of the kernel before (kdump, kexec), or of a guest",
      "DMA into FEEx_xxxxh by mistake"},
     {see_msi, see_core}},
    {0x22,
     "Present field in the IRTE entry is clear",
     "the interrupt's entry in the remapping table is not present",
     {"the device sends an interrupt that the kernel has freed: its driver released the interrupt "
      "before it stopped the device, or the device was removed and added again",
      "a kdump kernel: devices still send the interrupts of the kernel that crashed",
      "the unit's cache still holds the entry of before: a missing invalidation"},
     {"/proc/interrupts of the device's driver", "whether it comes in a kdump kernel", see_core}},
    {0x23,
     "Error accessing interrupt-remapping table pointed by IRTA_REG",
     "the unit cannot read the interrupt remapping table",
     {"the interrupt table's address was lost: unit reset, suspend, kexec", "memory corruption"},
     {see_kdump, "intremap=off"}},
    {0x24,
     "Detected reserved fields in the IRTE entry",
     "the interrupt's entry is present and has reserved bits set",
     {"the entry uses something that this unit does not have (posted interrupts, x2APIC format "
      "without EIM)",
      "memory corruption"},
     {"DMAR-IR lines at boot: xapic or x2apic mode", "intremap=nopost, intremap=no_x2apic_optout"}},
    {0x25,
     "Blocked a compatibility format interrupt request",
     "an interrupt in compatibility format came while the unit takes only remapped ones",
     {"an I/O APIC, HPET or device that firmware programmed still has an interrupt of before; one "
      "or two such lines while remapping is switched on at boot are harmless",
      "the DMAR table does not name the I/O APIC or HPET that sends, so its entries were not "
      "converted",
      "a device whose MSI was written by a guest or by firmware"},
     {"DMAR-IR lines at boot: which I/O APICs and HPETs the table names", see_table,
      "intremap=off, to see whether it is this"}},
    {0x26,
     "Blocked an interrupt request due to source-id verification failure",
     "the interrupt's entry belongs to another requester id than the one that sent it",
     {"the sender's requests carry an id that the kernel did not expect: a bridge's, another "
      "function's, or one that firmware's table gives wrongly for an I/O APIC or HPET",
      "bus numbers were changed after the entries were made",
      "a device that sends interrupts of others: faulty, or an attack (that is what the check is "
      "for)"},
     {see_lspci, see_table,
      "intremap=nosid, to see whether it is this (it gives up the protection)"}},
    {0x27,
     "",
     "the interrupt is to be posted, and the unit cannot read the posted-interrupt descriptor that "
     "its entry points at",
     {"the descriptor's memory went away before the entry: the guest, or the part of it that the "
      "interrupt was for, ended while the device still sends interrupts",
      "the entry's descriptor address is not memory: an overwritten entry"},
     {"intremap=nopost, to see whether it is this", "the lines in front: a guest that ended",
      see_msi}},
    {0x28,
     "",
     "the interrupt is to be posted, and its posted-interrupt descriptor has reserved bits set",
     {"the descriptor was overwritten, or freed and used for something else: a device must not be "
      "able to write there",
      "a hypervisor that fills the descriptor in another format than this unit's"},
     {"intremap=nopost, to see whether it is this", see_core}},
    {0x29,
     "",
     "a request without PASID went to the interrupt range FEEx_xxxxh and is no valid interrupt: "
     "not a write of one doubleword, or otherwise not as a message has to be",
     {"DMA with a wrong address that happens to lie in FEEx_xxxxh: a corrupted descriptor, or a "
      "buffer that was mapped or passed there",
      "a device that builds its interrupt messages wrongly (length, attributes)",
      "a read from the interrupt range, which holds nothing"},
     {see_msi, see_debug, see_lspci}},
    {0x2a,
     "",
     "an interrupt came while extended interrupt mode (x2APIC) is off, on a unit that requires it "
     "(ECAP.EIMER)",
     {"interrupt remapping was set up in xAPIC mode on a machine that has only x2APIC: "
      "nox2apic, intremap=no_x2apic_optout or firmware's opt-out",
      "interrupts came before the kernel had set the mode"},
     {"DMAR-IR lines at boot: xapic or x2apic mode", see_units}},
    {0x2b,
     "",
     "an interrupt message came while interrupt remapping is off, on a unit that requires it "
     "(ECAP.IRREQ)",
     {"interrupt remapping was never switched on: intremap=off, or its set-up failed",
      "interrupts that come before the kernel switches remapping on, or after it switched it off "
      "(kexec, suspend)"},
     {"DMAR-IR lines at boot", see_units}},
};

}  // namespace

absl::Span<const reason_row> interrupt_reason_rows() {
  return interrupt_rows;
}

}  // namespace iommulab
