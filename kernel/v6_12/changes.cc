// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/changes.h"

#include <array>

namespace iommulab::v6_12 {

// clang-format off
absl::Span<const kernel_change> changes() {
  static constexpr std::array all = std::to_array<kernel_change>({
      {"iommu_flush_iotlb_psi(), domain_flush_cache()",
       "for each unit that the domain is on, one descriptor and one wait at a time; then each of the domain's devices with a cache of its own",
       "over cache tags: a unit's IOTLB, a device's own cache; descriptors go to the queue in batches",
       "a domain without tags is flushed nowhere: mapping before the first attach costs no invalidation"},
      {"page-selective invalidation",
       "the hint that no table went is put into the address, and lost there",
       "it arrives: bit 6 of the descriptor's upper half",
       "strict unmaps keep the unit's paging-structure caches"},
      {"__iommu_probe_device()",
       "the device joins its group, and is attached there when the group is in a domain; the default domain comes later",
       "unit and group first, then the default domain, then the device joins",
       "a device that comes to a group is attached once, not twice"},
      {"iommu_group_alloc_default_domain()",
       "of the type that one device asks for; where devices contradict each other, the system's",
       "pass-through wins where devices contradict each other; an untrusted device makes it translated, or refuses the probe",
       "see the log of such groups"},
      {"si_domain",
       "one domain with an id of its own for all that passes through, and a table where a unit cannot pass through",
       "static domains for pass-through and for blocked: no table, id 1; a unit that cannot pass through translates",
       "domains_used counts one less with iommu=pt, and context entries have id 1 instead of 2"},
      {"iommu_group_store_type()",
       "a group of one device without a driver, or from DMA to DMA-FQ",
       "a group of any number of devices",
       "\"Cannot change default domain: Group has more than one device\" is gone"},
      {"intel_iommu_attach_device()",
       "refuses a user's domain to a device with a reserved region that firmware goes on using: -EPERM",
       "the core refuses to block such a device, and the driver attaches it anywhere",
       "\"Device is ineligible for IOMMU domain attach due to platform RMRR requirement\" is gone"},
      {"scalable-mode context entries",
       "written when the device joins a domain, taken back when it leaves",
       "written when the device is probed, and left",
       "an attach changes the PASID table entry alone"},
      {"first-level tables",
       "execute-disable in every entry, and on in the PASID table entry",
       "no device may execute anyway: both bits are gone",
       "bit 63 of the entries"},
      {"intel_iommu_release_device()",
       "follows the null pointer of a device that was attached to nothing",
       "the device is blocked first",
       "a device that leaves a kdump kernel before its driver came"},
      {"enable_drhd_fault_handling()",
       "with interrupt remapping, for every unit, before the tables of DMA remapping are there",
       "for units of the processor's own node; where firmware names no node, none",
       "FEDATA is written later on such machines. Messages name the processor by its physical id"},
      {"iommu_dma_alloc_iova()",
       "each request tries below 4 GiB first",
       "the first one that finds nothing there is the last to try, and the log says so",
       "\"Using 39-bit DMA addresses\""},
      {"iommu_dma_map_page()",
       "what an untrusted device only writes is bounced empty: what it does not write becomes 0",
       "the slots begin as the buffer: what it does not write stays",
       "a short transfer leaves the rest of the buffer alone"},
      {"IOVA caches",
       "a depot of 32 full magazines a size",
       "a depot without end, which delayed work shortens",
       "long runs of frees stay out of the tree"},
      {"the policy in the log",
       "\"Default domain type: Translated \", with a blank at the end",
       "without it",
       "a line to compare as it is"},
  });
  return all;
}
// clang-format on

}  // namespace iommulab::v6_12
