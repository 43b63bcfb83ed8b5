// SPDX-License-Identifier: GPL-2.0-only
//
// What the rest of iommufd asks of its tests: CONFIG_IOMMUFD_TEST. All of it does nothing in a
// module that was built without.
// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h
#pragma once

#include <cstdint>
#include <string_view>

#include "core/environment.h"
#include "vfio/v6_12/iommufd/iommufd.h"

namespace iommulab::v6_12 {

struct iommufd_ucmd;

/// A place that has to be able to fail: counted among the allocations, and fails with them.
/// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_should_fail()
inline bool iommufd_should_fail(const iommufd_module& module) {
  if (!module.has_selftest) return false;
  if (module.slab.should_fail()) return true;
  module.slab.freed();
  return false;
}

/// if (IS_ENABLED(CONFIG_IOMMUFD_TEST)) WARN_ON(…): an invariant that is too dear to be looked at
/// otherwise. Returns whether it is broken.
inline bool iommufd_test_warn_on(const iommufd_module& module, bool is_broken,
                                 std::string_view function) {
  if (!module.has_selftest || !is_broken) return false;
  module.env.log.warn_on(function);
  return true;
}

/// With a flag of the tests' own, `iova` names an area by its place and an offset in it, and
/// becomes the address there.
void iommufd_test_syz_conv_iova_id(iommufd_ucmd& ucmd, uint32_t ioas_id, uint64_t& iova,
                                   uint32_t& flags);

/// The mock unit and its bus. 0 or a negative errno.
int iommufd_test_init(iommufd_module& module);
void iommufd_test_exit(iommufd_module& module);
/// IOMMU_TEST_CMD
int iommufd_test(iommufd_ucmd& ucmd);

}  // namespace iommulab::v6_12
