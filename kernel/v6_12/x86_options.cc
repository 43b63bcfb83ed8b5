// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v6_12/x86_options.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <string_view>

#include "absl/strings/str_format.h"

namespace iommulab::v6_12 {
namespace {

bool begins_with_digit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

void ignored(environment& env, std::string_view word) {
  env.log.print(log_level::warning, absl::StrFormat("%s option ignored.", word));
}

// Linux v6.12 arch/x86/kernel/pci-dma.c: iommu_setup(). Options are recognised by their beginning.
int iommu_setup(x86_options& options, iommu_subsystem& iommu,
                std::optional<std::string_view> value) {
  iommu_parameters& parameters = options.platform.iommu;
  parameters.iommu_merge = true;
  if (!value) return -EINVAL;
  for (std::string_view rest = *value; !rest.empty();) {
    const auto is = [&](std::string_view option) { return rest.starts_with(option); };
    take_common_iommu_word(parameters, rest);
    for (const std::string_view word : {"forcesac", "allowdac", "nodac"}) {
      if (is(word)) ignored(iommu.env(), word);
    }
    if (is("usedac")) {
      options.disable_dac_quirk = true;
      return 1;
    }
    if (is("soft")) options.x86_swiotlb_enable = true;
    if (is("pt")) iommu_set_default_passthrough(iommu, /*cmd_line=*/true);
    if (is("nopt")) iommu_set_default_translated(iommu, /*cmd_line=*/true);
    rest.remove_prefix(std::min(rest.find(','), rest.size()));
    if (!rest.empty()) rest.remove_prefix(1);
  }
  return 0;
}

// Linux v6.12 kernel/dma/swiotlb.c: setup_io_tlb_npages(): [slots][,areas][,force|noforce]. Whole
// segments of slots; areas are a power of two. The kernel follows a null pointer for a bare word.
int setup_io_tlb_npages(x86_options& options, environment& env,
                        std::optional<std::string_view> value) {
  constexpr uint64_t segment = 128;
  std::string_view rest = value.value_or(std::string_view());
  if (begins_with_digit(rest)) {
    const uint64_t slots = memparse(rest);
    options.platform.io_tlb_nslabs =
        slots > UINT64_MAX - segment ? slots : (slots + segment - 1) & -segment;
  }
  if (rest.starts_with(',')) rest.remove_prefix(1);
  if (begins_with_digit(rest)) {
    constexpr uint64_t most_areas = uint64_t{1} << 31;
    const uint64_t areas = std::clamp<uint64_t>(memparse(rest), 1, most_areas);
    options.swiotlb_areas = static_cast<unsigned>(std::bit_ceil(areas));
    env.log.print(log_level::info,
                  absl::StrFormat("software IO TLB: area num %d.", options.swiotlb_areas));
  }
  if (rest.starts_with(',')) rest.remove_prefix(1);
  if (rest == "force") options.swiotlb_force_bounce = true;
  if (rest == "noforce") options.swiotlb_force_disable = true;
  return 0;
}

}  // namespace

void add_x86_early_params(command_line& line, x86_options& options, iommu_subsystem& iommu) {
  using value = std::optional<std::string_view>;
  line.early_param("iommu", [&](value v) { return iommu_setup(options, iommu, v); });
  line.early_param("swiotlb",
                   [&](value v) { return setup_io_tlb_npages(options, iommu.env(), v); });
  add_platform_early_params(line, options.platform);
}

}  // namespace iommulab::v6_12
