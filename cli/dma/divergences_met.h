// SPDX-License-Identifier: GPL-2.0-only
//
// Where a script leads to a place in which the kernel would come to harm and the port does not, and
// where it frees pages that are not its own: each is told, by the line of the script.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"
#include "kernel/profile/kernel_profile.h"
#include "lab/script/script.h"

namespace iommulab::dmalab {

class divergences_met {
 public:
  explicit divergences_met(const kernel_profile& profile) : profile_(profile) {}

  /// `events` are what the operation led to, diagnoses among them. What a real kernel came through
  /// in this very script is told and is no finding.
  void take(const operation& op, absl::Span<const trace_event> events, bool is_recorded);

  [[nodiscard]] uint64_t findings() const { return findings_; }
  /// Empty when there was none.
  [[nodiscard]] std::string text() const;

 private:
  static constexpr size_t capacity = 100;
  struct met {
    size_t line = 0;
    std::string what;
  };

  [[nodiscard]] bool is_harm(std::string_view what) const;

  const kernel_profile& profile_;
  std::vector<met> met_;
  uint64_t total_ = 0;
  uint64_t findings_ = 0;
};

}  // namespace iommulab::dmalab
