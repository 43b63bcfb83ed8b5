// SPDX-License-Identifier: GPL-2.0-only
//
// The identity domain, one for all: without a table's use where every unit passes through, else
// with all of memory mapped one to one.
#pragma once

#include "intel/v6_12/driver.h"

namespace iommulab::v6_1 {

// Linux v6.1 drivers/iommu/intel/iommu.c

/// `hw`: units pass through. 0, -EFAULT without the domain, or -ENOMEM with a part of its table.
int si_domain_init(v6_12::intel_driver& drv, bool hw);
/// Start-up failed: the domain goes, if there is one.
void si_domain_exit(v6_12::intel_driver& drv);
/// domain_type_is_si()
inline bool domain_type_is_si(const v6_12::dmar_domain& domain) {
  return domain.type == iommu_domain_type::identity;
}

}  // namespace iommulab::v6_1
