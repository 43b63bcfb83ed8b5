// SPDX-License-Identifier: GPL-2.0-only
//
// Colours of groups in pictures, "#rrggbb": of a number the same in every picture, far from those
// of the numbers beside it, and light, so that dark text on them reads well.
#pragma once

#include <string>
#include <string_view>

namespace iommulab {

inline constexpr std::string_view colour_of_text = "#1a1a1a";
inline constexpr std::string_view colour_without_group = "#d9d9d9";
inline constexpr std::string_view colour_of_regions = "#b00020";  ///< reserved memory

/// `group` is not negative.
std::string group_colour(int group);

}  // namespace iommulab
