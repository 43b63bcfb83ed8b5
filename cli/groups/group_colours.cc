// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/group_colours.h"

#include <array>
#include <cmath>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

// Near the golden angle, and without a divisor in common with the circle: 360 hues before one comes
// again.
constexpr int group_hue_step = 137;
// After so many steps hues come near again; another lightness keeps those apart.
constexpr int steps_of_one_lightness = 8;
constexpr std::array<double, 3> group_lightnesses = {0.84, 0.78, 0.91};
constexpr double group_saturation = 0.72;

/// One colour_channel of a colour of hue, group_saturation and lightness (CSS Color 4, 7.1); `n` is
/// 0 for red, 8 for green, 4 for blue.
int colour_channel(int n, int hue, double lightness) {
  const double k = std::fmod(n + hue / 30.0, 12);
  const double chroma = group_saturation * std::min(lightness, 1 - lightness);
  const double value = lightness - chroma * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
  return static_cast<int>(std::lround(255 * value));
}

}  // namespace

std::string group_colour(int group) {
  const int hue = (group % 360 * group_hue_step + 210) % 360;
  const double lightness = group_lightnesses[static_cast<size_t>(group / steps_of_one_lightness) %
                                             group_lightnesses.size()];
  return absl::StrFormat("#%02x%02x%02x", colour_channel(0, hue, lightness),
                         colour_channel(8, hue, lightness), colour_channel(4, hue, lightness));
}

}  // namespace iommulab
