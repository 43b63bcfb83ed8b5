// SPDX-License-Identifier: GPL-2.0-only
//
// What iommu.c of Linux 6.1 does otherwise than 6.12's (core/iommu/v6_12): a device joins its group
// before the group has a domain, drivers have a detach beside the attach, and a group's type can be
// changed while it has one device.
#pragma once

#include "core/iommu/v6_12/release.h"

namespace iommulab::v6_1 {

class core_release final : public v6_12::core_release {
 public:
  [[nodiscard]] std::string_view policy_origin(bool by_command_line) const override;
  int bus_iommu_probe(v6_12::iommu_subsystem& iommu, bus_type& bus) const override;
  int probe_device(v6_12::iommu_subsystem& iommu, device& dev) const override;
  void release_device(v6_12::iommu_subsystem& iommu, device& dev) const override;
  void remove_from_group(v6_12::iommu_subsystem& iommu, device& dev) const override;
  v6_12::iommu_domain* domain_alloc(v6_12::iommu_subsystem& iommu, v6_12::iommu_ops& ops,
                                    device* dev, iommu_domain_type type, int& error) const override;
  int attach_group(v6_12::iommu_domain& domain, iommu_group& group) const override;
  int set_domain(iommu_group& group, v6_12::iommu_domain* new_domain) const override;
  void set_domain_nofail(iommu_group& group, v6_12::iommu_domain* new_domain) const override;
  int deferred_attach(device& dev, v6_12::iommu_domain& domain) const override;
  [[nodiscard]] int may_use_default_domain(const iommu_group& group) const override;
  ssize_t store_type(v6_12::iommu_subsystem& iommu, iommu_group& group,
                     std::string_view text) const override;
};

const v6_12::core_release& core_of_6_1();

}  // namespace iommulab::v6_1
