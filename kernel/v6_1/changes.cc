// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_1/changes.h"

#include <array>

namespace iommulab::v6_1 {

// clang-format off
absl::Span<const kernel_change> changes() {
  static constexpr std::array all = std::to_array<kernel_change>({
      {"intel_iommu=",
       "off unless the command line says on; igfx_off, forcedac, strict, sp_off, ecs_off, pasid28",
       "on unless the command line says off, for all but integrated graphics; sm_on, sm_off and others are new, forcedac and strict are old names of iommu.forcedac and iommu.strict",
       "Debian's configuration. A boot without the option translates"},
      {"intel_iommu_init()",
       "maps RMRRs and the first 16 MiB for the ISA bridge, switches translation on, and then makes the groups",
       "makes groups, default domains and context entries of all devices first, and then switches translation on",
       "no device has a moment without its entry. The log's last line of start-up stands behind the groups' lines"},
      {"pci_device_group(), iommu_setup_default_domain()",
       "a group is a list of devices; a device gets a domain of its own at its first mapping",
       "a group has a default domain from the start, and all its devices are in it",
       "sysfs has the domain's type, `type`, and `reserved_regions` beside it. Ids 0 and 1 are taken; groups get 2, 3 and so on"},
      {"context entries",
       "of a device, when it maps something",
       "of every PCI device, hosts and bridges too, and of the requester ids that stand for them",
       "two context tables where there was none before a driver came"},
      {"agaw",
       "a domain has as many levels as 48 bits take, if the unit has them",
       "the most that the unit has",
       "the same on q35; on a unit with five levels one more"},
      {"intel_map_single() …",
       "the driver has DMA operations of its own: alloc_iova(), domain_pfn_mapping(), deferred flushing",
       "iommu_dma_map_page() of dma-iommu.c over the IOMMU core: iommu_map(), intel_iommu_map_pages()",
       "every IOMMU driver shares the code. A coherent buffer is mapped page by page"},
      {"alloc_iova()",
       "one tree of ranges, searched downwards from a cached node for each request",
       "caches of freed ranges per processor and size, up to 32 pages, before the tree; sizes are rounded up to a power of two",
       "the search that went linear is the exception"},
      {"the limit of addresses",
       "the device's DMA mask; addresses below 4 GiB first with forcedac off",
       "PCI devices try below 4 GiB first whatever their mask; iommu.forcedac=1 takes that away",
       "with it, a q35 domain's addresses begin at 7FFFFFF000h"},
      {"flush_unmaps()",
       "250 unmaps of all domains together, then a flush of everything",
       "a queue of 256 places for each domain and processor; 10 ms after the first unmap, or when full, one flush of that domain",
       "a lazy window is a domain's own; other domains' IOTLB entries stay"},
      {"intel_iommu_strict",
       "strict is for the machine, and is what caching mode does at once",
       "a type of domain: DMA-FQ is lazy, DMA is strict; caching mode makes DMA, although the log has said lazy before the units were looked at",
       "`type` of a group says which, and a write to it changes it"},
      {"page tables",
       "read and write bits alone say what is present; mappings of the first 16 MiB are superpages",
       "bit 0 is always set; a domain learns of superpages when it is attached, and direct mappings come before",
       "from-device mappings are 3; the first 16 MiB are 4096 entries of 4 KiB"},
      {"dmar_set_interrupt()",
       "programs the fault event, unmasks it, programs it again",
       "programs it twice, then unmasks it",
       "the order of FEDATA and FECTL in the register trace"},
      {"iommu_disable_protect_mem_regions()",
       "reads and clears PMEN whatever the unit has",
       "leaves PMEN alone on a unit without protected memory regions",
       "start-up ends with GSTS"},
      {"dmar_fault()",
       "two lines a fault, `DMAR:[DMA Read] Request device …`; clears FSTS with 3",
       "one line, with the PASID or NO_PASID; clears with 83h",
       "see what `fault` makes of both"},
      {"scalable mode",
       "none",
       "where units have it, unless sm_off: 256-bit context entries, a PASID directory and table for each device, descriptors of 256 bits, page tables of the first level",
       "RTADDR has bit 10, IQA bits 11 and 0"},
  });
  return all;
}
// clang-format on

}  // namespace iommulab::v6_1
