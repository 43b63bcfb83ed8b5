// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/profile.h"

#include <array>

#include "core/cmdline.h"
#include "core/v6_12/divergence.h"
#include "intel/v6_12/firmware_findings.h"
#include "intel/v6_12/options.h"
#include "intel/v6_12/structures.h"
#include "kernel/v6_12/changes.h"
#include "kernel/v6_12/command_words.h"
#include "kernel/v6_12/generation.h"

namespace iommulab::v6_12 {

linux_6::linux_6(const v6_12::release& which) : release_(which) {
  for (const divergence_entry& entry : divergences_without(which.driver.agreed())) {
    differences_.push_back(
        {entry.name, entry.where, entry.kernel, entry.here, iommulab::name(entry.shows)});
  }
}

std::string linux_6::does_about(const dmar_table& table, const dmar_finding& finding) const {
  return linux_6_behaviour(release_.driver.name(), table, finding);
}

absl::Span<const std::string_view> linux_6::structure_kinds() const {
  static constexpr auto kinds = std::to_array<std::string_view>(
      {"dmar_drhd_unit", "dmar_rmrr_unit", "dmar_atsr_unit", "dmar_satc_unit", "intel_iommu",
       "variables", "dmar_domain", "device_domain_info", "pasid_table", "iova_domain",
       "iommu_dma_cookie", "iommu_group", "device"});
  return kinds;
}

bool linux_6::translation_asked_for(const std::string& text) const {
  environment silent;
  intel_iommu_options options;
  iommulab::x86_options x86;
  command_line line;
  add_platform_early_params(line, x86);
  line.early_param("iommu", [&](std::optional<std::string_view> value) {
    return iommulab::iommu_setup(x86.iommu, value);
  });
  line.setup("intel_iommu=", [&](std::string_view value) {
    intel_iommu_setup(silent, value, options);
    return 0;
  });
  line.dispatch(text, silent.log);
  return !options.dmar_disabled && !x86.iommu.no_iommu;
}

std::vector<command_line_note> linux_6::notes_on(const std::string& text) const {
  return notes_on_command_line(text, {release(), &command_words(), translation_asked_for(text)});
}

std::unique_ptr<kernel_generation> linux_6::create(const kernel_host& host) const {
  return std::make_unique<generation>(host, release_);
}

const kernel_profile& profile() {
  static constexpr auto variables = std::to_array<std::string_view>(
      {"dmar_disabled", "intel_iommu_sm", "intel_iommu_enabled", "dmar_map_intgpu",
       "disable_igfx_iommu", "intel_iommu_superpage", "iommu_identity_mapping",
       "iommu_skip_te_disable", "rwbf_quirk", "intel_pasid_max_id", "intel_iommu_cap_sanity",
       "intel_iommu_ecap_sanity"});
  static const v6_12::release linux_6_12 = {.name = "v6_12",
                                            .number = "6.12.117",
                                            .driver = linux_6_12_117(),
                                            .core = core_of_6_12(),
                                            .dma = dma_of_6_12,
                                            .changes = changes(),
                                            .structure_variables = variables,
                                            .has_vfio = true};
  static const linux_6 the_profile(linux_6_12);
  return the_profile;
}

}  // namespace iommulab::v6_12
