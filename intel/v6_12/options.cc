// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/options.h"

#include <array>

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

/// A word of the option: what the log says to it, and what it does.
struct option_word {
  std::string_view word;
  log_level level;
  std::string_view said;
  void (*apply)(intel_iommu_options&);
};

// In the order in which the kernel compares: "off" is not taken for "on", nor "sm_off" for "sm_on".
constexpr std::array<option_word, 10> option_words = {{
    {"on", log_level::info, "IOMMU enabled",
     [](intel_iommu_options& o) {
       o.dmar_disabled = false;
       o.dmar_map_intgpu = true;
     }},
    {"off", log_level::info, "IOMMU disabled",
     [](intel_iommu_options& o) {
       o.dmar_disabled = true;
       o.no_platform_optin = true;
     }},
    {"igfx_off", log_level::info, "Disable GFX device mapping",
     [](intel_iommu_options& o) { o.disable_igfx_iommu = true; }},
    {"intgpu_off", log_level::info, "Disable integrated GPU device mapping",
     [](intel_iommu_options& o) { o.dmar_map_intgpu = false; }},
    {"forcedac", log_level::warning, "intel_iommu=forcedac deprecated; use iommu.forcedac instead",
     [](intel_iommu_options& o) { o.iommu_dma_forcedac = true; }},
    {"strict", log_level::warning, "intel_iommu=strict deprecated; use iommu.strict=1 instead",
     [](intel_iommu_options& o) { o.iommu_dma_strict = true; }},
    {"sp_off", log_level::info, "Disable supported super page",
     [](intel_iommu_options& o) { o.intel_iommu_superpage = false; }},
    {"sm_on", log_level::info, "Enable scalable mode if hardware supports",
     [](intel_iommu_options& o) { o.intel_iommu_sm = true; }},
    {"sm_off", log_level::info, "Scalable mode is disallowed",
     [](intel_iommu_options& o) { o.intel_iommu_sm = false; }},
    {"tboot_noforce", log_level::info,
     "Intel-IOMMU: not forcing on after tboot. This could expose security risk for tboot",
     [](intel_iommu_options& o) { o.intel_iommu_tboot_noforce = true; }},
}};

void apply_word(printk_log& log, std::string_view rest, intel_iommu_options& options) {
  for (const option_word& known : option_words) {
    if (!rest.starts_with(known.word)) continue;
    known.apply(options);
    log.print(known.level, absl::StrFormat("DMAR: %s", known.said));
    return;
  }
  // The kernel prints all that follows, not the word alone.
  log.print(log_level::notice, absl::StrFormat("DMAR: Unknown option - '%s'", rest));
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/iommu.c: intel_iommu_setup()
void intel_iommu_setup(environment& env, std::string_view value, intel_iommu_options& options) {
  IOMMULAB_CALL(env.trace, "intel_iommu_setup", {"str", value});
  while (!value.empty()) {
    apply_word(env.log, value, options);
    const size_t comma = value.find(',');
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma);
    while (value.starts_with(',')) value.remove_prefix(1);
  }
}

}  // namespace iommulab::v6_12
