// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/reason_rows.h"

namespace iommulab {
namespace {

// Linux v5.0 drivers/iommu/dmar.c: dma_remap_sm_fault_reasons
constexpr reason_row table_rows[] = {
    {0x30,
     "SM: Invalid Root Table Address",
     "the root table address register is programmed in a way that this unit refuses: a table mode "
     "(TTM) that is reserved or that it does not have",
     {"scalable or abort mode was chosen on a unit without it (ECAP.SMTS, ECAP.ADMS), or extended "
      "mode, which revision 3.0 took away",
      "a hypervisor's emulated unit that has fewer modes than the real one",
      "on hardware of before revision 3.0: a page request whose context entry was not present or "
      "did not allow it"},
     {see_modes, see_units, see_core}},
    {0x31,
     "SM: TTM 0 for request with PASID",
     "a request with PASID came while the unit is in legacy mode, which has no PASIDs",
     {"PASID was enabled in the device, by firmware or by a driver, and the unit was never put "
      "into scalable mode",
      "a kdump or kexec kernel that runs the unit in legacy mode, while the device goes on with "
      "the PASIDs of the kernel before"},
     {see_modes, see_ats}},
    {0x32,
     "SM: TTM 0 for page group request",
     "a page request came while the unit is in legacy mode, which has no page requests",
     {"PRI was left enabled in the device: by the kernel before, by firmware or by a guest",
      "a driver that enabled PRI although the unit was not in scalable mode"},
     {see_ats, see_modes}},
    {0x33,
     "",
     "the unit is in abort mode (TTM 11b), in which it blocks every request",
     {"firmware left the unit in abort mode to protect memory, and the kernel has not set a root "
      "table yet; devices that firmware keeps running fault until then",
      "the kernel puts the unit into abort mode while it changes the tables, or shuts down, and "
      "the device was not stopped before"},
     {"whether it ends when the kernel switches translation on", see_table, see_core}},
    {0x34,
     "",
     "a request with PASID asks for the right to execute, which units of major version 8 and later "
     "no longer have",
     {"the device was made for older units and still sets Execute Requested: a capability that its "
      "driver must not enable (PASIDCtl, Exec+)"},
     {see_ats, "the unit's version register"}},
    {0x38,
     "SM: Error attempting to access Root Entry",
     "the unit cannot read the scalable-mode root entry: the root table's address is no memory",
     {"the root table's address was lost or never valid: unit reset, suspend, kexec or kdump",
      "memory corruption"},
     {see_kdump, see_core}},
    {0x39,
     "SM: Present bit in Root Entry is clear",
     "the half of the scalable-mode root entry that the device belongs to is not present: no "
     "device of that half of the bus has been set up",
     {"nobody set up DMA for any device there: no driver, or firmware left the device running",
      "a requester id on a bus that no device has: a bridge or switch changes it",
      "firmware's DMAR table puts the device under another unit than the one it is behind"},
     {see_lspci, see_table, see_core}},
    {0x3a,
     "SM: Non-zero reserved field set in Root Entry",
     "a scalable-mode root entry that is present has reserved bits set",
     {"the root table is one of legacy mode, or of another kernel, while the unit is in scalable "
      "mode: wrong table format",
      "the root table was overwritten: memory corruption, or a page in use twice",
      "the unit lacks something that the kernel used: address bits above its host address width "
      "(HAW) are reserved here"},
     {see_modes, see_kdump, see_units}},
    {0x40,
     "SM: Error attempting to access Context Entry",
     "the scalable-mode root entry points at a context table that the unit cannot read",
     {"the root entry was overwritten, or its context table was freed",
      "a root table of the kernel before (kexec, kdump)"},
     {see_kdump, see_core}},
    {0x41,
     "SM: Present bit in Context Entry is clear",
     "the scalable-mode context entry of the requester id is not present: the device is not set up",
     {"another function than the one that was set up sends the requests: a device that uses a "
      "function that does not exist, or a bridge's id (missing alias quirk)",
      "the device still does DMA after its driver let go of it, or after it was removed, rescanned "
      "or reset",
      "no driver has taken the device, but firmware left it running"},
     {see_lspci, see_groups, "the kernel's drivers/pci/quirks.c for DMA aliases of its vendor",
      see_core}},
    {0x42,
     "SM: Non-zero reserved field set in the Context Entry",
     "a scalable-mode context entry that is present has reserved bits set",
     {"the unit lacks a feature that the kernel used in the entry: a bit is reserved where the "
      "capability is missing",
      "the context table was overwritten: memory corruption",
      "an entry in legacy format under scalable mode, also one of the kernel before (kdump)"},
     {see_units, see_kdump, see_core}},
    {0x43,
     "SM: Invalid Context Entry",
     "the scalable-mode context entry contradicts itself: page requests without device-TLB, a "
     "RID_PASID beyond the PASID directory, or translated requests with PASID without PASIDs",
     {"a driver's mistake in the order of enabling or disabling ATS, PASID and page requests",
      "the context entry was overwritten"},
     {see_ats, see_core}},
    {0x44,
     "SM: DTE field in Context Entry is clear",
     "the device asked for a translation (ATS) or sent a translated request, and its context entry "
     "has no device-TLB enabled (DTE)",
     {"ATS is enabled in the device, but not in the tables: firmware enabled it, or it was "
      "switched off in the tables first",
      "a device that sends translated addresses although nobody gave it any: faulty or hostile"},
     {see_ats, "pci=noats on the kernel's command line"}},
    {0x45,
     "SM: PASID Enable field in Context Entry is clear",
     "a request with PASID came, and the context entry has no PASIDs enabled (PASIDE)",
     {"PASID is enabled in the device, but no longer or not yet in the tables: the order in which "
      "a driver enables and disables them",
      "a device that uses PASIDs that nobody gave it"},
     {see_ats, see_core}},
    {0x46,
     "SM: PASID is larger than the max in Context Entry",
     "the request's PASID is larger than the PASID directory of its device (PDTS)",
     {"a PASID of another device or of a corrupted descriptor: the driver bound a smaller one",
      "a directory that was made smaller than the PASIDs that the kernel gave out"},
     {see_ats, see_core}},
    {0x47,
     "SM: PRE field in Context-Entry is clear",
     "a page request came, and the context entry does not allow page requests (PRE)",
     {"PRI is still enabled in the device after the kernel switched it off, or was never switched "
      "off by firmware or a guest",
      "a driver that uses page requests although the kernel did not enable them"},
     {see_ats, see_core}},
    {0x48,
     "SM: RID_PASID field error in Context-Entry",
     "a request carries the very PASID (RID_PASID) that its context entry keeps for requests "
     "without one",
     {"the driver gave the device the reserved PASID, 0 in Linux, for an address space of its own",
      "a device that puts a PASID of 0 into requests that should have none"},
     {see_ats, see_core}},
    {0x49,
     "",
     "a translated request carries a PASID, and the context entry does not allow that (EPTR)",
     {"the device was told to put PASIDs into translated requests, and the tables were not: both "
      "have to be enabled together"},
     {see_ats, see_units}},
    {0x50,
     "SM: Error attempting to access the PASID Directory Entry",
     "the context entry points at a PASID directory that the unit cannot read",
     {"the PASID directory was freed while the context entry still pointed at it: order of "
      "take-down in the driver",
      "the context entry was overwritten, or is one of the kernel before"},
     {see_kdump, see_core}},
    {0x51,
     "SM: Present bit in Directory Entry is clear",
     "the PASID directory has no table for this PASID",
     {"the device uses a PASID that nobody bound, or one that was unbound while work was under way",
      "the context entry was there before the PASID table was complete: order of set-up in the "
      "driver, fixed more than once in 5.x and 6.x",
      "a missing cache flush on a unit that does not snoop table walks (ECAP.C)"},
     {"the kernel's version: look for fixes of the PASID table in its stable series", see_core}},
    {0x52,
     "SM: Non-zero reserved field set in PASID Directory Entry",
     "a PASID directory entry that is present has reserved bits set",
     {"the PASID directory was overwritten, or its page is in use twice",
      "what the unit takes for a PASID directory is another table: a context entry of legacy "
      "format under scalable mode"},
     {see_modes, see_core}},
    {0x58,
     "SM: Error attempting to access PASID Table Entry",
     "the PASID directory points at a PASID table that the unit cannot read",
     {"the PASID table was freed while the directory still pointed at it",
      "a kdump kernel, to which the PASID tables of the kernel before are lost"},
     {see_kdump, see_core}},
    {0x59,
     "SM: Present bit in PASID Table Entry is clear",
     "the PASID table entry is not present: nothing is bound to this PASID of the device",
     {"the device goes on with a PASID after it was unbound, or its process exited: work was not "
      "drained",
      "without PASID in the request: the device was taken from its domain while it still does DMA",
      "a PASID that was never bound to this device"},
     {see_core, see_ats}},
    {0x5a,
     "SM: Non-zero reserved field set in PASID Table Entry",
     "a PASID table entry that is present has reserved bits set",
     {"the unit lacks a feature that the kernel used in the entry: bits that the unit does not "
      "support are reserved (SRE without ECAP.SRS: fixed in 6.1)",
      "the PASID table was overwritten: memory corruption",
      "a table of another format or of the kernel before"},
     {see_units, "the kernel's version", see_kdump}},
    {0x5b,
     "SM: Invalid Scalable-Mode PASID Table Entry",
     "the PASID table entry asks for something that this unit does not have: a translation type "
     "(PGTT), an address width, a first-stage paging mode, or a first-stage table beyond the "
     "second stage's width",
     {"the kernel set up a translation type or width that the unit does not report (FSTS, SSTS, "
      "NEST, PT, FL5LP in ecap and cap)",
      "a guest's table under nested translation that lies beyond the guest's memory",
      "a hypervisor's emulated unit that refuses what real ones take"},
     {see_units, see_core}},
    {0x5c,
     "SM: ERE field is clear in PASID Table Entry",
     "a request with PASID asks for the right to execute, which the PASID table entry or the unit "
     "does not give (ERE)",
     {"a device that sets Execute Requested without being allowed to: PASIDCtl, Exec+"},
     {see_ats}},
    {0x5d,
     "SM: SRE field is clear in PASID Table Entry",
     "the request asks for supervisor rights, which the PASID table entry does not give (SRE)",
     {"a device set up for privileged requests (PASIDCtl, Priv+) whose PASID is a process's",
      "RID_PRIV in the context entry without SRE in the PASID table entry: a driver's mistake"},
     {see_ats, see_core}},
    {0x60,
     "",
     "the address of a translated request lies beyond what the host permission table covers "
     "(HPT size)",
     {"the device uses a translation that it was not given, or one of memory added after the table "
      "was made: faulty, stale after a missing invalidation, or hostile"},
     {see_ats, see_units}},
};

}  // namespace

absl::Span<const reason_row> table_reason_rows() {
  return table_rows;
}

}  // namespace iommulab
