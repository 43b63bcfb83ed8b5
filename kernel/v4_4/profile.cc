// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4/profile.h"

#include <array>

#include "core/cmdline.h"
#include "core/v4_4/divergence.h"
#include "core/x86_options.h"
#include "intel/v4_4/firmware_findings.h"
#include "intel/v4_4/options.h"
#include "kernel/v4_4/command_words.h"
#include "kernel/v4_4/generation.h"

namespace iommulab::v4_4 {

linux_4_4::linux_4_4(const v4_4::release& which) : release_(which) {
  for (const divergence_entry& entry : divergences_without(which.driver.agreed())) {
    differences_.push_back(
        {entry.name, entry.where, entry.kernel, entry.here, iommulab::name(entry.shows)});
  }
}

std::string linux_4_4::does_about(const dmar_table& table, const dmar_finding& finding) const {
  return linux_4_4_behaviour(table, finding);
}

absl::Span<const std::string_view> linux_4_4::structure_kinds() const {
  static constexpr auto kinds = std::to_array<std::string_view>(
      {"dmar_drhd_unit", "dmar_rmrr_unit", "dmar_atsr_unit", "intel_iommu", "g_iommus",
       "dmar_domain", "device_domain_info", "iova_domain", "deferred_flush_tables", "iommu_group",
       "device"});
  return kinds;
}

absl::Span<const std::string_view> linux_4_4::structure_variables() const {
  static constexpr auto variables = std::to_array<std::string_view>(
      {"g_num_of_iommus", "g_iommus", "si_domain", "dmar_disabled", "dmar_map_gfx", "dmar_forcedac",
       "intel_iommu_strict", "intel_iommu_superpage", "intel_iommu_ecs", "intel_iommu_enabled",
       "intel_iommu_gfx_mapped", "iommu_identity_mapping", "hw_pass_through", "rwbf_quirk",
       "list_size", "timer_on"});
  return variables;
}

bool linux_4_4::translation_asked_for(const std::string& text) const {
  environment silent;
  intel_iommu_options options;
  x86_options x86;
  command_line line;
  add_x86_early_params(line, x86);
  line.setup("intel_iommu=", [&](std::string_view value) {
    intel_iommu_setup(silent, value, options);
    return 0;
  });
  line.dispatch(text, silent.log);
  return !options.dmar_disabled && !x86.iommu.no_iommu;
}

std::vector<command_line_note> linux_4_4::notes_on(const std::string& text) const {
  return notes_on_command_line(text,
                               {release_.number, &command_words(), translation_asked_for(text)});
}

std::unique_ptr<kernel_generation> linux_4_4::create(const kernel_host& host) const {
  return std::make_unique<generation>(release_, host);
}

const kernel_profile& profile() {
  static const v4_4::release linux_4_4_1_release = {.name = "v4_4",
                                                    .number = "4.4.1",
                                                    .driver = linux_4_4_1(),
                                                    .swiotlb = swiotlb_4_4_1(),
                                                    .vfio = vfio_4_4_1(),
                                                    .changes = {}};
  static const linux_4_4 the_profile(linux_4_4_1_release);
  return the_profile;
}

}  // namespace iommulab::v4_4
