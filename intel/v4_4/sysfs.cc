// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v4_4/sysfs.h"

#include <string>
#include <vector>

#include "absl/strings/str_format.h"

namespace iommulab::v4_4 {
namespace {

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_show_version()
std::string intel_iommu_show_version(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_show_version", {"dev", iommu});
  const uint32_t ver = iommu.reg.readl(vtd::ver_reg);
  const std::string text =
      absl::StrFormat("%d:%d\n", vtd::ver::max.get(ver), vtd::ver::min.get(ver));
  return this_call.result(text, static_cast<int>(text.size()));
}

// Linux v4.4 drivers/iommu/intel-iommu.c: intel_iommu_show_ndoms_used()
std::string intel_iommu_show_ndoms_used(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "intel_iommu_show_ndoms_used", {"dev", iommu});
  const std::string text = absl::StrFormat("%d\n", domains_of(drv, iommu).domain_ids.taken());
  return this_call.result(text, static_cast<int>(text.size()));
}

}  // namespace

void intel_iommu_create_sysfs(intel_driver& drv, intel_iommu& iommu) {
  const std::vector<iommu_attribute> attributes = {
      {"version", [&drv, &iommu] { return intel_iommu_show_version(drv, iommu); }},
      {"address", [&iommu] { return absl::StrFormat("%x\n", iommu.reg_phys.value()); }},
      {"cap", [&iommu] { return absl::StrFormat("%x\n", iommu.cap.value()); }},
      {"ecap", [&iommu] { return absl::StrFormat("%x\n", iommu.ecap.value()); }},
      {"domains_supported",
       [&iommu] { return absl::StrFormat("%d\n", iommu.cap.number_of_domains()); }},
      {"domains_used", [&drv, &iommu] { return intel_iommu_show_ndoms_used(drv, iommu); }},
  };
  iommu.iommu_dev = iommu_device_create(drv.host.iommu, iommu.name, "intel-iommu", attributes);
}

}  // namespace iommulab::v4_4
