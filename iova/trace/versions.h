// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel versions that traces were recorded from.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace iommulab {

struct iova_trace_version {
  std::string_view name;      ///< of the allocator here: "v4_19"
  std::string_view recorded;  ///< in a trace's first comment, and of its folder: "4.19fix"
  /// init's third number: until 4.14 the last frame below 4 GiB, from 4.15 on the one behind it.
  bool dma32_is_behind;

  /// "4.19"
  [[nodiscard]] std::string number() const;
};

/// Oldest first.
absl::Span<const iova_trace_version> iova_trace_versions();
/// By either name, and as people write it: "6.12", "v6.12", "6_12", "4.19". Null when it is none.
const iova_trace_version* find_iova_trace_version(std::string_view name);

}  // namespace iommulab
