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

}  // namespace iommulab::v4_4
