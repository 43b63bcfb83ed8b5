// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v4_4/modules.h"

namespace iommulab::v4_4 {

vfio_modules::vfio_modules(const vfio_release& release, const vfio_module_options& options,
                           const vfio_services& services)
    : vfio_{services.env,   services.slab, services.pages, services.nodes,
            services.sysfs, release,       options},
      type1_(vfio_),
      pci_(vfio_, services.hardware),
      parameters_(services.sysfs, "vfio_iommu_type1") {
  vfio_init(vfio_);
  type1_.init();
  parameters_.add("allow_unsafe_interrupts", vfio_.options.allow_unsafe_interrupts);
  parameters_.add("disable_hugepages", vfio_.options.disable_hugepages);
}

vfio_modules::~vfio_modules() {
  type1_.cleanup();
  vfio_cleanup(vfio_);
}

int vfio_modules::probe(pci_dev& pdev) {
  return vfio_pci_probe(pci_.module(), pdev);
}

void vfio_modules::remove(pci_dev& pdev) {
  vfio_pci_remove(pci_.module(), pdev);
}

bool vfio_modules::waits_for_user(pci_dev& pdev) const {
  const auto found = vfio_.drvdata.find(&pdev.dev);
  return found != vfio_.drvdata.end() && found->second->kref > 1;
}

}  // namespace iommulab::v4_4
