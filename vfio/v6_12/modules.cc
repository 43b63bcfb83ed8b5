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
               options.container_is_iommufd},
      vfio_{iommu.env(), iommu, iommu.slab, pages, nodes, sysfs, options},
      type1_(vfio_),
      pci_(vfio_, hardware) {
  iommufd_init(iommufd_);
  vfio_init(vfio_);
  // Without VFIO's own container nobody asks for type1: CONFIG_VFIO_IOMMU_TYPE1 is off then.
  if (!options.container_is_iommufd) type1_.init();
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

}  // namespace iommulab::v6_12
