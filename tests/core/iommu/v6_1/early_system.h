// SPDX-License-Identifier: GPL-2.0-only
//
// 6.1's IOMMU core over the driver without hardware of 6.12's tests.
#pragma once

#include <vector>

#include "../v6_12/core_system.h"
#include "core/iommu/v6_1/release.h"
#include "core/iommu/v6_12/group.h"

namespace iommulab::v6_1::core_test {

using v6_12::core_test::two_and_a_pair;

inline constexpr auto dma = iommu_domain_type::dma;
inline constexpr auto identity = iommu_domain_type::identity;

struct early_system : v6_12::core_test::core_system {
  explicit early_system(const std::vector<pci_function_config>& functions)
      : core_system(functions, core_of_6_1()) {
    driver.notes_finalize = true;
  }
  /// Started, with what that took forgotten.
  void start_well() {
    ASSERT_EQ(start(), 0);
    driver.take_calls();
  }
  [[nodiscard]] iommu_group& group(source_id id) const { return *dev(id).group; }
  [[nodiscard]] const v6_12::group_state& state(source_id id) const {
    return v6_12::state_of(group(id));
  }
};

/// `count` functions of one device, which share a group.
inline std::vector<pci_function_config> one_group_of(unsigned count) {
  std::vector<pci_function_config> functions;
  for (unsigned i = 0; i < count; ++i) {
    functions.push_back(endpoint(at(0, 4, i)).multifunction().build());
  }
  return functions;
}

}  // namespace iommulab::v6_1::core_test
