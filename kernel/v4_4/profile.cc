// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/v4_4/profile.h"

#include <vector>

#include "core/cmdline.h"
#include "core/v4_4/divergence.h"
#include "core/x86_options.h"
#include "intel/v4_4/firmware_findings.h"
#include "intel/v4_4/options.h"
#include "kernel/v4_4/generation.h"

namespace iommulab::v4_4 {
namespace {

std::vector<kernel_difference> all_differences() {
  std::vector<kernel_difference> all;
  for (const divergence_entry& entry : divergences()) {
    all.push_back(
        {entry.name, entry.where, entry.kernel, entry.here, iommulab::v4_4::name(entry.shows)});
  }
  return all;
}

class linux_4_4_1 final : public kernel_profile {
 public:
  [[nodiscard]] std::string_view name() const override { return "v4_4"; }
  [[nodiscard]] std::string_view release() const override { return "4.4.1"; }
  [[nodiscard]] absl::Span<const kernel_difference> differences() const override {
    return differences_;
  }
  [[nodiscard]] std::string_view does_about(const dmar_table& table,
                                            const dmar_finding& finding) const override {
    return linux_4_4_behaviour(table, finding);
  }

  [[nodiscard]] bool translation_asked_for(const std::string& text) const override {
    environment silent;
    const pr_prefix pr(silent.log, "");
    intel_iommu_options options;
    x86_options x86;
    command_line line;
    add_x86_early_params(line, x86);
    line.setup("intel_iommu=", [&](std::string_view value) {
      intel_iommu_setup(value, pr, silent.log, options);
      return 0;
    });
    line.dispatch(text, silent.log);
    return !options.dmar_disabled && !x86.iommu.no_iommu && !x86.swiotlb_override();
  }

  [[nodiscard]] std::unique_ptr<kernel_generation> create(const kernel_host& host) const override {
    return std::make_unique<generation>(host);
  }

 private:
  std::vector<kernel_difference> differences_ = all_differences();
};

}  // namespace

const kernel_profile& profile() {
  static const linux_4_4_1 the_profile;
  return the_profile;
}

}  // namespace iommulab::v4_4
