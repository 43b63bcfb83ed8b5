// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/reason_rows.h"

namespace iommulab {
namespace {

constexpr std::string_view no_snoop =
    "page walks do not snoop the processor's caches (ECAP.SMPWC, PWSNP), and a mode was chosen in "
    "which hardware has to set bits in the tables";

// Linux v5.0 drivers/iommu/dmar.c: dma_remap_sm_fault_reasons
constexpr reason_row paging_rows[] = {
    {0x70,
     "SM: Error attempting to access first-level paging entry",
     "a first-stage entry points at a table that the unit cannot read",
     {"the tables were freed or overwritten while the device was using them: a missing "
      "invalidation",
      "shared virtual addressing: the process's tables went away before the PASID was unbound",
      "memory corruption"},
     {see_core, "a memory test"}},
    {0x71,
     "SM: Present bit in first-level paging entry is clear",
     "a first-stage entry on the way is not present: there is no mapping at this address (in "
     "scalable mode kernel DMA uses first-stage tables too, so this is what 05h and 06h are in "
     "legacy mode)",
     {"the buffer was unmapped while the device was still using it: use after unmap, often at a "
      "reset, a time-out, or when the interface goes down",
      "the device reads or writes past the end of the buffer that the driver mapped",
      "with a PASID: the process unmapped the memory or exited, or the page is not there yet and "
      "the device has no page requests",
      peer_to_peer,
      "the driver gave the device a physical address without dma_map_*(), or firmware set the "
      "device up before the kernel took over, in memory that no RMRR names"},
     {see_iomem, see_debug, see_core}},
    {0x72,
     "SM: Non-zero reserved field set in first-level paging entry",
     "a first-stage entry that is present has reserved bits set",
     {"a large page or a bit that this unit does not have (1 GiB pages: ECAP or CAP.FL1GP), or a "
      "processor's bit (protection keys, memory encryption) in shared tables",
      "the tables were overwritten, or are not first-stage tables"},
     {see_units, see_core}},
    {0x73,
     "SM: Error attempting to access FL-PML4 entry",
     "the PASID table entry points at a first-stage top table that the unit cannot read",
     {"the process's or domain's top table was freed while the PASID table entry still pointed at "
      "it",
      "the PASID table entry was overwritten"},
     {see_core, see_kdump}},
    {0x74,
     "SM: First-level entry address beyond MGAW in Nested translation",
     "nested translation: an address in a guest's first-stage tables is wider than the second "
     "stage translates",
     {"the guest's table entry is wrong: the guest's driver, or memory that was overwritten",
      "the guest believes in a wider physical address than the host gave it"},
     {see_units, "the guest's log"}},
    {0x75,
     "SM: Read permission error in FL-PML4 entry in Nested translation",
     "nested translation: the second stage does not let the unit read the guest's first-stage top "
     "table",
     {"the guest's top table lies in memory that the host has not mapped for the device: it was "
      "removed (balloon, memory hot-unplug) or the guest gave a wrong address"},
     {"the guest's log", see_core}},
    {0x76,
     "SM: Read permission error in first-level paging entry in Nested translation",
     "nested translation: the second stage does not let the unit read one of the guest's "
     "first-stage tables",
     {"a table of the guest, below its top, lies in memory that the host has not mapped for the "
      "device",
      "the guest's entry points at a wrong address"},
     {"the guest's log", see_core}},
    {0x77,
     "SM: Write permission error in first-level paging entry in Nested translation",
     "nested translation: the unit has to set an accessed or dirty bit in the guest's first-stage "
     "tables, and the second stage does not let it write there",
     {"the host maps the guest's memory for reading only while it tracks writes (migration), or "
      "protects the guest's tables"},
     {"whether the guest is being migrated", see_core}},
    {0x78,
     "SM: Error attempting to access second-level paging entry",
     "a second-stage entry points at a table that the unit cannot read",
     {"the second-stage tables were freed or overwritten while the device was using them: a "
      "missing "
      "invalidation",
      "memory corruption"},
     {see_kdump, see_core}},
    {0x79,
     "SM: Read/Write permission error in second-level paging entry",
     "a second-stage entry on the way gives neither right: there is no mapping at this address",
     {"the buffer was unmapped while the device was still using it: use after unmap, often at a "
      "reset, a time-out, or when a guest ends",
      "the device reads or writes past the end of what was mapped",
      "nested translation or a passed-through device: the guest's physical address is not backed "
      "by the host",
      peer_to_peer,
      "the driver gave the device a physical address without dma_map_*(), or firmware set the "
      "device up before the kernel took over, in memory that no RMRR names"},
     {see_iomem, see_debug, see_table, see_core}},
    {0x7a,
     "SM: Non-zero reserved field set in second-level paging entry",
     "a second-stage entry that is present has reserved bits set",
     {"a large page, or the snoop bit, that this unit does not have: a domain that several units "
      "share must use what all of them have",
      "a large page whose address is not aligned to its size",
      "the second-stage tables were overwritten"},
     {"the units' cap and ecap registers, and which unit the device is behind",
      "whether intel_iommu=sp_off changes it", see_groups}},
    {0x7b,
     "SM: Invalid second-level page table pointer",
     "the PASID table entry points at a second-stage top table that the unit cannot read",
     {"the domain's top table was freed while the PASID table entry still pointed at it",
      "the PASID table entry was overwritten"},
     {see_core, see_kdump}},
    {0x7c,
     "SM: A/D bit update needed in second-level entry when set up in no snoop",
     "an accessed or dirty bit of a second-stage entry has to be set, and table walks do not snoop "
     "the processor's caches",
     {"dirty tracking was switched on (SSADE) although page walks do not snoop (ECAP.SMPWC, "
      "PWSNP)"},
     {see_units, "whether dirty tracking (migration of a guest) is on"}},
    {0x7d,
     "",
     "the unit failed to set an accessed or dirty bit of a second-stage entry",
     {"the second-stage tables lie in memory in which the unit cannot do atomic updates",
      "a memory error"},
     {"the machine check log", see_core}},
    {0x80,
     "SM: Address in first-level translation is not canonical",
     "the address is not canonical: its upper bits are not copies of bit 47 (or 56, with 5-level "
     "paging)",
     {"the device was given a number that is no address: a corrupted or freed descriptor, or a "
      "pointer with a tag in its upper bits",
      "the device cuts or extends 64-bit addresses"},
     {see_debug, see_lspci}},
    {0x81,
     "SM: U/S set 0 for first-level translation with user privilege",
     "a request with user rights met a first-stage entry of the supervisor",
     {"shared virtual addressing: the device was given a kernel address with a process's PASID",
      "a domain's tables whose entries lack the user bit: a driver's mistake"},
     {see_core, see_ats}},
    {0x82,
     "SM: No execute permission for request with PASID and ER=1",
     "a request for execution met a page that does not allow it; units after revision 4.0 no "
     "longer have that",
     {"the device fetches code from a page of the process that is not executable"},
     {see_ats, see_core}},
    {0x83,
     "SM: Address beyond the DMA hardware max",
     "a host address, translated or passed through, is wider than the unit's host address width "
     "(HAW)",
     {"pass-through or ATS: the device was given, or made up, an address above all memory: a "
      "kernel pointer or a corrupted descriptor",
      "a device that puts garbage into the upper bits of 64-bit addresses"},
     {"the host address width in the DMAR table", see_debug, see_lspci}},
    {0x84,
     "SM: Second-level entry address beyond the max",
     "the address is wider than the second stage translates (MGAW, AW), so no entry can exist for "
     "it",
     {"the driver gave the device something else than a DMA address: a kernel pointer, or a user "
      "address on a unit of fewer bits",
      "a descriptor that the device reads is garbage: freed, not initialised, or misread"},
     {"the unit's guest address width: MGAW in its cap register", see_debug, see_lspci}},
    {0x85,
     "SM: No write permission for Write/AtomicOp request",
     "the page is mapped, and not for writing",
     {"the buffer was mapped without the right to write: the wrong direction, DMA_TO_DEVICE for "
      "something that the device writes",
      "shared virtual addressing: a page that the process has for reading only, or copy on write "
      "without page requests",
      "nested translation: the guest's page is write-protected by the host"},
     {see_debug, see_core}},
    {0x86,
     "SM: No read permission for Read/AtomicOp request",
     "the page is mapped, and not for reading",
     {"the buffer was mapped without the right to read: the wrong direction, DMA_FROM_DEVICE for "
      "something that the device reads",
      "an atomic operation on a page that is mapped for writing only",
      "nested translation: the host does not let the guest's page be read"},
     {see_debug, see_core}},
    {0x87,
     "SM: Invalid address-interrupt address",
     "the address leads into the interrupt range FEEx_xxxxh, which is no memory",
     {"a driver or a hypervisor mapped the interrupt window as if it were memory, or passes it "
      "through",
      "a translated request into the interrupt range: a device's DMA with a wrong address"},
     {see_msi, see_core}},
    {0x88,
     "",
     "a general condition (SGN.9) that revisions from 3.2 on listed and 5.10 lists no more; by "
     "what revision 5.0 allowed instead, most likely a translated request that carries a PASID",
     {"the device puts a PASID into translated requests, which units of before revision 5.0 do not "
      "know"},
     {see_ats, see_units}},
    {0x89,
     "",
     "the request's PASID is larger than the unit supports at all (ECAP.PSS)",
     {"a corrupted PASID: the driver gave out none that large, as the kernel asks the unit for its "
      "size",
      "a device that was set up with more PASID bits than the unit has (PASIDCap)"},
     {see_units, see_ats}},
    {0x90,
     "SM: A/D bit update needed in first-level entry when set up in no snoop",
     "an accessed or dirty bit of a first-stage entry has to be set, and table walks do not snoop "
     "the processor's caches",
     {no_snoop},
     {"the units' ecap registers: SMPWC, FSTS", see_core}},
    {0x91,
     "",
     "the unit failed to set an accessed, dirty or extended-accessed bit of a first-stage entry",
     {"the first-stage tables lie in memory in which the unit cannot do atomic updates",
      "a memory error"},
     {"the machine check log", see_core}},
    {0xa0,
     "",
     "an entry of the host permission table points at a table that the unit cannot read",
     {"host permission tables that were freed or overwritten"},
     {see_core}},
    {0xa1,
     "",
     "an entry of the host permission table has reserved bits set",
     {"the host permission table was overwritten, or uses what this unit does not have"},
     {see_units, see_core}},
    {0xa2,
     "",
     "the PASID table entry points at a host permission table that the unit cannot read",
     {"the PASID table entry's HPT root is wrong: overwritten, or its table was freed"},
     {see_core}},
    {0xa3,
     "",
     "a translated zero-length read found no permission in the host permission table",
     {"the device keeps a translation that was taken back: a missing device-TLB invalidation"},
     {see_ats, see_core}},
    {0xa4,
     "",
     "a translated write met a page that the host permission table does not let the device write",
     {"the device writes to a host address that it was not given for writing: a stale device-TLB "
      "entry, or a faulty or hostile device (that is what the table is for)"},
     {see_ats, see_core}},
    {0xa5,
     "",
     "a translated read met a page that the host permission table does not let the device read",
     {"the device reads a host address that it was not given: a stale device-TLB entry, or a "
      "faulty or hostile device (that is what the table is for)"},
     {see_ats, see_core}},
};

}  // namespace

absl::Span<const reason_row> paging_reason_rows() {
  return paging_rows;
}

}  // namespace iommulab
