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

// Linux v6.12 drivers/iommu/intel/iommu.c: address_show()
std::string address_show(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "address_show", {"dev", iommu});
  const std::string text = absl::StrFormat("%x\n", iommu.reg_phys.value());
  return this_call.result(text, static_cast<int>(text.size()));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: cap_show()
std::string cap_show(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "cap_show", {"dev", iommu});
  const std::string text = absl::StrFormat("%x\n", iommu.cap.value());
  return this_call.result(text, static_cast<int>(text.size()));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: ecap_show()
std::string ecap_show(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "ecap_show", {"dev", iommu});
  const std::string text = absl::StrFormat("%x\n", iommu.ecap.value());
  return this_call.result(text, static_cast<int>(text.size()));
}

// Linux v6.12 drivers/iommu/intel/iommu.c: domains_supported_show()
std::string domains_supported_show(intel_driver& drv, const intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "domains_supported_show", {"dev", iommu});
  const std::string text = absl::StrFormat("%d\n", iommu.cap.number_of_domains());
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
      {"address", [&drv, &iommu] { return address_show(drv, iommu); }},
      {"cap", [&drv, &iommu] { return cap_show(drv, iommu); }},
      {"ecap", [&drv, &iommu] { return ecap_show(drv, iommu); }},
      {"domains_supported", [&drv, &iommu] { return domains_supported_show(drv, iommu); }},
      {"domains_used", [&drv, &iommu] { return domains_used_show(drv, iommu); }},
  };
  return iommu_device_sysfs_add(drv.host.iommu, state_of(drv, iommu).iommu, iommu.name,
                                "intel-iommu", attributes);
}

}  // namespace iommulab::v6_12
