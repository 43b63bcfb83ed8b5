// SPDX-License-Identifier: GPL-2.0-only
//
// The kernels of the 4.4 series as profiles.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/profile/kernel_profile.h"
#include "kernel/v4_4/release.h"

namespace iommulab::v4_4 {

class linux_4_4 final : public kernel_profile {
 public:
  explicit linux_4_4(const v4_4::release& which);

  [[nodiscard]] std::string_view name() const override { return release_.name; }
  [[nodiscard]] std::string_view release() const override { return release_.number; }
  [[nodiscard]] std::string_view stands_on() const override { return "v4_4"; }
  [[nodiscard]] absl::Span<const kernel_difference> differences() const override {
    return differences_;
  }
  [[nodiscard]] absl::Span<const kernel_change> changes() const override {
    return release_.changes;
  }
  [[nodiscard]] std::string does_about(const dmar_table& table,
                                       const dmar_finding& finding) const override;
  [[nodiscard]] absl::Span<const std::string_view> structure_kinds() const override;
  [[nodiscard]] std::string_view variables_kind() const override { return "g_iommus"; }
  [[nodiscard]] absl::Span<const std::string_view> structure_variables() const override;
  [[nodiscard]] bool translation_asked_for(const std::string& command_line) const override;
  [[nodiscard]] std::vector<command_line_note> notes_on(
      const std::string& command_line) const override;
  [[nodiscard]] std::unique_ptr<kernel_generation> create(const kernel_host& host) const override;

 private:
  const v4_4::release& release_;
  std::vector<kernel_difference> differences_;
};

/// Linux 4.4.1: the kernel with the richest captures.
const kernel_profile& profile();

}  // namespace iommulab::v4_4
