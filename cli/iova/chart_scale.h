// SPDX-License-Identifier: GPL-2.0-only
//
// From values to pixels along one axis of a chart.
#pragma once

#include <string>
#include <vector>

namespace iommulab {

struct chart_tick {
  double value = 0;
  std::string text;  ///< empty: a line without a number
};

struct chart_span {
  double begin = 0;  ///< pixel of the lowest value
  double end = 0;    ///< and of the highest; may be less
};

class chart_scale {
 public:
  /// From 0 to a tick at or above the highest value, `to_the_tick`, or to the highest value.
  static chart_scale linear(const std::vector<double>& values, chart_span span, bool to_the_tick);
  /// From the lowest positive value to the highest, `to_the_tick` down and up to the next of 1, 2,
  /// 5, 10 …; where a value is 0 or less it has a place of its own at the span's begin, apart from
  /// the rest.
  static chart_scale logarithmic(const std::vector<double>& values, chart_span span,
                                 bool to_the_tick);

  [[nodiscard]] double place(double value) const;
  [[nodiscard]] std::vector<chart_tick> ticks() const;
  /// Where the values 0 or less begin to have a place of their own.
  [[nodiscard]] bool is_broken() const { return broken_; }
  /// Pixel of the lowest value that is not 0.
  [[nodiscard]] double first() const { return inner_.begin; }

 private:
  bool logarithmic_ = false;
  bool broken_ = false;
  double low_ = 0;  // of a logarithmic scale: exponents of ten
  double high_ = 1;
  double step_ = 1;   // of a linear scale
  chart_span outer_;  // with the place for 0
  chart_span inner_;
};

/// "16384", "20k", "1M", "0.05".
std::string tick_text(double value);

}  // namespace iommulab
