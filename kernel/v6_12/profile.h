// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 6.12 as a profile.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/profile/kernel_profile.h"

namespace iommulab::v6_12 {

class linux_6_12 final : public kernel_profile {
 public:
  linux_6_12();

  [[nodiscard]] std::string_view name() const override { return "v6_12"; }
  [[nodiscard]] std::string_view release() const override { return "6.12.117"; }
  [[nodiscard]] absl::Span<const kernel_difference> differences() const override {
    return differences_;
  }
  [[nodiscard]] absl::Span<const kernel_change> changes() const override;
  [[nodiscard]] std::string does_about(const dmar_table& table,
                                       const dmar_finding& finding) const override;
  [[nodiscard]] absl::Span<const std::string_view> structure_kinds() const override;
  [[nodiscard]] std::string_view variables_kind() const override { return "variables"; }
  [[nodiscard]] absl::Span<const std::string_view> structure_variables() const override;
  [[nodiscard]] bool translation_asked_for(const std::string& command_line) const override;
  [[nodiscard]] std::vector<command_line_note> notes_on(
      const std::string& command_line) const override;
  [[nodiscard]] std::unique_ptr<kernel_generation> create(const kernel_host& host) const override;

 private:
  std::vector<kernel_difference> differences_;
};

/// Linux 6.12.117, as Debian configures it.
const kernel_profile& profile();

}  // namespace iommulab::v6_12
