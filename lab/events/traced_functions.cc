// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/traced_functions.h"

#include <algorithm>
#include <vector>

#include "lab/sources/function_source.h"

namespace iommulab {

absl::Span<const std::string_view> traced_functions() {
  static const auto names = [] {
    std::vector<std::string_view> all;
    for (const function_source& source : all_sources()) all.push_back(source.name);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }();
  return names;
}

bool is_traced_function(std::string_view name) {
  const auto names = traced_functions();
  return std::binary_search(names.begin(), names.end(), name);
}

std::string function_name_of(std::string_view text) {
  constexpr std::string_view call = "()";
  if (text.ends_with(call)) text.remove_suffix(call.size());
  return std::string(text);
}

}  // namespace iommulab
