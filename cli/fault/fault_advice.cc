// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_advice.h"

namespace iommulab {
namespace {

constexpr std::string_view see_lspci = "lspci -nnk -s BDF, lspci -t: which device and driver it is";
constexpr std::string_view see_groups =
    "/sys/kernel/iommu_groups/*/devices: which devices share a domain with it";
constexpr std::string_view see_iomem =
    "/proc/iomem: what lies at the address, if it is a physical one";
constexpr std::string_view see_table =
    "iommulab dmar /sys/firmware/acpi/tables/DMAR: scopes and reserved regions";
constexpr std::string_view see_debug =
    "CONFIG_DMA_API_DEBUG: names the driver that unmaps wrongly or writes past a mapping";
constexpr std::string_view see_core =
    "the lines in front: a driver that failed, a device that was reset";

struct reason_row {
  uint8_t first;
  uint8_t last;
  fault_advice advice;
};

constexpr reason_row reason_rows[] = {
    {0x01,
     0x01,
     {"9.1",
      "the root entry of the device's bus is not present: no device on that bus has been mapped",
      {"nobody set up DMA for the device: no driver, or one that does not use the DMA API, while "
       "firmware left the device running (graphics that scans out its frame buffer at boot, a "
       "management controller)",
       "the request carries a bus number that no device has: a bridge or switch changes requester "
       "ids, or buses were renumbered",
       "firmware's DMAR table puts the device under another unit than the one it is behind"},
      {see_lspci, see_table, see_core}}},
    {0x02,
     0x02,
     {"9.3",
      "the context entry of the requester id is not present: other devices on the bus are set up, "
      "this one is not",
      {"another function than the one that was set up sends the requests, often one that does not "
       "exist: Marvell's SATA controllers (88SE91xx, 88SE92xx) and JMicron's card readers (JMB388) "
       "use function 1, some of Ricoh's devices function 0; the kernel has quirks for those it "
       "knows (DMA alias)",
       "a device behind a bridge whose requests carry the bridge's id, while only the device's "
       "own was set up: missing alias quirk",
       "the device still does DMA after its driver let go of it, or after it was removed or moved "
       "to another domain (unbinding, VFIO, hot-plug): it was never stopped or reset",
       "no driver has taken the device, but firmware left it running",
       "non-transparent bridges use proxy requester ids that a driver has to add"},
      {see_lspci, see_groups, "the kernel's drivers/pci/quirks.c for DMA aliases of its vendor",
       see_core}}},
    {0x03,
     0x03,
     {"9.3",
      "the context entry is programmed in a way that hardware refuses: translation type, address "
      "width, or the pointer to the tables",
      {"the driver chose a table width or type that the unit does not have (CAP.SAGAW, ECAP.PT)",
       "the tables' address is not memory that the unit can read",
       "units of different abilities, and a domain that was moved between them",
       "a hypervisor's emulated unit that refuses what real ones take"},
      {"the line \"DMAR: dmar0: reg_base_addr … cap … ecap …\" of each unit", see_core}}},
    {0x04,
     0x04,
     {"3.6",
      "the address is wider than the tables or the unit translate (AGAW, MGAW), so no entry can "
      "exist for it",
      {"the driver gave the device something else than a DMA address: a kernel pointer, or a user "
       "address (DPDK, SPDK with virtual addresses as I/O addresses on a unit of 39 bits)",
       "the device extends or corrupts the upper half of a 64-bit address: its DMA mask is too "
       "large for it, or a descriptor was read half written",
       "a descriptor ring that the device reads is garbage: freed, not initialised, or misread"},
      {"the unit's guest address width: MGAW in its cap register", see_debug, see_lspci}}},
    {0x05,
     0x05,
     {"9.8",
      "a table entry on the way does not allow writing: there is no mapping at this address, or it "
      "is for reading only",
      {"the buffer was unmapped while the device was still writing to it: use after unmap, often "
       "at a reset, a time-out, or when the interface goes down",
       "the device writes past the end of the buffer that the driver mapped",
       "the buffer was mapped with the wrong direction: DMA_TO_DEVICE for something that the "
       "device "
       "writes",
       "the driver gave the device a physical address without dma_map_*(), or firmware set the "
       "device up before the kernel took over",
       "memory that firmware uses for the device is missing from the DMAR table's reserved regions "
       "(RMRR): USB keyboards emulated by firmware, RAID and management controllers"},
      {see_iomem, see_debug, see_table, see_core}}},
    {0x06,
     0x06,
     {"9.8",
      "a table entry on the way does not allow reading: there is no mapping at this address, or it "
      "is for writing only",
      {"the buffer was unmapped while the device was still reading it: use after unmap, often at a "
       "reset, a time-out, or when the interface goes down",
       "the device reads past the end of what the driver mapped: prefetching descriptors or data "
       "into the next page is common",
       "the buffer was mapped with the wrong direction: DMA_FROM_DEVICE for something that the "
       "device reads",
       "the driver gave the device a physical address without dma_map_*(), or firmware set the "
       "device up before the kernel took over (graphics that still scans out the boot frame "
       "buffer)",
       "memory that firmware uses for the device is missing from the DMAR table's reserved regions "
       "(RMRR)"},
      {see_iomem, see_debug, see_table, see_core}}},
    {0x07,
     0x07,
     {"9.8",
      "a table entry points at a table that the unit cannot read",
      {"the tables were freed or overwritten while the device was using them: a stale or missing "
       "invalidation",
       "the device still runs on tables of before: firmware's, or those of the kernel that crashed "
       "(kdump), while translation is being switched on",
       "memory corruption, or defective RAM"},
      {"whether it comes only at boot, before the device's driver loads", see_core,
       "a memory test"}}},
    {0x08,
     0x08,
     {"9.1",
      "the unit cannot read the root table",
      {"the root table's address was lost: the unit was reset (suspend, firmware) and not set up "
       "again",
       "a kernel that started with translation already on (kexec, kdump, firmware's pre-boot "
       "protection) and an old root table",
       "memory corruption"},
      {"whether it comes after resume or in a kdump kernel", see_core}}},
    {0x09,
     0x09,
     {"9.1",
      "the root entry points at a context table that the unit cannot read",
      {"memory corruption, or a root table of the kernel before (kexec, kdump)",
       "context tables that were freed"},
      {"whether it comes in a kdump kernel", see_core}}},
    {0x0a,
     0x0a,
     {"9.1",
      "a root entry that is present has reserved bits set",
      {"the root table was overwritten: memory corruption, or a page in use twice",
       "firmware or a hypervisor enabled a mode (scalable, extended) that the driver did not "
       "expect"},
      {see_core, "a memory test"}}},
    {0x0b,
     0x0b,
     {"9.3",
      "a context entry that is present has reserved bits set",
      {"a domain id beyond what the unit has (CAP.ND), or a table address beyond its width",
       "the context table was overwritten: memory corruption",
       "a kdump kernel that took over entries of a mode that it does not know"},
      {"the units' cap registers", see_core}}},
    {0x0c,
     0x0c,
     {"9.8",
      "a table entry that is present has reserved bits set",
      {"a large page, or the snoop bit, that this unit does not have: a domain that several units "
       "share must use what all of them have (graphics units often have less)",
       "a large page whose address is not aligned to its size",
       "the device uses tables that are none: freed, overwritten, or left by firmware while "
       "translation is switched on",
       "memory corruption"},
      {"the units' cap and ecap registers, and which unit the device is behind",
       "whether intel_iommu=sp_off changes it", see_groups}}},
    {0x0d,
     0x0d,
     {"9.3",
      "the device asked for a translation (ATS) or sent a translated request, and its context "
      "entry "
      "does not allow that",
      {"ATS is enabled in the device, but not in the tables: firmware enabled it, or the driver "
       "missed switching it off when the device changed domains",
       "a device that sends translated addresses although nobody gave it any: faulty or hostile"},
      {"lspci -vv: ATSCtl of the device, and of the device that it was passed to",
       "pci=noats on the kernel's command line"}}},
    {0x0e,
     0x0e,
     {"3.14",
      "the tables lead into the interrupt range FEEx_xxxxh, which is no memory",
      {"a driver or a hypervisor mapped the interrupt window as if it were memory",
       "page tables that were overwritten"},
      {see_core}}},
    {0x20,
     0x20,
     {"5.1.4",
      "the device's interrupt message has reserved bits set in remappable format",
      {"the device's MSI address or data was written by somebody who does not know the format: a "
       "guest, a reset that lost it, a device that changes the message",
       "a device that writes into FEEx_xxxxh by mistake: DMA with a wrong address"},
      {"lspci -vv: the MSI or MSI-X address and data", see_core}}},
    {0x21,
     0x21,
     {"5.1.4",
      "the interrupt message names an entry beyond the table's end",
      {"a message of another system's table: of the kernel before (kdump, kexec), or of a guest",
       "DMA into FEEx_xxxxh by mistake"},
      {"lspci -vv: the MSI or MSI-X address and data", see_core}}},
    {0x22,
     0x22,
     {"5.1.4",
      "the interrupt's entry in the remapping table is not present",
      {"the device sends an interrupt that the kernel has freed: its driver released the interrupt "
       "before it stopped the device, or the device was removed and added again",
       "a kdump kernel: devices still send the interrupts of the kernel that crashed",
       "the unit's cache still holds the entry of before: a missing invalidation"},
      {"/proc/interrupts of the device's driver", "whether it comes in a kdump kernel", see_core}}},
    {0x23,
     0x23,
     {"5.1.4",
      "the unit cannot read the interrupt remapping table",
      {"the table's address was lost: unit reset, suspend, kexec", "memory corruption"},
      {"whether it comes after resume or in a kdump kernel", "intremap=off"}}},
    {0x24,
     0x24,
     {"5.1.4",
      "the interrupt's entry is present and has reserved bits set",
      {"the entry uses something that this unit does not have (posted interrupts, x2APIC format "
       "without EIM)",
       "memory corruption"},
      {"DMAR-IR lines at boot: xapic or x2apic mode",
       "intremap=nopost, intremap=no_x2apic_optout"}}},
    {0x25,
     0x25,
     {"5.1.4",
      "an interrupt in compatibility format came while the unit takes only remapped ones",
      {"an I/O APIC, HPET or device that firmware programmed still has an interrupt of before; one "
       "or two such lines while remapping is switched on at boot are harmless (f0:1f.0 is the I/O "
       "APIC of many chipsets)",
       "the DMAR table does not name the I/O APIC or HPET that sends, so its entries were not "
       "converted",
       "a device whose MSI was written by a guest or by firmware"},
      {"DMAR-IR lines at boot: which I/O APICs and HPETs the table names", see_table,
       "intremap=off, to see whether it is this"}}},
    {0x26,
     0x26,
     {"5.1.4",
      "the interrupt's entry belongs to another requester id than the one that sent it",
      {"the sender's requests carry an id that the kernel did not expect: a bridge's, another "
       "function's, or one that firmware's table gives wrongly for an I/O APIC or HPET",
       "bus numbers were changed after the entries were made",
       "a device that sends interrupts of others: faulty, or an attack (that is what the check is "
       "for)"},
      {see_lspci, see_table,
       "intremap=nosid, to see whether it is this (it gives up the protection)"}}},
    {0x30,
     0x32,
     {"9.2",
      "the root table is of a mode that does not fit the request: scalable mode is not what the "
      "unit was set up for, or its address is wrong",
      {"the device sends requests with PASID or page requests while the unit is in legacy mode",
       "root table lost or overwritten"},
      {"whether intel_iommu=sm_on or sm_off changes it", see_core}}},
    {0x38,
     0x3a,
     {"9.2",
      "the scalable-mode root entry of the device's bus cannot be read, is not present, or has "
      "reserved bits set",
      {"nobody set up DMA for any device on that bus: firmware left the device running, or no "
       "driver has it",
       "a requester id on a bus that no device has",
       "memory corruption, when reserved bits are set"},
      {see_lspci, see_table, see_core}}},
    {0x40,
     0x42,
     {"9.4",
      "the scalable-mode context entry of the requester id cannot be read, is not present, or has "
      "reserved bits set",
      {"a function that does not exist sends the requests (Marvell's SATA, JMicron's and "
       "Ricoh's card readers), or a "
       "bridge's id: missing alias",
       "the device still does DMA after it was released, removed or reset",
       "memory corruption, when reserved bits are set"},
      {see_lspci, see_groups, see_core}}},
    {0x43,
     0x48,
     {"9.4",
      "the scalable-mode context entry does not allow this kind of request: device-TLB (DTE), "
      "PASIDs (PASIDE), this PASID's size, page requests (PRE), or its own PASID is wrong",
      {"the device has ATS, PASID or PRI enabled, but the tables have not: firmware enabled it, or "
       "the driver enabled the device's side first",
       "a PASID larger than what was set up: a driver's mistake or a corrupted descriptor"},
      {"lspci -vv: ATSCtl, PASIDCtl, PRICtl", "pci=noats", see_core}}},
    {0x50,
     0x52,
     {"9.5",
      "the PASID directory entry cannot be read, is not present, or has reserved bits set",
      {"the context entry was there before the PASID table was complete: order of set-up or "
       "take-down in the driver, fixed more than once in 5.x and 6.x",
       "the device uses a PASID that nobody bound",
       "a missing cache flush on a unit that does not snoop table walks"},
      {"the kernel's version: look for fixes of the PASID table in its stable series", see_core}}},
    {0x58,
     0x5d,
     {"9.6",
      "the PASID table entry cannot be read, is not present, has reserved bits or values that this "
      "unit does not know, or forbids execute or supervisor requests",
      {"a kdump kernel, to which the PASID tables of the kernel before are lost",
       "bits that the unit does not support (SRE without ECAP.SRS: fixed in 6.1)",
       "the device goes on with a PASID after it was unbound: work was not drained",
       "a device that asks for execute or supervisor rights that nobody gave it"},
      {"whether it comes in a kdump kernel", "the units' ecap registers", see_core}}},
    {0x70,
     0x77,
     {"9.7",
      "first-level tables (the format of the processor's own) do not translate the address: an "
      "entry is missing, wrong, or lacks permission below nested tables",
      {"there is no mapping at this address: use after unmap, an overrun, or an address that was "
       "never mapped; in scalable mode kernel DMA uses first-level tables too, so this is what 05 "
       "and 06 are in legacy mode",
       "shared virtual addressing: the process unmapped the memory or exited, and the device has "
       "no page requests",
       "a speculative or prefetching read past a buffer"},
      {see_iomem, see_debug, see_core}}},
    {0x78,
     0x7c,
     {"9.8",
      "second-level tables do not translate the address: an entry cannot be read, lacks "
      "permission, "
      "has reserved bits, or needs its accessed or dirty bit set where that is not possible",
      {"there is no mapping, or not for this access: what 05 and 06 are in legacy mode",
       "with nested translation: the guest's physical address is not backed by the host",
       "a large page or bit that the unit does not have, when reserved bits are set"},
      {see_iomem, see_debug, "the units' cap and ecap registers", see_core}}},
    {0x80,
     0x87,
     {"3.6",
      "the address or the permission is wrong as a whole: not canonical, beyond the width, "
      "privilege, execute, write or read right missing, or the interrupt range",
      {"the driver gave the device something else than a DMA address, or a descriptor is garbage",
       "shared virtual addressing: the process has the page for reading only, or not at all",
       "the device asks for privileges that were not given",
       "use after unmap or wrong direction, for missing read and write permission"},
      {see_debug, see_lspci, see_core}}},
    {0x90,
     0x91,
     {"9.7",
      "the accessed or dirty bit of a first-level entry had to be set and could not be",
      {"the tables' memory cannot be written atomically by the unit (not snooped, or not memory)",
       "the page tables are in memory that the unit must not write"},
      {"the units' ecap registers: SMPWC, FLTS", see_core}}},
};

struct message_row {
  std::string_view words;
  fault_advice advice;
};

constexpr message_row message_rows[] = {
    {"VT-d detected Invalidation Queue Error",
     {"6.5.2",
      "the unit stopped at a descriptor of the invalidation queue that it cannot carry out (IQE)",
      {"with reason f and SID ffff, and a queue of zeros or \"UNKNOWN\": the unit's registers read "
       "all ones, because they are no longer there: something else was mapped over them (VMD "
       "root ports whose windows were cleared), or the device with the unit lost power",
       "a descriptor that this unit does not know: PASID based ones, large address masks",
       "the queue in memory was overwritten"},
      {"the lines QI HEAD and QI PRIOR: the descriptor at fault", "the units' ecap registers"}}},
    {"VT-d detected Invalidation Time-out Error",
     {"6.5.2",
      "a device did not answer an invalidation of its device-TLB (ATS) in time (ITE)",
      {"the device is gone, hung, or in reset or D3 while its ATS is still enabled: surprise "
       "removal, VFIO reset, a GPU that crashed",
       "the device claims ATS and does not do it: newer kernels have a list of such devices "
       "(quirk_no_ats)",
       "with SID ffff, or together with a queue error of reason f: the unit's registers read all "
       "ones"},
      {"the line QI PRIOR: bits 47:32 of qw0 of a Device-TLB invalidation are the device's bus, "
       "device and function",
       "pci=noats on the kernel's command line", see_core}}},
    {"VT-d detected Invalidation Completion Error",
     {"6.5.2",
      "a device answered an invalidation of its device-TLB that nobody had sent, or with a wrong "
      "tag (ICE)",
      {"a device whose ATS is faulty, or that was reset in between",
       "with SID ffff: the unit's registers read all ones"},
      {"pci=noats on the kernel's command line", see_core}}},
    {"VT-d detected invalid descriptor",
     {"6.5.2",
      "the unit stopped at a descriptor of the invalidation queue that it cannot carry out (IQE)",
      {"a descriptor that this unit does not know, or with reserved bits set",
       "a hypervisor's emulated unit that lacks a kind of descriptor",
       "the queue in memory was overwritten"},
      {"the descriptor in the line: its low four bits are its type", "the units' ecap registers"}}},
    {"Invalidation Queue Error (IQE) cleared",
     {"6.5.2",
      "the kernel took the descriptor at fault out of the queue and went on",
      {"see the line \"VT-d detected Invalidation Queue Error\" in front of it"},
      {"the lines QI HEAD and QI PRIOR"}}},
    {"Invalidation Time-out Error (ITE) cleared",
     {"6.5.2",
      "the kernel gave up the device-TLB invalidations that were not answered and sends them again",
      {"see the line \"VT-d detected Invalidation Time-out Error\" in front of it"},
      {"the lines QI HEAD and QI PRIOR"}}},
    {"Page request without PASID",
     {"7.5",
      "a device asked for a page without saying for which address space",
      {"a device that uses page requests in a way that the kernel does not support",
       "PRI left enabled in the device after its address space was unbound"},
      {"lspci -vv: PRICtl, PASIDCtl", see_core}}},
    {"Page request for invalid PASID",
     {"7.5",
      "a device asked for a page of an address space that is not bound",
      {"the process exited or unbound, and the device still had work in flight: the driver did "
       "not drain it"},
      {see_core}}},
    {"Invalid page request",
     {"7.5",
      "a page request has a combination of bits that makes no sense",
      {"a faulty device, or one that nobody told the address space"},
      {see_core}}},
    {"Page request in Privilege Mode",
     {"7.5",
      "a device asked for a page with supervisor rights, which the kernel does not serve",
      {"a driver that set the device up for privileged requests"},
      {see_core}}},
    {"Address is not canonical",
     {"7.5",
      "a device asked for a page at an address that no process can have",
      {"a corrupted descriptor or pointer given to the device"},
      {see_core}}},
    {"Execution request not supported",
     {"7.5",
      "a device asked for a page to execute from, which the kernel does not serve",
      {"a device or driver that sets execute requested"},
      {see_core}}},
};

}  // namespace

const fault_advice* find_advice(uint8_t reason) {
  for (const reason_row& row : reason_rows) {
    if (reason >= row.first && reason <= row.last) return &row.advice;
  }
  return nullptr;
}

const fault_advice* find_advice(std::string_view message) {
  for (const message_row& row : message_rows) {
    if (row.words == message) return &row.advice;
  }
  return nullptr;
}

}  // namespace iommulab
