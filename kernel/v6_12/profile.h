// SPDX-License-Identifier: GPL-2.0-only
//
// A release of this generation as a profile, and Linux 6.12 as one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/profile/kernel_profile.h"
#include "kernel/v6_12/release.h"

namespace iommulab::v6_12 {

class linux_6 final : public kernel_profile {
 public:
  explicit linux_6(const v6_12::release& which);

  [[nodiscard]] std::string_view name() const override { return release_.name; }
  [[nodiscard]] std::string_view release() const override { return release_.number; }
  [[nodiscard]] std::string_view stands_on() const override { return "v6_12"; }
  [[nodiscard]] absl::Span<const kernel_difference> differences() const override {
    return differences_;
  }
  [[nodiscard]] absl::Span<const kernel_change> changes() const override {
    return release_.changes;
  }
  [[nodiscard]] std::string does_about(const dmar_table& table,
                                       const dmar_finding& finding) const override;
  [[nodiscard]] absl::Span<const std::string_view> structure_kinds() const override;
  [[nodiscard]] std::string_view variables_kind() const override { return "variables"; }
  [[nodiscard]] absl::Span<const std::string_view> structure_variables() const override {
    return release_.structure_variables;
  }
  [[nodiscard]] bool translation_asked_for(const std::string& command_line) const override;
  [[nodiscard]] std::vector<command_line_note> notes_on(
      const std::string& command_line) const override;
  [[nodiscard]] bool fault_event_comes_with_interrupts() const override {
    return release_.driver.fault_event_comes_with_interrupts();
  }
  [[nodiscard]] std::unique_ptr<kernel_generation> create(const kernel_host& host) const override;

 private:
  const v6_12::release& release_;
  std::vector<kernel_difference> differences_;
};

/// Linux 6.12.117, as Debian configures it.
const kernel_profile& profile();

}  // namespace iommulab::v6_12
