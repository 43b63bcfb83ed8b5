// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/cap_audit.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

/// A field of CAP or ECAP that is compared, with the kernel's word for it.
struct audited_field {
  bool of_ecap;
  vtd::field64 field;
  std::string_view name;
};

// Linux v6.12 drivers/iommu/intel/cap_audit.c: check_dmar_capabilities(). Numbers first, in the
// order in which a hot-added unit's are looked at.
constexpr std::array<audited_field, 10> number_fields = {{
    {false, vtd::cap::mamv, "max_amask_val"},
    {false, vtd::cap::nfr, "num_fault_regs"},
    {false, vtd::cap::sllps, "super_page_val"},
    {false, vtd::cap::fro, "fault_reg_offset"},
    {false, vtd::cap::mgaw, "mgaw"},
    {false, vtd::cap::sagaw, "sagaw"},
    {false, vtd::cap::nd, "ndoms"},
    {true, vtd::ecap::pss, "pss"},
    {true, vtd::ecap::mhmv, "max_handle_mask"},
    {true, vtd::ecap::iro, "iotlb_offset"},
}};
constexpr std::array<audited_field, 32> feature_fields = {{
    {false, vtd::cap::fl5lp, "fl5lp_support"},
    {false, vtd::cap::fl1gp, "fl1gp_support"},
    {false, vtd::cap::drd, "read_drain"},
    {false, vtd::cap::dwd, "write_drain"},
    {false, vtd::cap::psi, "pgsel_inv"},
    {false, vtd::cap::zlr, "zlr"},
    {false, vtd::cap::cm, "caching_mode"},
    {false, vtd::cap::phmr, "phmr"},
    {false, vtd::cap::plmr, "plmr"},
    {false, vtd::cap::rwbf, "rwbf"},
    {false, vtd::cap::afl, "afl"},
    {true, vtd::ecap::rps, "rps"},
    {true, vtd::ecap::smpwcs, "smpwc"},
    {true, vtd::ecap::flts, "flts"},
    {true, vtd::ecap::slts, "slts"},
    {true, vtd::ecap::nwfs, "nwfs"},
    {true, vtd::ecap::slads, "slads"},
    {true, vtd::ecap::smts, "smts"},
    {true, vtd::ecap::pds, "pds"},
    {true, vtd::ecap::dit, "dit"},
    {true, vtd::ecap::pasid, "pasid"},
    {true, vtd::ecap::eafs, "eafs"},
    {true, vtd::ecap::srs, "srs"},
    {true, vtd::ecap::ers, "ers"},
    {true, vtd::ecap::prs, "prs"},
    {true, vtd::ecap::nest, "nest"},
    {true, vtd::ecap::mts, "mts"},
    {true, vtd::ecap::sc, "sc_support"},
    {true, vtd::ecap::pt, "pass_through"},
    {true, vtd::ecap::dt, "dev_iotlb_support"},
    {true, vtd::ecap::qi, "qis"},
    {true, vtd::ecap::c, "coherent"},
}};

uint64_t register_of(const intel_iommu& iommu, const audited_field& f) {
  return f.of_ecap ? iommu.ecap.value() : iommu.cap.value();
}
uint64_t& sanity_of(intel_driver& drv, const audited_field& f) {
  return f.of_ecap ? drv.intel_iommu_ecap_sanity : drv.intel_iommu_cap_sanity;
}

/// DO_CHECK_FEATURE_MISMATCH: a feature that two have differently, none has.
void check_feature(intel_driver& drv, const audited_field& f, uint64_t a, uint64_t b) {
  if (f.field.get(a) == f.field.get(b)) return;
  sanity_of(drv, f) &= ~f.field.mask();
  drv.pr.info("IOMMU feature %s inconsistent", f.name);
}

// Linux v6.12 drivers/iommu/intel/cap_audit.c: check_dmar_capabilities()
void check_dmar_capabilities(intel_driver& drv, const intel_iommu& a, const intel_iommu& b) {
  for (const audited_field& f : number_fields) {
    uint64_t& sanity = sanity_of(drv, f);
    const uint64_t mask = f.field.mask();
    sanity = (sanity & ~mask) | std::min(sanity & mask, register_of(b, f) & mask);
  }
  for (const audited_field& f : feature_fields) {
    check_feature(drv, f, register_of(a, f), register_of(b, f));
  }
}

/// What cap_##feature() makes of a field of a hot-added unit.
uint64_t value_of(const intel_iommu& iommu, const audited_field& f) {
  if (f.name == "num_fault_regs") return iommu.cap.number_of_fault_records();
  if (f.name == "fault_reg_offset") return iommu.cap.fault_recording_offset();
  if (f.name == "mgaw") return iommu.cap.max_guest_address_width();
  if (f.name == "ndoms") return iommu.cap.number_of_domains();
  if (f.name == "iotlb_offset") return iommu.ecap.iotlb_offset();
  return f.field.get(register_of(iommu, f));
}

// Linux v6.12 drivers/iommu/intel/cap_audit.c: cap_audit_static()
int cap_audit_static(intel_driver& drv) {
  const intel_iommu* first = nullptr;
  for_each_active_iommu(drv, [&](intel_iommu& iommu, const auto&) {
    if (first == nullptr) {
      drv.intel_iommu_cap_sanity = iommu.cap.value();
      drv.intel_iommu_ecap_sanity = iommu.ecap.value();
      first = &iommu;
    } else {
      check_dmar_capabilities(drv, *first, iommu);
    }
  });
  const uint64_t ecap = drv.intel_iommu_ecap_sanity;
  const bool no_tables =
      vtd::ecap::smts.test(ecap) && !vtd::ecap::flts.test(ecap) && !vtd::ecap::slts.test(ecap);
  return no_tables ? -EOPNOTSUPP : 0;
}

// Linux v6.12 drivers/iommu/intel/cap_audit.c: cap_audit_hotplug()
int cap_audit_hotplug(intel_driver& drv, intel_iommu& iommu) {
  const uint64_t old_cap = drv.intel_iommu_cap_sanity;
  const uint64_t old_ecap = drv.intel_iommu_ecap_sanity;
  for (const audited_field& f : feature_fields) {
    const uint64_t sanity = sanity_of(drv, f);
    if (f.field.get(sanity) != 0) check_feature(drv, f, sanity, register_of(iommu, f));
  }
  bool mismatch = false;
  for (const audited_field& f : number_fields) {
    const uint64_t in_place = sanity_of(drv, f) & f.field.mask();
    if (in_place > value_of(iommu, f)) {
      mismatch = true;
      continue;
    }
    const uint64_t lowered = (register_of(iommu, f) & ~f.field.mask()) | in_place;
    if (f.of_ecap) {
      iommu.ecap = vtd::ecap_register(lowered);
    } else {
      iommu.cap = vtd::cap_register(lowered);
    }
  }
  if (!mismatch) return 0;
  drv.intel_iommu_cap_sanity = old_cap;
  drv.intel_iommu_ecap_sanity = old_ecap;
  return -EFAULT;
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/cap_audit.c: intel_cap_audit()
int intel_cap_audit(intel_driver& drv, intel_iommu* newcomer) {
  IOMMULAB_CALL(drv.trace, "intel_cap_audit",
                {"type", newcomer == nullptr ? "CAP_AUDIT_STATIC_DMAR" : "CAP_AUDIT_HOTPLUG_DMAR"});
  return this_call.result(newcomer == nullptr ? cap_audit_static(drv)
                                              : cap_audit_hotplug(drv, *newcomer));
}

// Linux v6.12 drivers/iommu/intel/cap_audit.c: intel_cap_smts_sanity()
bool intel_cap_smts_sanity(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_cap_smts_sanity");
  return this_call.result(vtd::ecap::smts.test(drv.intel_iommu_ecap_sanity));
}

// Linux v6.12 drivers/iommu/intel/cap_audit.c: intel_cap_flts_sanity()
bool intel_cap_flts_sanity(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_cap_flts_sanity");
  return this_call.result(vtd::ecap::flts.test(drv.intel_iommu_ecap_sanity));
}

// Linux v6.12 drivers/iommu/intel/cap_audit.c: intel_cap_slts_sanity()
bool intel_cap_slts_sanity(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "intel_cap_slts_sanity");
  return this_call.result(vtd::ecap::slts.test(drv.intel_iommu_ecap_sanity));
}

}  // namespace iommulab::v6_12
