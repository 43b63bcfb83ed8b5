// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/versions.h"

#include <algorithm>
#include <array>
#include <string>

namespace iommulab {

absl::Span<const iova_trace_version> iova_trace_versions() {
  static constexpr std::array<iova_trace_version, 6> all = {{
      {"v4_4", "4.4", false},
      {"v4_4_178", "4.4.178", false},
      {"v4_9", "4.9", false},
      {"v4_19", "4.19fix", true},
      {"v6_1", "6.1", true},
      {"v6_12", "6.12", true},
  }};
  return all;
}

std::string iova_trace_version::number() const {
  std::string text(name.substr(1));
  std::replace(text.begin(), text.end(), '_', '.');
  return text;
}

const iova_trace_version* find_iova_trace_version(std::string_view name) {
  std::string number(name.starts_with('v') ? name.substr(1) : name);
  std::replace(number.begin(), number.end(), '_', '.');
  for (const iova_trace_version& version : iova_trace_versions()) {
    if (name == version.recorded || number == version.number()) return &version;
  }
  return nullptr;
}

}  // namespace iommulab
