// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/sysfs.h"

#include <string>
#include <vector>

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

// Linux v6.12 drivers/iommu/intel/iommu.c: version_show()
std::string version_show(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "version_show", {"dev", iommu});
  const uint32_t ver = iommu.reg.readl(vtd::ver_reg);
  const std::string text =
      absl::StrFormat("%d:%d\n", vtd::ver::max.get(ver), vtd::ver::min.get(ver));
  return this_call.result(text, static_cast<int>(text.size()));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domains_used_show()
std::string domains_used_show(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domains_used_show", {"dev", iommu});
  const std::string text = absl::StrFormat("%d\n", state_of(drv, iommu).domain_ids.taken());
  return this_call.result(text, static_cast<int>(text.size()));
}

}  // namespace

int add_unit_to_sysfs(intel_driver& drv, intel_iommu& iommu) {
  const std::vector<iommu_attribute> attributes = {
      {"version", [&drv, &iommu] { return version_show(drv, iommu); }},
      {"address", [&iommu] { return absl::StrFormat("%x\n", iommu.reg_phys.value()); }},
      {"cap", [&iommu] { return absl::StrFormat("%x\n", iommu.cap.value()); }},
      {"ecap", [&iommu] { return absl::StrFormat("%x\n", iommu.ecap.value()); }},
      {"domains_supported",
       [&iommu] { return absl::StrFormat("%d\n", iommu.cap.number_of_domains()); }},
      {"domains_used", [&drv, &iommu] { return domains_used_show(drv, iommu); }},
  };
  return iommu_device_sysfs_add(drv.host.iommu, state_of(drv, iommu).iommu, iommu.name,
                                "intel-iommu", attributes);
}

}  // namespace iommulab::v6_12
