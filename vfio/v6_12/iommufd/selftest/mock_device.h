// SPDX-License-Identifier: GPL-2.0-only
//
// Devices that are nothing but a place in a group, on a bus of their own, and the unit that is in
// charge of them. Linux v6.12 drivers/iommu/iommufd/selftest.c: struct mock_dev, mock_ops
//
// The core asks the driver of the first unit there is. So mock devices have an IOMMU only in a
// system without a real one, as in the kernel.
#pragma once

#include <cstdint>
#include <set>

#include "core/device.h"
#include "core/iommu/v6_12/iommu.h"
#include "vfio/v6_12/iommufd/iommufd.h"
#include "vfio/v6_12/iommufd/selftest/mock_domain.h"

namespace iommulab::v6_12 {

struct mock_dev final : device {
  uint32_t flags = 0;  ///< MOCK_FLAGS_DEVICE_*
  int id = 0;          ///< the lowest free one
};

/// mock_ops
class mock_iommu_ops final : public iommu_ops {
 public:
  mock_iommu_ops(iommufd_module& module, const bus_type& bus, iommu_device& unit);

  bool capable(device& dev, iommu_cap cap) override;
  iommu_domain* domain_alloc_paging(device& dev) override;
  [[nodiscard]] bool allocates_paging() const override { return true; }
  [[nodiscard]] bool allocates_for_users() const override { return true; }
  iommu_domain* domain_alloc_user(device& dev, uint32_t flags, iommu_domain* parent,
                                  const iommu_user_data* user_data, int& error) override;
  [[nodiscard]] bool has_hw_info() const override { return true; }
  int hw_info(device& dev, iommu_hw_info_data& info) override;
  iommu_device* probe_device(device& dev, int& error) override;
  iommu_group* device_group(device& dev, int& error) override;

  mock_domain_ops domain_ops;
  mock_nested_ops nested_ops;

 private:
  iommufd_module& module_;
  const bus_type& bus_;
  iommu_device& unit_;
  mock_blocking_ops blocking_ops_;
  iommu_domain blocking_domain_;
};

/// What is global in selftest.c, for one running system.
struct iommufd_selftest {
  explicit iommufd_selftest(iommufd_module& module);

  bus_type bus;       ///< iommufd_mock_bus_type
  iommu_device unit;  ///< mock_iommu_device
  mock_iommu_ops ops;
  bus_notifier_block notifier;
  std::set<int> ids;  ///< mock_dev_ida
};

/// On the bus, with a group. Null with `error` set.
mock_dev* mock_dev_create(iommufd_module& module, uint32_t dev_flags, int& error);
void mock_dev_destroy(iommufd_module& module, mock_dev& mdev);

}  // namespace iommulab::v6_12
