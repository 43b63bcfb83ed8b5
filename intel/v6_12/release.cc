// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/release.h"

#include "intel/v6_12/cache.h"
#include "intel/v6_12/ops.h"

namespace iommulab::v6_12 {

std::vector<std::string_view> inlined_in_all_releases() {
  return {"__iommu_group_for_each_dev",
          "alloc_iommu",
          "dmar_acpi_dev_scope_init",
          "dmar_acpi_insert_dev_scope",
          "dmar_alloc_seq_id",
          "dmar_free_seq_id",
          "dmar_hotplug_insert",
          "dmar_hotplug_remove",
          "dmar_match_pci_path",
          "dmar_parse_one_andd",
          "dmar_pci_bus_del_dev",
          "dmar_pci_device_match",
          "free_iommu",
          "iommu_device_create",
          "iommu_device_destroy",
          "map_iommu",
          "unmap_iommu"};
}

const linux_release& linux_6_12_117() {
  static const linux_release the_release;
  return the_release;
}

divergence_set linux_release::agreed() const {
  return agreed_by_6_12();
}

std::vector<std::string_view> linux_release::inlined_functions() const {
  std::vector<std::string_view> all = {"alloc_domain", "alloc_pgtable_page", "dmar_table_detect",
                                       "first_level_by_default", "free_pgtable_page"};
  const std::vector<std::string_view> common = inlined_in_all_releases();
  all.insert(all.end(), common.begin(), common.end());
  return all;
}

std::unique_ptr<iommu_ops> linux_release::make_ops(intel_driver& drv) const {
  return std::make_unique<intel_iommu_ops>(drv);
}

void linux_release::add_variables(const intel_driver& drv, structure& variables) const {
  variables.add("disable_igfx_iommu", drv.options.disable_igfx_iommu);
}

unsigned linux_release::identity_mapping(const intel_iommu_options& options) const {
  return options.dmar_map_intgpu ? 0 : identmap_intgpu;
}

void linux_release::flush_range(intel_driver& drv, dmar_domain& domain, uint64_t start,
                                uint64_t end, bool ih) const {
  cache_tag_flush_range(drv, domain, start, end, ih);
}

}  // namespace iommulab::v6_12
