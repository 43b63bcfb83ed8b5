// SPDX-License-Identifier: GPL-2.0-only
//
// What releases of Linux 4.4 do differently in dmar.c and intel-iommu.c. This class is 4.4.1; a
// later release overrides what it does otherwise (intel/v4_4_178/release.h), so that the two files
// beside each other are the difference. No release has state of its own.
#pragma once

#include <cstdint>
#include <optional>

#include "core/device.h"
#include "core/iommu/iommu.h"
#include "core/v4_4/divergence.h"
#include "intel/v4_4/driver.h"

namespace iommulab::v4_4 {

class linux_release {
 public:
  virtual ~linux_release() = default;

  /// The port's divergences from 4.4.1 in which this release does as the port.
  [[nodiscard]] virtual divergence_set agreed() const { return {}; }

  // dmar.c

  /// dmar_disable_qi(): the status, looked at before the queue goes off.
  [[nodiscard]] virtual uint32_t read_status(intel_iommu& iommu) const;
  /// dmar_pci_bus_notifier(): the event at which a device leaves the scopes.
  [[nodiscard]] virtual bus_notify scope_removal() const { return bus_notify::del_device; }

  // Start-up and taking down

  /// init_dmars(): at the end of its first loop, for each unit.
  virtual void unit_is_prepared(intel_driver& drv, intel_iommu& iommu) const;
  /// init_dmars(): behind that loop.
  virtual void units_are_prepared(intel_driver& /*drv*/) const {}
  /// init_dmars(): the identity domain, when something asks for one. 0 or a negative errno.
  [[nodiscard]] virtual int make_identity_domain(intel_driver& drv) const;
  /// disable_dmar_iommu(): devices behind the unit leave their domains.
  virtual void empty_unit(intel_driver& drv, intel_iommu& iommu) const;

  // Devices

  /// device_to_iommu(): the function that a unit's scopes name in the place of `pdev`.
  [[nodiscard]] virtual const pci_dev& named_in_scopes(const pci_dev& pdev) const { return pdev; }
  /// iommu_group_get_for_dev(), as intel_iommu_add_device() calls it.
  virtual iommu_group* group_for(device& dev, int& error) const;
  /// domain_context_mapping_one(): a copied entry that a new one is about to replace.
  virtual void forget_copied_entry(intel_driver& /*drv*/, intel_iommu& /*iommu*/, source_id /*id*/,
                                   const vtd::context_entry& /*copied*/) const {}
  /// domain_context_mapping_one(): the width, as agaw, of the table that the unit gets; nothing
  /// where the domain has too few levels.
  [[nodiscard]] virtual std::optional<int> context_agaw(intel_driver& drv,
                                                        const dmar_domain& domain,
                                                        const intel_iommu& iommu) const;
  /// iommu_flush_dev_iotlb(): one device of the domain.
  virtual void flush_dev_iotlb(intel_driver& drv, const device_domain_info& info, uint64_t addr,
                               unsigned mask) const;

  // Scatter lists

  /// __domain_mapping(): the bits of a piece's offset that the device is told; the others lead to
  /// the first page that is mapped.
  [[nodiscard]] virtual uint64_t told_of_offset() const { return ~uint64_t{0}; }
};

/// Linux 4.4.1.
const linux_release& linux_4_4_1();

}  // namespace iommulab::v4_4
