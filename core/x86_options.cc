// SPDX-License-Identifier: GPL-2.0-only
#include "core/x86_options.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string>

namespace iommulab {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Linux v4.4 drivers/iommu/irq_remapping.c: setup_irqremap(). Options are recognised by their
// beginning; those about what interrupt remapping does are not looked at here.
int setup_irqremap(bool& disable_irq_remap, std::optional<std::string_view> value) {
  if (!value) return -EINVAL;
  for (std::string_view rest = *value; !rest.empty();) {
    if (rest.starts_with("on")) disable_irq_remap = false;
    if (rest.starts_with("off")) disable_irq_remap = true;
    rest.remove_prefix(std::min(rest.find(','), rest.size()));
    rest.remove_prefix(std::min(rest.find_first_not_of(','), rest.size()));
  }
  return 0;
}

// Linux v4.4 lib/swiotlb.c: setup_io_tlb_npages(): [slots][,][force]; whole segments of slots,
// which bounce buffers come in. The kernel follows a null pointer for a bare word.
int setup_io_tlb_npages(x86_options& options, std::optional<std::string_view> value) {
  constexpr uint64_t segment = 128;
  std::string_view rest = value.value_or(std::string_view());
  if (!rest.empty() && is_digit(rest.front())) {
    const std::string text(rest);
    char* end = nullptr;
    const uint64_t slots = std::strtoull(text.c_str(), &end, 0);
    options.io_tlb_nslabs = slots > UINT64_MAX - segment ? slots : (slots + segment - 1) & -segment;
    rest.remove_prefix(static_cast<size_t>(end - text.c_str()));
  }
  if (rest.starts_with(',')) rest.remove_prefix(1);
  if (rest == "force") options.swiotlb_force = true;
  return 0;
}

// Linux v4.4 kernel/crash_dump.c: setup_elfcorehdr(): [size@]offset. Any value sets the address,
// even one that is then called malformed.
int setup_elfcorehdr(std::optional<uint64_t>& address, std::optional<std::string_view> value) {
  if (!value) return -EINVAL;
  std::string_view rest = *value;
  address = memparse(rest);
  if (rest.starts_with('@')) {
    rest.remove_prefix(1);
    address = memparse(rest);
  }
  return rest.size() < value->size() ? 0 : -EINVAL;
}

// Linux v4.4 arch/x86/kernel/acpi/boot.c: parse_acpi(), as far as it decides whether there are
// tables. What the other words do is not looked at here.
int parse_acpi(bool& acpi_disabled, std::optional<std::string_view> value) {
  constexpr std::string_view others[] = {"strict", "rsdt", "noirq", "copy_dsdt", "nocmcff"};
  if (!value) return -EINVAL;
  if (*value == "off") {
    acpi_disabled = true;
  } else if (*value == "force") {
    acpi_disabled = false;
  } else if (std::find(std::begin(others), std::end(others), *value) == std::end(others)) {
    return -EINVAL;
  }
  return 0;
}

}  // namespace

void add_x86_early_params(command_line& line, x86_options& options) {
  using value = std::optional<std::string_view>;
  line.early_param("iommu", [&options](value v) { return iommu_setup(options.iommu, v); });
  line.early_param("swiotlb", [&options](value v) { return setup_io_tlb_npages(options, v); });
  add_platform_early_params(line, options);
}

void add_platform_early_params(command_line& line, x86_options& options) {
  using value = std::optional<std::string_view>;
  line.early_param("intremap",
                   [&options](value v) { return setup_irqremap(options.disable_irq_remap, v); });
  line.early_param("nointremap", [&options](value) {
    options.disable_irq_remap = true;
    return 0;
  });
  line.early_param("acpi", [&options](value v) { return parse_acpi(options.acpi_disabled, v); });
  line.early_param("elfcorehdr",
                   [&options](value v) { return setup_elfcorehdr(options.elfcorehdr_addr, v); });
}

uint64_t memparse(std::string_view& text) {
  if (text.empty() || !is_digit(text.front())) return 0;
  const std::string copy(text);
  char* end = nullptr;
  uint64_t number = std::strtoull(copy.c_str(), &end, 0);
  text.remove_prefix(static_cast<size_t>(end - copy.c_str()));
  constexpr std::string_view suffixes = "KMGTPE";
  const size_t suffix = text.empty()
                            ? std::string_view::npos
                            : suffixes.find(static_cast<char>(text.front() & ~('a' ^ 'A')));
  if (suffix == std::string_view::npos) return number;
  number <<= 10 * (suffix + 1);
  text.remove_prefix(1);
  return number;
}

void take_common_iommu_word(iommu_parameters& parameters, std::string_view rest) {
  const auto is = [&](std::string_view option) { return rest.starts_with(option); };
  if (is("off")) parameters.no_iommu = true;
  if (is("force")) parameters.force_iommu = true;  // "forcesac" too, as in the kernel
  if (is("noforce")) parameters.iommu_merge = parameters.force_iommu = false;
  if (is("biomerge") || is("merge")) parameters.iommu_merge = parameters.force_iommu = true;
  if (is("panic")) parameters.panic_on_overflow = true;
  if (is("nopanic")) parameters.panic_on_overflow = false;
  if (is("nomerge")) parameters.iommu_merge = false;
}

int iommu_setup(iommu_parameters& parameters, std::optional<std::string_view> value) {
  parameters.iommu_merge = true;
  if (!value) return -EINVAL;
  for (std::string_view rest = *value; !rest.empty();) {
    const auto is = [&](std::string_view option) { return rest.starts_with(option); };
    take_common_iommu_word(parameters, rest);
    if (is("forcesac")) parameters.iommu_sac_force = true;
    if (is("allowdac")) parameters.forbid_dac = 0;
    if (is("nodac")) parameters.forbid_dac = 1;
    if (is("usedac")) {
      parameters.forbid_dac = -1;
      return 1;
    }
    if (is("soft")) parameters.swiotlb = true;
    if (is("pt")) parameters.iommu_pass_through = true;
    const size_t comma = rest.find(',');
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return 0;
}

}  // namespace iommulab
