// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO of 4.4 as modules of one running system: loaded together, gone together.
#pragma once

#include "core/pci/pci.h"
#include "core/sysfs.h"
#include "vfio/module_options.h"
#include "vfio/sysfs/module_parameters.h"
#include "vfio/v4_4/pci/vfio_pci.h"
#include "vfio/v4_4/type1/type1.h"
#include "vfio/v4_4/vfio/release.h"
#include "vfio/v4_4/vfio/vfio.h"

namespace iommulab::v4_4 {

/// What the modules run on; all outlive them.
struct vfio_services {
  environment& env;
  slab_failures& slab;
  sysfs_tree& sysfs;
  user_pages& pages;
  device_nodes& nodes;
  vfio_hardware hardware{};
};

/// No process has one of their files open when they go, and vfio-pci has no device.
class vfio_modules {
 public:
  vfio_modules(const vfio_release& release, const vfio_module_options& options,
               const vfio_services& services);
  ~vfio_modules();
  vfio_modules(const vfio_modules&) = delete;
  vfio_modules& operator=(const vfio_modules&) = delete;

  /// vfio-pci's probe() and remove().
  int probe(pci_dev& pdev);
  void remove(pci_dev& pdev);
  /// Whether the kernel would wait in remove() for whoever has the function open.
  [[nodiscard]] bool waits_for_user(pci_dev& pdev) const;

 private:
  vfio_module vfio_;
  vfio_iommu_type1 type1_;
  vfio_pci_driver pci_;
  module_parameters parameters_;
};

}  // namespace iommulab::v4_4
