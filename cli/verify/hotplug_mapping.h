// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a device driver's first DMA mapping does to domains. The DMA API itself is not run when hot
// plugging is compared: no buffer is mapped. But a device's first mapping puts the device into a
// domain, and that much is needed to tell how many domains are in use.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/kernel/kernel.h"
#include "cli/verify/capture_folder.h"

namespace iommulab::verify {

/// Puts the device into the domain that its first mapping would put it into: the identity domain
/// or one of its own. False when it gets none; the log then says so.
/// Linux v4.4 drivers/iommu/intel-iommu.c: iommu_no_mapping(), __get_valid_domain_for_dev()
bool enter_domain(intel_driver& drv, device& dev);

/// The functions whose drivers had mapped memory when the capture's tables were first dumped, by
/// domain id. In pt-boot.txt these are the context entries that start-up did not make
/// (table_dump.h has the rule). An entry of an alias that is no function's own is left out.
absl::StatusOr<std::vector<std::string>> functions_mapped_at_boot(const capture_folder& folder);

}  // namespace iommulab::verify
