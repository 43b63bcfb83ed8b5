// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/traced_functions.h"

#include <algorithm>
#include <array>

namespace iommulab {
namespace {

constexpr auto functions = std::to_array<std::string_view>({
#include "lab/events/traced_functions.inc"
});

}  // namespace

absl::Span<const std::string_view> traced_functions() {
  return functions;
}

bool is_traced_function(std::string_view name) {
  return std::binary_search(functions.begin(), functions.end(), name);
}

std::string function_name_of(std::string_view text) {
  constexpr std::string_view call = "()";
  if (text.ends_with(call)) text.remove_suffix(call.size());
  return std::string(text);
}

}  // namespace iommulab
