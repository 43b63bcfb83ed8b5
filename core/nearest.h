// SPDX-License-Identifier: GPL-2.0-only
//
// What somebody who mistyped a name may have meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace iommulab {

/// The candidate that takes the fewest single typing mistakes to become `word` (a letter too many,
/// too few, another one, two exchanged; "-" and "_" and capitals count for nothing), or else the
/// only one that begins with `word`. Nothing when more than a third of the word would be wrong. Of
/// several that are equally near the first.
std::optional<std::string> nearest(std::string_view word, absl::Span<const std::string> candidates);

/// "; did you mean 'boot'?", or nothing.
std::string did_you_mean(std::string_view word, absl::Span<const std::string> candidates);

}  // namespace iommulab
