// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace iommulab {
namespace {

// The picture, in pixels.
constexpr double chart_width = 860;
constexpr double chart_height = 520;
constexpr double chart_left = 80;
constexpr double chart_right = 660;
constexpr double chart_top = 50;
constexpr double chart_bottom = 460;

// Told apart with every kind of colour vision (Okabe and Ito); the dashes show a line below
// another.
constexpr std::array<std::string_view, 8> colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                     "#e69f00", "#56b4e9", "#000000", "#8a8a00"};
constexpr std::array<std::string_view, 3> dashes = {"none", "6 3", "2 3"};

std::string escape(std::string_view text) {
  return absl::StrReplaceAll(std::string(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

/// 1000000 as "1M", 0.01 as "0.01".
std::string tick_text(double value) {
  if (value >= 1e6) return absl::StrFormat("%gM", value / 1e6);
  if (value >= 1e3) return absl::StrFormat("%gk", value / 1e3);
  return absl::StrFormat("%g", value);
}

/// From values to pixels.
class scale {
 public:
  scale(bool logarithmic, const std::vector<double>& values, double at_least, double at_most)
      : logarithmic_(logarithmic), begin_(at_least), end_(at_most) {
    double low = HUGE_VAL;
    double high = 0;
    for (const double value : values) {
      high = std::max(high, value);
      if (value > 0 || !logarithmic) low = std::min(low, value);
    }
    if (!logarithmic) {
      step_ = nice_step(high);
      low_ = 0;
      high_ = std::max(step_, std::ceil(high / step_) * step_);
      return;
    }
    if (low == HUGE_VAL) low = high = 1;
    low_ = std::floor(std::log10(low) + 1e-9);
    high_ = std::max(std::ceil(std::log10(high) - 1e-9), low_ + 1);
  }

  [[nodiscard]] double place(double value) const {
    const double at = !logarithmic_ ? value : value <= 0 ? low_ : std::log10(value);
    return begin_ + (std::max(at, low_) - low_) / (high_ - low_) * (end_ - begin_);
  }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> all;
    const double step = logarithmic_ ? 1 : step_;
    const auto count = std::lround((high_ - low_) / step);
    for (long i = 0; i <= count; ++i) {
      const double at = low_ + static_cast<double>(i) * step;
      all.push_back(logarithmic_ ? std::pow(10, at) : at);
    }
    return all;
  }

 private:
  /// 1, 2 or 5 times a power of ten, so that there are 4 to 10 ticks.
  static double nice_step(double high) {
    if (high <= 0) return 1;
    const double rough = std::pow(10, std::floor(std::log10(high)));
    const double ratio = high / rough;
    return ratio < 2 ? rough / 5 : ratio < 5 ? rough / 2 : rough;
  }

  bool logarithmic_;
  double begin_;
  double end_;
  double low_ = 0;  // of a logarithmic scale: exponents of ten
  double high_ = 1;
  double step_ = 1;
};

void add_grid(std::string& svg, const scale& x, const scale& y) {
  for (const double tick : x.ticks()) {
    absl::StrAppendFormat(&svg,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n"
                          "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                          x.place(tick), chart_top, x.place(tick), chart_bottom, x.place(tick),
                          chart_bottom + 18, tick_text(tick));
  }
  for (const double tick : y.ticks()) {
    absl::StrAppendFormat(&svg,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n"
                          "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                          chart_left, y.place(tick), chart_right, y.place(tick), chart_left - 8,
                          y.place(tick) + 4, tick_text(tick));
  }
}

void add_line(std::string& svg, const chart_line& line, size_t nth, const scale& x,
              const scale& y) {
  const std::string style =
      absl::StrFormat("stroke=\"%s\" stroke-dasharray=\"%s\"", colours[nth % colours.size()],
                      dashes[nth % dashes.size()]);
  svg += "<polyline fill=\"none\" stroke-width=\"2\" ";
  svg += style + " points=\"";
  for (const auto& [at, value] : line.points) {
    absl::StrAppendFormat(&svg, "%.1f,%.1f ", x.place(at), y.place(value));
  }
  svg += "\"/>\n";
  const double row = chart_top + 10 + 20 * static_cast<double>(nth);
  absl::StrAppendFormat(&svg,
                        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-width=\"2\" "
                        "%s/>\n<text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                        chart_right + 20, row, chart_right + 50, row, style, chart_right + 58,
                        row + 4, escape(line.name));
}

}  // namespace

std::string chart_svg(const chart& chart) {
  std::vector<double> xs;
  std::vector<double> ys;
  for (const chart_line& line : chart.lines) {
    for (const auto& [at, value] : line.points) {
      xs.push_back(at);
      ys.push_back(value);
    }
  }
  const scale x(chart.x.logarithmic, xs, chart_left, chart_right);
  const scale y(chart.y.logarithmic, ys, chart_bottom, chart_top);

  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<title>%s</title>\n<desc>%s</desc>\n"
      "<style>.grid{stroke:#ddd} .axis{stroke:#000}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
      "<text x=\"%.1f\" y=\"28\" font-size=\"16\">%s</text>\n",
      chart_width, chart_height, chart_width, chart_height, escape(chart.title),
      escape(chart.description), chart_left, escape(chart.title));
  add_grid(svg, x, y);
  absl::StrAppendFormat(&svg,
                        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"axis\"/>\n"
                        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"axis\"/>\n",
                        chart_left, chart_bottom, chart_right, chart_bottom, chart_left, chart_top,
                        chart_left, chart_bottom);
  absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                        (chart_left + chart_right) / 2, chart_bottom + 42, escape(chart.x.title));
  absl::StrAppendFormat(&svg,
                        "<text transform=\"translate(22 %.1f) rotate(-90)\" "
                        "text-anchor=\"middle\">%s</text>\n",
                        (chart_top + chart_bottom) / 2, escape(chart.y.title));
  for (size_t i = 0; i < chart.lines.size(); ++i) add_line(svg, chart.lines[i], i, x, y);
  svg += "</svg>\n";
  return svg;
}

}  // namespace iommulab
