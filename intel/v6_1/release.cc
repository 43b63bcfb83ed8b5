// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_1/release.h"

#include <cerrno>

#include "intel/page_table/levels.h"
#include "intel/v6_1/flush.h"
#include "intel/v6_1/identity.h"
#include "intel/v6_1/ops.h"
#include "platform/vtd/spec/first_level_entry.h"

namespace iommulab::v6_1 {

using v6_12::intel_driver;

const v6_12::linux_release& linux_6_1_176() {
  static const linux_release the_release;
  return the_release;
}

divergence_set linux_release::agreed() const {
  return v6_12::agreed_by_6_1();
}

std::vector<std::string_view> linux_release::inlined_functions() const {
  std::vector<std::string_view> all = {"alloc_iommu_pmu",          "domain_attach_iommu",
                                       "domain_setup_first_level", "iommu_alloc_root_entry",
                                       "iommu_enable_pci_caps",    "iommu_pmu_register"};
  const std::vector<std::string_view> common = v6_12::inlined_in_all_releases();
  all.insert(all.end(), common.begin(), common.end());
  return all;
}

std::unique_ptr<v6_12::iommu_ops> linux_release::make_ops(intel_driver& drv) const {
  return std::make_unique<intel_iommu_ops>(drv);
}

void linux_release::add_variables(const intel_driver& drv, structure& variables) const {
  variables.add("si_domain",
                structure_link{"dmar_domain",
                               drv.si_domain == nullptr ? std::string() : drv.si_domain->name()});
  variables.add("hw_pass_through", drv.hw_pass_through);
  variables.add("dmar_map_gfx", !drv.options.disable_igfx_iommu);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: init_dmars(), one unit without pass-through is enough
void linux_release::unit_is_prepared(intel_driver& drv, const intel_iommu& iommu) const {
  if (!iommu.ecap.pass_through()) drv.hw_pass_through = false;
}

unsigned linux_release::identity_mapping(const v6_12::intel_iommu_options& options) const {
  const unsigned graphics = options.disable_igfx_iommu ? v6_12::identmap_gfx : 0;
  return graphics | v6_12::linux_release::identity_mapping(options);
}

int linux_release::make_identity_domain(intel_driver& drv) const {
  return si_domain_init(drv, drv.hw_pass_through);
}

void linux_release::free_identity_domain(intel_driver& drv) const {
  si_domain_exit(drv);
}

// Linux v6.1 drivers/iommu/intel/iommu.c: intel_iommu_add()
int linux_release::takes_newcomer(intel_driver& drv, const intel_iommu& newcomer) const {
  if (!drv.hw_pass_through || newcomer.ecap.pass_through()) return 0;
  drv.pr.warn("%s: Doesn't support hardware pass through.", newcomer.name);
  return -ENXIO;
}

void linux_release::flush_range(intel_driver& drv, v6_12::dmar_domain& domain, uint64_t start,
                                uint64_t end, bool ih) const {
  const uint64_t pages = aligned_nrpages(start, end - start + 1);
  iommu_flush_iotlb_range(drv, domain, start >> page_shift, pages, ih);
}

uint64_t linux_release::first_level_bits() const {
  return vtd::first_level_entry::xd.mask();
}

void linux_release::add_to_pasid_entry(const intel_iommu& iommu, v6_12::ioasid pasid,
                                       vtd::pasid_entry& entry) const {
  // Addresses are a guest's or the kernel's: requests of either privilege are let through.
  const bool is_first = entry.type() == vtd::pasid_translation::first_level;
  const bool is_second = entry.type() == vtd::pasid_translation::second_level;
  if (is_first) entry.set_no_execute(true);
  if (is_first || (is_second && pasid == v6_12::iommu_no_pasid)) return;
  if (iommu.ecap.supervisor_requests()) entry.set_supervisor_requests(true);
}

bool linux_release::tells_device_tlbs(const intel_iommu& iommu) const {
  return !iommu.cap.caching_mode();
}

}  // namespace iommulab::v6_1
