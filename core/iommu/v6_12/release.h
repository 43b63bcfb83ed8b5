// SPDX-License-Identifier: GPL-2.0-only
//
// What of iommu.c differs between the releases that this folder's code serves. The methods are
// 6.12's; an earlier release overrides what it does otherwise (core/iommu/v6_1).
#pragma once

#include <string>
#include <string_view>

#include "core/iommu/v6_12/iommu.h"

namespace iommulab::v6_12 {

class core_release {
 public:
  virtual ~core_release() = default;

  /// What stands behind a policy in the log: who asked for it.
  [[nodiscard]] virtual std::string_view policy_origin(bool by_command_line) const;

  /// Devices of the bus that have no unit yet are probed, and their groups get default domains.
  virtual int bus_iommu_probe(iommu_subsystem& iommu, bus_type& bus) const;
  /// iommu_probe_device(): a device that came.
  virtual int probe_device(iommu_subsystem& iommu, device& dev) const;
  /// iommu_release_device(): it goes. One without a unit may come too.
  virtual void release_device(iommu_subsystem& iommu, device& dev) const;
  /// iommu_group_remove_device(), the log line apart: it leaves its group.
  virtual void remove_from_group(iommu_subsystem& iommu, device& dev) const;

  /// __iommu_domain_alloc(): null with `error` set. `dev` is null for a domain for any device.
  virtual iommu_domain* domain_alloc(iommu_subsystem& iommu, iommu_ops& ops, device* dev,
                                     iommu_domain_type type, int& error) const;
  /// __iommu_attach_group()
  virtual int attach_group(iommu_domain& domain, iommu_group& group) const;
  /// __iommu_group_set_domain()
  virtual int set_domain(iommu_group& group, iommu_domain* new_domain) const;
  /// The same, to a domain that cannot refuse: if it does, the log says so.
  virtual void set_domain_nofail(iommu_group& group, iommu_domain* new_domain) const;
  /// iommu_deferred_attach(): 0 when the attach did not wait.
  virtual int deferred_attach(device& dev, iommu_domain& domain) const;
  /// Whether a driver may do DMA through the default domain: 0, -EBUSY or -EPROBE_DEFER (-517).
  [[nodiscard]] virtual int may_use_default_domain(const iommu_group& group) const;
  /// iommu_group_store_type(): bytes taken, or a negative errno.
  virtual ssize_t store_type(iommu_subsystem& iommu, iommu_group& group,
                             std::string_view text) const;
};

const core_release& core_of_6_12();

}  // namespace iommulab::v6_12
