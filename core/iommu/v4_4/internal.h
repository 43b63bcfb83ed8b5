// SPDX-License-Identifier: GPL-2.0-only
//
// What is static in the iommu.c of Linux 4.4 and shared between its parts here.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "core/iommu/v4_4/iommu_ops.h"

namespace iommulab::v4_4 {

/// __iommu_domain_alloc()
iommu_domain* domain_alloc_of_type(bus_type& bus, iommu_domain_type type);
/// __iommu_attach_device(): without regard to the device's group.
int attach_device_unlocked(iommu_domain& domain, device& dev);

// The parts of iommu_group_add_device() and iommu_group_get_for_dev() that all of 4.4 has.

/// The device is in the group's list, and knows its group.
void enter_group(iommu_group& group, device& dev, std::string name);
/// Notifiers, note and log line of a device that has joined.
void announce_member(iommu_group& group, device& dev);
/// The group that the device has, or the one that the driver names, once `join` has taken the
/// device into it: 0 or a negative errno. Null with `error` set.
iommu_group* find_or_join_group(device& dev, int& error, absl::FunctionRef<int(iommu_group&)> join);

/// A group's domain: this core made it.
inline iommu_domain* own_domain(iommulab::iommu_domain* domain) {
  return static_cast<iommu_domain*>(domain);
}

}  // namespace iommulab::v4_4
