// SPDX-License-Identifier: GPL-2.0-only
//
// VFIO and iommufd of 6.12 as modules of one running system: loaded together, gone together.
#pragma once

#include <memory>
#include <vector>

#include "core/pci/pci.h"
#include "core/sysfs.h"
#include "vfio/module_options.h"
#include "vfio/sysfs/module_parameters.h"
#include "vfio/v6_12/iommufd/iommufd.h"
#include "vfio/v6_12/pci/vfio_pci.h"
#include "vfio/v6_12/type1/type1.h"
#include "vfio/v6_12/vfio/vfio.h"

namespace iommulab::v6_12 {

/// No process has one of their files open when they go, and vfio-pci has no device.
class vfio_modules {
 public:
  /// All outlive this.
  vfio_modules(const vfio_module_options& options, iommu_subsystem& iommu, sysfs_tree& sysfs,
               user_pages& pages, device_nodes& nodes, vfio_hardware hardware = {});
  ~vfio_modules();
  vfio_modules(const vfio_modules&) = delete;
  vfio_modules& operator=(const vfio_modules&) = delete;

  /// vfio-pci's probe() and remove().
  int probe(pci_dev& pdev);
  void remove(pci_dev& pdev);
  /// Whether the kernel would wait in remove() for whoever has the function open.
  [[nodiscard]] bool waits_for_user(pci_dev& pdev) const;

 private:
  void add_parameters(sysfs_tree& sysfs);

  iommufd_module iommufd_;
  vfio_module vfio_;
  vfio_iommu_type1 type1_;
  vfio_pci_driver pci_;
  std::vector<std::unique_ptr<module_parameters>> parameters_;
};

}  // namespace iommulab::v6_12
