// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sources/function_source.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kernel/catalogue.h"

namespace iommulab {
namespace {

using namespace std::string_view_literals;

constexpr auto sources = std::to_array<function_source>({
#include "lab/sources/function_table.inc"
});

/// The numbers of a version, of which a kernel's has at most three; what is not there is 0.
using version_numbers = std::array<unsigned, 3>;

/// Of "v4.4.178", "4.4.178" or "v4_4_178"; all 0 of what is no version.
version_numbers numbers_of(std::string_view version) {
  version_numbers numbers{};
  if (version.starts_with('v')) version.remove_prefix(1);
  size_t at = 0;
  for (const char c : version) {
    if (c == '.' || c == '_') {
      if (++at == numbers.size()) return {};
    } else if (c >= '0' && c <= '9') {
      numbers[at] = numbers[at] * 10 + static_cast<unsigned>(c - '0');
    } else {
      return {};
    }
  }
  return numbers;
}

/// The latest that is not later than `kernel`, or null.
const function_source* latest_until(std::string_view function, const version_numbers& kernel) {
  version_numbers latest{};
  const function_source* found = nullptr;
  auto source = std::ranges::lower_bound(sources, function, {}, &function_source::name);
  for (; source != sources.end() && source->name == function; ++source) {
    const version_numbers since = numbers_of(source->kernel_version);
    if (since > kernel || since < latest) continue;
    latest = since;
    found = &*source;
  }
  return found;
}

}  // namespace

absl::Span<const function_source> all_sources() {
  return sources;
}

const function_source* source_of(std::string_view function, std::string_view profile) {
  const version_numbers kernel = numbers_of(profile);
  const function_source* own = latest_until(function, kernel);
  if (own != nullptr && numbers_of(own->kernel_version)[0] == kernel[0]) return own;
  // What the kernel does not do otherwise is the later one's on whose code it stands.
  const kernel_profile* known = find_kernel_profile(profile);
  return known == nullptr ? own : latest_until(function, numbers_of(known->stands_on()));
}

}  // namespace iommulab
