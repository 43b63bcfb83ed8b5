// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/chart.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/iova/chart_scale.h"

namespace iommulab::chart_test {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// What stands between `begin` and the next `end`, of the nth `begin`, counted from 0.
std::string between(const std::string& text, const std::string& begin, const std::string& end,
                    size_t nth = 0) {
  size_t at = text.find(begin);
  for (; nth > 0 && at != std::string::npos; --nth) at = text.find(begin, at + 1);
  if (at == std::string::npos) return "";
  at += begin.size();
  return text.substr(at, text.find(end, at) - at);
}

using pixels = std::vector<std::pair<double, double>>;
/// Of the nth line.
pixels points_of(const std::string& svg, size_t nth = 0) {
  std::istringstream text(between(between(svg, "<polyline", "/>", nth), "points=\"", "\""));
  pixels all;
  double x = 0;
  double y = 0;
  for (char comma = 0; text >> x >> comma >> y;) all.emplace_back(x, y);
  return all;
}

chart_line line_of(std::string name, const std::vector<std::pair<double, double>>& points) {
  chart_line line = {std::move(name), {}};
  for (const auto& [x, y] : points) line.points.push_back({x, y, 0, 0});
  return line;
}

chart logarithmic(std::vector<chart_line> lines) {
  return {"t", "", {}, {}, {"x", true, true}, {"y", true}, std::move(lines)};
}

double width_of(const std::string& svg) {
  return std::stod(between(svg, " width=\"", "\""));
}

TEST(chart, places_points_by_the_logarithm_and_fits_the_data) {
  const std::string svg = chart_svg(logarithmic({line_of("l", {{64, 1}, {512, 10}, {4096, 100}})}));
  const pixels at = points_of(svg);
  ASSERT_EQ(at.size(), 3U);
  EXPECT_NEAR(at[1].first - at[0].first, at[2].first - at[1].first, 0.2);
  EXPECT_NEAR(at[0].second - at[1].second, at[1].second - at[2].second, 0.2);
  // The first and last mark stand at the ends of the axis, the outermost ticks at theirs.
  EXPECT_LT(at[0].first - 76, 15);
  EXPECT_LT(660 - at[2].first, 15);
  for (const char* tick :
       {">64</text>", ">512</text>", ">4096</text>", ">1</text>", ">10</text>", ">100</text>"}) {
    EXPECT_EQ(count(svg, tick), 1U) << tick;
  }
  EXPECT_EQ(count(svg, ">1000</text>"), 0U);
}

TEST(chart, is_as_wide_as_its_legend) {
  const double narrow = width_of(chart_svg(logarithmic({line_of("l", {{1, 1}, {2, 2}})})));
  const double wide = width_of(
      chart_svg(logarithmic({line_of("a name of thirty letters here.", {{1, 1}, {2, 2}})})));
  EXPECT_NEAR(wide - narrow, 29 * 6.6, 1);
  EXPECT_LT(narrow, 660 + 18 + 34 + 8 + 7 + 13);
}

TEST(chart, begins_a_linear_axis_at_0_and_ends_it_at_the_data_or_at_a_tick) {
  const chart c = {
      "t", "", {}, {}, {"x", false}, {"y", false}, {line_of("l", {{0, 0}, {60, 4}, {120, 9.5}})}};
  const std::string svg = chart_svg(c);
  const pixels at = points_of(svg);
  EXPECT_NEAR(at[1].first - at[0].first, at[2].first - at[1].first, 0.2);
  EXPECT_NEAR(at[0].first, 76, 0.1);
  EXPECT_EQ(count(svg, ">120</text>"), 1U);
  EXPECT_EQ(count(svg, ">10</text>"), 1U);  // the next tick above 9.5
}

TEST(chart, gives_0_a_place_of_its_own_below_a_break) {
  const std::string svg = chart_svg(logarithmic({line_of("l", {{1, 0}, {2, 1}, {4, 10}})}));
  const pixels at = points_of(svg);
  EXPECT_GE(at[0].second - at[1].second, 35);  // 0 is not 1
  EXPECT_EQ(count(svg, ">0</text>"), 1U);
  const std::string sound = chart_svg(logarithmic({line_of("l", {{1, 1}, {2, 1}, {4, 10}})}));
  EXPECT_EQ(count(sound, ">0</text>"), 0U);
  // The axis in two pieces and two strokes between them.
  EXPECT_EQ(count(svg, "class=\"axis\""), count(sound, "class=\"axis\"") + 3);
  EXPECT_EQ(points_of(chart_svg(logarithmic({line_of("l", {{1, 0}})}))).size(), 1U);
}

TEST(chart, marks_what_was_measured) {
  const std::string svg = chart_svg(logarithmic({line_of("l", {{1, 1}, {2, 2}, {4, 4}})}));
  EXPECT_EQ(count(svg, "<circle "), 4U);  // and one in the legend
  std::vector<std::pair<double, double>> many;
  for (int i = 1; i <= 64; ++i) many.emplace_back(i, i);
  EXPECT_LE(count(chart_svg(logarithmic({line_of("l", many)})), "<circle "), 25U);
}

TEST(chart, shows_lines_that_lie_on_one_another) {
  const std::vector<std::pair<double, double>> way = {{1, 10}, {2, 20}, {4, 40}};
  const std::string svg = chart_svg(logarithmic({line_of("a", way), line_of("b", way),
                                                 line_of("c", {{1, 10}, {2, 20.05}, {4, 40}}),
                                                 line_of("d", {{1, 40}, {2, 20}, {4, 10}})}));
  EXPECT_EQ(count(svg, ">a</text>"), 1U);
  EXPECT_EQ(count(svg, ">b (same as a)</text>"), 1U);
  EXPECT_EQ(count(svg, ">c (on the line of a)</text>"), 1U);
  EXPECT_EQ(count(svg, ">d</text>"), 1U);
  const auto width = [&svg](size_t nth) {
    return std::stod(between(between(svg, "<polyline", "/>", nth), "stroke-width=\"", "\""));
  };
  const auto dash = [&svg](size_t nth) {
    return between(between(svg, "<polyline", "/>", nth), "stroke-dasharray=\"", "\"");
  };
  EXPECT_GT(width(0), width(1));
  EXPECT_GT(width(1), width(2));
  EXPECT_EQ(width(2), width(3));
  EXPECT_EQ(dash(0), "none");
  EXPECT_NE(dash(1), "none");
  EXPECT_NE(dash(1), dash(2));
  EXPECT_EQ(dash(3), "none");
}

TEST(chart, draws_a_band_between_the_quartiles) {
  chart c = logarithmic({{"l", {{1, 10, 8, 20}, {2, 20, 15, 40}}}});
  const std::string svg = chart_svg(c);
  const std::string band = between(svg, "class=\"band\" points=\"", "\"");
  EXPECT_EQ(count(band, ","), 4U);  // above and back below
  c.lines[0].points = {{1, 10, 10, 10}, {2, 20, 20, 20}};
  EXPECT_EQ(count(chart_svg(c), "class=\"band\""), 0U);
}

TEST(chart, escapes_names) {
  const std::string svg =
      chart_svg({"a<b", "x & y", {"<w>"}, {"\"n\""}, {"", false}, {"", false}, {{"\"q\"", {}}}});
  EXPECT_EQ(count(svg, "a&lt;b"), 2u);
  EXPECT_EQ(count(svg, "x &amp; y"), 1u);
  EXPECT_EQ(count(svg, "&quot;q&quot;"), 1u);
  EXPECT_EQ(count(svg, "&lt;w&gt;"), 1u);
  EXPECT_EQ(count(svg, "&quot;n&quot;"), 1u);
}

TEST(chart_scale, writes_ticks_as_people_read_them) {
  EXPECT_EQ(tick_text(0.05), "0.05");
  EXPECT_EQ(tick_text(1000), "1000");
  EXPECT_EQ(tick_text(16384), "16384");
  EXPECT_EQ(tick_text(20000), "20k");
  EXPECT_EQ(tick_text(120000), "120k");
  EXPECT_EQ(tick_text(2e6), "2M");
}

}  // namespace
}  // namespace iommulab::chart_test
