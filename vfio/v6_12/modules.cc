// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/modules.h"

namespace iommulab::v6_12 {

vfio_modules::vfio_modules(const vfio_module_options& options, iommu_subsystem& iommu,
                           sysfs_tree& sysfs, user_pages& pages, device_nodes& nodes,
                           vfio_hardware hardware)
    : iommufd_{iommu.env(),
               iommu,
               iommu.slab,
               pages,
               nodes,
               options.allow_unsafe_interrupts,
               options.container_is_iommufd,
               options.iommufd_test},
      vfio_{iommu.env(), iommu, iommu.slab, pages, nodes, sysfs, options},
      type1_(vfio_),
      pci_(vfio_, hardware) {
  iommufd_init(iommufd_);
  vfio_init(vfio_);
  // Without VFIO's own container nobody asks for type1: CONFIG_VFIO_IOMMU_TYPE1 is off then.
  if (!options.container_is_iommufd) type1_.init();
  add_parameters(sysfs);
}

void vfio_modules::add_parameters(sysfs_tree& sysfs) {
  parameters_.push_back(std::make_unique<module_parameters>(sysfs, "iommufd"));
  parameters_.back()->add("allow_unsafe_interrupts", iommufd_.allow_unsafe_interrupts);
  vfio_module_options& options = vfio_.options;
  if (options.container_is_iommufd) return;
  parameters_.push_back(std::make_unique<module_parameters>(sysfs, "vfio_iommu_type1"));
  parameters_.back()->add("allow_unsafe_interrupts", options.allow_unsafe_interrupts);
  parameters_.back()->add("disable_hugepages", options.disable_hugepages);
  parameters_.back()->add("dma_entry_limit", options.dma_entry_limit);
}

vfio_modules::~vfio_modules() {
  if (!vfio_.options.container_is_iommufd) type1_.cleanup();
  vfio_cleanup(vfio_);
  iommufd_exit(iommufd_);
}

int vfio_modules::probe(pci_dev& pdev) {
  return vfio_pci_probe(pci_.module(), pdev);
}

void vfio_modules::remove(pci_dev& pdev) {
  vfio_pci_remove(pci_.module(), pdev);
}

bool vfio_modules::waits_for_user(pci_dev& pdev) const {
  const auto& functions = pci_.module().drvdata;
  const auto found = functions.find(&pdev);
  return found != functions.end() && found->second->refcount > 1;
}

}  // namespace iommulab::v6_12
