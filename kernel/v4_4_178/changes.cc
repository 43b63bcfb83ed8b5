// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4_178/changes.h"

#include <array>

namespace iommulab::v4_4_178 {

// clang-format off
absl::Span<const kernel_change> changes() {
  static constexpr std::array all = std::to_array<kernel_change>({
      {"init_dmars()",
       "each unit gets its root table, and its caches are emptied, right after its queue is on",
       "that is a loop of its own, behind the one that switches every unit's queue on",
       "some X58 chipsets hang in an invalidation while another unit's queue is off. On a machine of several units the order of register accesses differs"},
      {"init_dmars()",
       "makes the identity domain, then calls check_tylersburg_isoch()",
       "calls it first",
       "the check may be what asks for the domain. Seen as the order of two calls; with a broken BIOS 4.4.1 follows a null pointer"},
      {"dmar_disable_qi(), iommu_disable_irq_remapping()",
       "read 8 bytes at 1Ch, where GSTS is 4",
       "read 4 bytes",
       "hardware promises nothing for the wider read. One access of 4 bytes for one of 8, for each unit"},
      {"disable_dmar_iommu()",
       "calls functions that take device_domain_lock while it holds it",
       "removes a member under the lock, lets go of it for domain_exit(), and begins again",
       "4.4.1 hangs when start-up fails, or a unit is taken away, with a device in a domain"},
      {"device_to_iommu()",
       "looks for a virtual function itself in the units' scopes",
       "looks for its physical function, and keeps the virtual one's own bus and number",
       "scopes list no virtual functions: 4.4.1 finds the INCLUDE_ALL unit, or none"},
      {"domain_context_mapping_one()",
       "writes a new entry over one copied from a crashed kernel, and flushes nothing of the old one",
       "flushes the device's context and the old domain's translations first",
       "two invalidations more for each device that a kdump kernel starts to use"},
      {"domain_context_mapping_one()",
       "counts the domain's levels down to the unit's, even when they are fewer; answers 0 whatever happened",
       "counts down only from more; the entry gets the width it arrives at; an error is answered",
       "a domain of fewer levels works behind a deeper unit; a device without a context entry is no longer taken for a working one"},
      {"iommu_enable_dev_iotlb(), qi_flush_dev_iotlb()",
       "the descriptor names the device",
       "on a unit with device-TLB throttling (ECAP.DIT) it names the physical function as well",
       "bits 15:12 and 63:52 of the descriptor, on such units. The upper field gets the id's lower twelve bits instead of its upper ones, so a unit counts for another function"},
      {"iommu_disable_dev_iotlb()",
       "returns for every PCI function",
       "returns for everything else",
       "in 4.4.1 ATS stays on in a device that has left its domain"},
      {"dma_pte_free_level()",
       "masks an address with the level below the entry's",
       "masks it with the entry's own level",
       "4.4.1 frees tables that are in use, when a range begins within one"},
      {"__domain_mapping() of a scatter list",
       "maps a piece from its first page on, and adds the whole offset to the address",
       "begins at the page that the offset leads to",
       "pieces whose offset is a page or more; 4.4.1 gives the device an address beyond what it mapped"},
      {"dmar_pci_bus_notifier(), RMRR and ATSR scopes",
       "forget a device when its removal begins (DEL_DEVICE)",
       "when it is over (REMOVED_DEVICE)",
       "the driver takes the device out of its domain first, and still finds its unit then"},
      {"iommu_group_add_device()",
       "takes a device whose attachment to the group's domain failed",
       "goes back: \"Failed to add device %s to group %d: %d\"",
       "a device joins a group only when it can be used there"},
      {"iommu_group_get_for_dev()",
       "replaces the domain that the group has by its default domain, and that is none",
       "keeps it",
       "a device that joins a group in use sees the user's domain"},
      {"__alloc_and_insert_iova_range()",
       "below a range at page 0 the limit wraps",
       "the limit becomes 0",
       "4.4.1 gives out a range that no device can address when a domain is full"},
      {"swiotlb",
       "\"software IO TLB [mem …] (…MB) mapped at […]\"; mappings of more than a page begin with a page",
       "\"software IO TLB: mapped [mem …] (…MB)\", and this prefix throughout; mappings of a page too",
       "log lines; the address of a bounced page"},
      {"quirk_dma_func1_alias()",
       "knows nine controllers",
       "knows Marvell 9128 and 9220, HighPoint 0645 as well",
       "the context entry of function 1 is written for them too"},
  });
  return all;
}
// clang-format on

}  // namespace iommulab::v4_4_178
