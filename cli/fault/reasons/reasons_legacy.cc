// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/reason_rows.h"

namespace iommulab {
namespace {

// Linux v4.4 drivers/iommu/dmar.c: dma_remap_fault_reasons
constexpr reason_row legacy_rows[] = {
    {0x01,
     "Present bit in root entry is clear",
     "the root entry of the device's bus is not present: no device on that bus has been mapped",
     {"nobody set up DMA for the device: no driver, or one that does not use the DMA API, while "
      "firmware left the device running",
      "the request carries a bus number that no device has: a bridge or switch changes requester "
      "ids, or buses were renumbered",
      "firmware's DMAR table puts the device under another unit than the one it is behind"},
     {see_lspci, see_table, see_core}},
    {0x02,
     "Present bit in context entry is clear",
     "the context entry of the requester id is not present: other devices on the bus are set up, "
     "this one is not",
     {"another function than the one that was set up sends the requests, often one that does not "
      "exist; the kernel has quirks for the devices that it knows to do so (DMA alias)",
      "a device behind a bridge whose requests carry the bridge's id, while only the device's "
      "own was set up: missing alias quirk",
      "the device still does DMA after its driver let go of it, or after it was removed, rescanned "
      "or moved to another domain (unbinding, VFIO, hot-plug): it was never stopped or reset",
      "no driver has taken the device, but firmware left it running",
      "non-transparent bridges use proxy requester ids that a driver has to add"},
     {see_lspci, see_groups, "the kernel's drivers/pci/quirks.c for DMA aliases of its vendor",
      see_core}},
    {0x03,
     "Invalid context entry",
     "the context entry is programmed in a way that hardware refuses: its translation type, its "
     "address width, or a pointer to tables that cannot be read",
     {"the driver chose a table width or type that the unit does not have (CAP.SAGAW, ECAP.PT)",
      "the tables' address is not memory that the unit can read",
      "units of different abilities, and a domain that was moved between them",
      "a hypervisor's emulated unit that refuses what real ones take"},
     {see_units, see_core}},
    {0x04,
     "Access beyond MGAW",
     "the address is wider than the tables or the unit translate (AGAW, MGAW), so no entry can "
     "exist for it",
     {"the driver gave the device something else than a DMA address: a kernel pointer, or a user "
      "address (DPDK, SPDK with virtual addresses as I/O addresses on a unit of 39 bits)",
      "the device extends or corrupts the upper half of a 64-bit address: its DMA mask is too "
      "large for it, or a descriptor was read half written",
      "a descriptor ring that the device reads is garbage: freed, not initialised, or misread"},
     {"the unit's guest address width: MGAW in its cap register", see_debug, see_lspci}},
    {0x05,
     "PTE Write access is not set",
     "a table entry on the way does not allow writing: there is no mapping at this address, or it "
     "is for reading only",
     {"the buffer was unmapped while the device was still writing to it: use after unmap, often "
      "at a reset, a time-out, or when the interface goes down",
      "the device writes past the end of the buffer that the driver mapped",
      "the buffer was mapped with the wrong direction: DMA_TO_DEVICE for something that the device "
      "writes",
      peer_to_peer,
      "the driver gave the device a physical address without dma_map_*(), or firmware set the "
      "device up before the kernel took over",
      "memory that firmware uses for the device is missing from the DMAR table's reserved regions "
      "(RMRR)"},
     {see_iomem, see_debug, see_table, see_core}},
    {0x06,
     "PTE Read access is not set",
     "a table entry on the way does not allow reading: there is no mapping at this address, or it "
     "is for writing only",
     {"the buffer was unmapped while the device was still reading it: use after unmap, often at a "
      "reset, a time-out, or when the interface goes down",
      "the device reads past the end of what the driver mapped: prefetching descriptors or data "
      "into the next page is common",
      "the buffer was mapped with the wrong direction: DMA_FROM_DEVICE for something that the "
      "device reads",
      peer_to_peer,
      "the driver gave the device a physical address without dma_map_*(), or firmware set the "
      "device up before the kernel took over",
      "memory that firmware uses for the device is missing from the DMAR table's reserved regions "
      "(RMRR)"},
     {see_iomem, see_debug, see_table, see_core}},
    {0x07,
     "Next page table ptr is invalid",
     "a table entry points at a table that the unit cannot read",
     {"the tables were freed or overwritten while the device was using them: a stale or missing "
      "invalidation",
      "the device still runs on tables of before: firmware's, or those of the kernel that crashed "
      "(kdump), while translation is being switched on",
      "memory corruption"},
     {see_kdump, "a memory test", see_core}},
    {0x08,
     "Root table address invalid",
     "the unit cannot read the root table: its address is no memory",
     {"the root table's address was lost: the unit lost power or was reset (suspend, resume)",
      "a kernel that started with translation already on (kexec, kdump, firmware's pre-boot "
      "protection) and an old root table",
      "memory corruption"},
     {see_kdump, see_core}},
    {0x09,
     "Context table ptr is invalid",
     "the root entry points at a context table that the unit cannot read",
     {"the root entry was overwritten, or is one of the kernel before (kexec, kdump)",
      "context tables that were freed"},
     {"whether it comes in a kdump kernel", see_core}},
    {0x0a,
     "non-zero reserved fields in RTP",
     "a root entry that is present has reserved bits set",
     {"the root table was overwritten: memory corruption, or a page in use twice",
      "firmware or a hypervisor enabled a mode (scalable, extended) that the driver did not "
      "expect"},
     {see_core, "a memory test"}},
    {0x0b,
     "non-zero reserved fields in CTP",
     "a context entry that is present has reserved bits set",
     {"a domain id beyond what the unit has (CAP.ND), or a table address beyond its width",
      "the context table was overwritten: memory corruption",
      "a kdump kernel that took over entries of a mode that it does not know"},
     {"the units' cap registers", see_core}},
    {0x0c,
     "non-zero reserved fields in PTE",
     "a table entry that is present has reserved bits set",
     {"a large page, or the snoop bit, that this unit does not have: a domain that several units "
      "share must use what all of them have (graphics units often have less)",
      "a large page whose address is not aligned to its size",
      "the device uses tables that are none: freed, overwritten, or left by firmware while "
      "translation is switched on",
      "memory corruption"},
     {"the units' cap and ecap registers, and which unit the device is behind",
      "whether intel_iommu=sp_off changes it", see_groups}},
    {0x0d,
     "PCE for translation request specifies blocking",
     "the device asked for a translation (ATS) or sent a translated request, and its context entry "
     "does not allow that",
     {"ATS is enabled in the device, but not in the tables: firmware enabled it, or the driver "
      "missed switching it off when the device changed domains",
      "a device that sends translated addresses although nobody gave it any: faulty or hostile"},
     {"lspci -vv: ATSCtl of the device, and of the device that it was passed to",
      "pci=noats on the kernel's command line"}},
    {0x0e,
     "",
     "the tables lead into the interrupt range FEEx_xxxxh, which is no memory",
     {"a driver or a hypervisor mapped the interrupt window as if it were memory",
      "page tables that were overwritten"},
     {see_core}},
};

}  // namespace

absl::Span<const reason_row> legacy_reason_rows() {
  return legacy_rows;
}

}  // namespace iommulab
