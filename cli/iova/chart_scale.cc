// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/chart_scale.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr double place_of_zero = 40;  // pixels between it and the lowest value
constexpr double tiny = 1e-9;         // of an exponent: what rounding may add
constexpr std::array<double, 3> round_digits = {1, 2, 5};

/// 1, 2 or 5 times a power of ten, so that there are 4 to 10 steps.
double nice_step(double high) {
  if (high <= 0) return 1;
  const double rough = std::pow(10, std::floor(std::log10(high)));
  const double ratio = high / rough;
  return ratio < 2 ? rough / 5 : ratio < 5 ? rough / 2 : rough;
}

/// Exponents of the round numbers 1, 2, 5, 10 … from `low` to `high`, both rounded outwards.
std::vector<double> round_exponents(double low, double high) {
  std::vector<double> all;
  for (double decade = std::floor(low) - 1; decade <= std::ceil(high) + 1; ++decade) {
    for (const double digit : round_digits) all.push_back(decade + std::log10(digit));
  }
  const auto begin = std::upper_bound(all.begin(), all.end(), low + tiny) - 1;
  const auto end = std::lower_bound(all.begin(), all.end(), high - tiny) + 1;
  return {begin, end};
}

}  // namespace

std::string tick_text(double value) {
  if (value >= 1e6) return absl::StrFormat("%gM", value / 1e6);
  const bool is_round = std::fmod(value, 1e3) == 0;
  if (value >= 1e5 || (value >= 1e4 && is_round)) return absl::StrFormat("%gk", value / 1e3);
  return absl::StrFormat("%g", value);
}

chart_scale chart_scale::linear(const std::vector<double>& values, chart_span span,
                                bool to_the_tick) {
  chart_scale scale;
  scale.outer_ = scale.inner_ = span;
  double high = 0;
  for (const double value : values) high = std::max(high, value);
  scale.step_ = nice_step(high);
  scale.high_ = std::max(high, to_the_tick || high <= 0 ? scale.step_ : 0);
  if (to_the_tick) scale.high_ = std::ceil(scale.high_ / scale.step_ - tiny) * scale.step_;
  return scale;
}

chart_scale chart_scale::logarithmic(const std::vector<double>& values, chart_span span,
                                     bool to_the_tick) {
  chart_scale scale;
  scale.logarithmic_ = true;
  scale.outer_ = scale.inner_ = span;
  double low = HUGE_VAL;
  double high = 0;
  for (const double value : values) {
    scale.broken_ |= value <= 0;
    if (value > 0) low = std::min(low, value);
    high = std::max(high, value);
  }
  if (high <= 0) low = high = 1;
  scale.low_ = std::log10(low);
  scale.high_ = std::log10(high);
  if (to_the_tick) {
    const std::vector<double> round = round_exponents(scale.low_, scale.high_);
    scale.low_ = round.front();
    scale.high_ = round.back();
  }
  if (scale.high_ - scale.low_ < tiny) scale.high_ = scale.low_ + 1;
  if (scale.broken_) {
    scale.inner_.begin += span.end > span.begin ? place_of_zero : -place_of_zero;
  }
  return scale;
}

double chart_scale::place(double value) const {
  if (logarithmic_ && value <= 0) return outer_.begin;
  const double at = logarithmic_ ? std::log10(value) : value;
  const double share = (at - low_) / (high_ - low_);
  return inner_.begin + share * (inner_.end - inner_.begin);
}

std::vector<chart_tick> chart_scale::ticks() const {
  std::vector<chart_tick> all;
  if (!logarithmic_) {
    const auto count = std::lround(std::floor(high_ / step_ + tiny));
    for (long i = 0; i <= count; ++i) {
      const double value = static_cast<double>(i) * step_;
      all.push_back({value, tick_text(value)});
    }
    return all;
  }
  if (broken_) all.push_back({0, "0"});
  constexpr double few_decades = 2.5;  // so that 2 and 5 have room for their numbers
  for (const double exponent : round_exponents(low_, high_)) {
    if (exponent < low_ - tiny || exponent > high_ + tiny) continue;
    const bool is_decade = std::abs(exponent - std::round(exponent)) < tiny;
    const double value = std::pow(10, exponent);
    const bool numbered = is_decade || high_ - low_ < few_decades;
    all.push_back({value, numbered ? tick_text(value) : ""});
  }
  return all;
}

}  // namespace iommulab
