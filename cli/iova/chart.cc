// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "absl/strings/str_format.h"
#include "cli/iova/chart_scale.h"
#include "cli/output/xml_text.h"

namespace iommulab {
namespace {

// The picture, in pixels.
constexpr double axes_left = 76;
constexpr double axes_right = 660;
constexpr double axes_height = 400;
constexpr double title_height = 40;
constexpr double text_line = 17;
constexpr double inset = 14;  // between the axes and the first and last mark
constexpr double legend_left = axes_right + 18;
constexpr double legend_line = 22;
constexpr double legend_sample = 34;
constexpr double letter = 6.6;  // of the legend's font, on average
constexpr double margin = 12;
constexpr double stroke_width = 2;  // lines that are closer lie on one another
constexpr size_t most_ticks_at_values = 12;
constexpr size_t most_marks = 24;

// Told apart with every kind of colour vision (Okabe and Ito).
constexpr std::array<std::string_view, 8> colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                     "#e69f00", "#56b4e9", "#000000", "#8a8a00"};
constexpr std::array<std::string_view, 4> dashes = {"9 5", "4 4", "12 3 3 3", "2 4"};

struct pixel {
  double x = 0;
  double y = 0;
};

bool on_one_another(const pixel& a, const pixel& b) {
  return std::abs(a.x - b.x) < stroke_width && std::abs(a.y - b.y) < stroke_width;
}

/// A line as it is drawn.
struct drawn_line {
  const chart_line& line;
  std::string_view colour;
  std::vector<pixel> at;
  size_t above = 0;         // lines drawn later that lie on a piece of it
  size_t below = 0;         // lines drawn before that it lies on a piece of
  std::string remark = {};  // behind its name in the legend

  [[nodiscard]] double width() const { return stroke_width + 1.8 * shown_above(); }
  [[nodiscard]] double mark_size() const { return 3 + 1.5 * shown_above(); }
  /// More would be wider than a line.
  [[nodiscard]] double shown_above() const {
    return static_cast<double>(std::min<size_t>(above, 3));
  }
  [[nodiscard]] std::string_view dash() const {
    return below == 0 ? "none" : dashes[(below - 1) % dashes.size()];
  }
};

/// Whether two neighbouring points of one lie on those of the other.
bool share_a_piece(const drawn_line& a, const drawn_line& b) {
  const size_t count = std::min(a.at.size(), b.at.size());
  for (size_t i = 0; i < count; ++i) {
    const bool this_one = on_one_another(a.at[i], b.at[i]);
    if (this_one && (count == 1 || (i > 0 && on_one_another(a.at[i - 1], b.at[i - 1])))) {
      return true;
    }
  }
  return false;
}

bool are_one(const drawn_line& a, const drawn_line& b) {
  return a.at.size() == b.at.size() &&
         std::equal(a.at.begin(), a.at.end(), b.at.begin(), on_one_another);
}

bool are_equal(const chart_line& a, const chart_line& b) {
  return std::equal(
      a.points.begin(), a.points.end(), b.points.begin(), b.points.end(),
      [](const chart_point& p, const chart_point& q) { return p.x == q.x && p.y == q.y; });
}

/// Says of each line which others it lies on.
void find_coincidences(std::vector<drawn_line>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    for (size_t before = 0; before < i; ++before) {
      if (!share_a_piece(lines[before], lines[i])) continue;
      ++lines[before].above;
      ++lines[i].below;
      if (!lines[i].remark.empty() || !are_one(lines[before], lines[i])) continue;
      lines[i].remark = absl::StrFormat(
          " (%s %s)", are_equal(lines[before].line, lines[i].line) ? "same as" : "on the line of",
          lines[before].line.name);
    }
  }
}

/// One of five shapes, hollow, so that a larger one below it shows.
std::string mark(size_t shape, const pixel& at, double size, std::string_view colour) {
  const std::string style =
      absl::StrFormat("fill=\"#fff\" stroke=\"%s\" stroke-width=\"1.5\"", colour);
  const auto polygon = [&](const std::vector<pixel>& corners) {
    std::string text = "<polygon points=\"";
    for (const pixel& corner : corners) {
      absl::StrAppendFormat(&text, "%.1f,%.1f ", at.x + corner.x * size, at.y + corner.y * size);
    }
    return text + "\" " + style + "/>\n";
  };
  switch (shape % 5) {
    case 0:
      return absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" %s/>\n", at.x, at.y, size,
                             style);
    case 1:
      return polygon({{-1, -1}, {1, -1}, {1, 1}, {-1, 1}});
    case 2:
      return polygon({{0, -1.2}, {1.1, 0.9}, {-1.1, 0.9}});
    case 3:
      return polygon({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
    default:
      return polygon({{0, 1.2}, {1.1, -0.9}, {-1.1, -0.9}});
  }
}

class drawing {
 public:
  explicit drawing(const chart& chart)
      : chart_(chart),
        top_(title_height + text_line * static_cast<double>(chart.words.size())),
        bottom_(top_ + axes_height),
        x_(scale_of_x()),
        y_(scale_of_y()) {
    for (const chart_line& line : chart.lines) {
      drawn_line& added =
          lines_.emplace_back(drawn_line{line, colours[lines_.size() % colours.size()], {}});
      for (const chart_point& point : line.points) {
        added.at.push_back({x_.place(point.x), y_.place(point.y)});
      }
    }
    find_coincidences(lines_);
  }

  std::string draw() {
    begin();
    grid();
    for (const drawn_line& line : lines_) band(line);
    for (const drawn_line& line : lines_) polyline(line);
    for (size_t i = 0; i < lines_.size(); ++i) marks(lines_[i], i);
    axes();
    for (size_t i = 0; i < lines_.size(); ++i) legend(lines_[i], i);
    svg_ += "</svg>\n";
    return std::move(svg_);
  }

 private:
  [[nodiscard]] std::vector<double> values(bool of_x) const {
    std::vector<double> all;
    for (const chart_line& line : chart_.lines) {
      for (const chart_point& point : line.points) {
        all.push_back(of_x ? point.x : point.y);
        if (!of_x && point.upper > 0) all.insert(all.end(), {point.lower, point.upper});
      }
    }
    return all;
  }
  [[nodiscard]] chart_scale scale_of_x() const {
    if (!chart_.x.logarithmic) {
      return chart_scale::linear(values(true), {axes_left, axes_right - inset}, false);
    }
    return chart_scale::logarithmic(values(true), {axes_left + inset, axes_right - inset}, false);
  }
  [[nodiscard]] chart_scale scale_of_y() const {
    const chart_span span = {bottom_ - (chart_.y.logarithmic ? inset : 0), top_ + inset};
    return chart_.y.logarithmic ? chart_scale::logarithmic(values(false), span, true)
                                : chart_scale::linear(values(false), span, true);
  }

  [[nodiscard]] double width() const {
    size_t longest = 0;
    for (const drawn_line& line : lines_) {
      longest = std::max(longest, line.line.name.size() + line.remark.size());
    }
    const double legend =
        legend_left + legend_sample + 8 + letter * static_cast<double>(longest) + margin;
    return longest == 0 ? axes_right + margin : std::ceil(legend);
  }
  [[nodiscard]] double height() const {
    const double below = 52 + text_line * static_cast<double>(chart_.notes.size());
    const double legend = top_ + legend_line * static_cast<double>(lines_.size());
    return std::ceil(std::max(bottom_ + below, legend + margin));
  }

  void line(double x1, double y1, double x2, double y2, std::string_view style) {
    absl::StrAppendFormat(&svg_, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1,
                          y1, x2, y2, style);
  }
  void text(double x, double y, std::string_view style, std::string_view words) {
    absl::StrAppendFormat(&svg_, "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, style,
                          xml_text(words));
  }

  void begin() {
    absl::StrAppendFormat(
        &svg_,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<title>%s</title>\n<desc>%s</desc>\n"
        "<style>.grid{stroke:#ddd} .axis{stroke:#000} .words{fill:#444}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
        width(), height(), width(), height(), xml_text(chart_.title), xml_text(chart_.description));
    text(axes_left, 26, "font-size=\"16\"", chart_.title);
    for (size_t i = 0; i < chart_.words.size(); ++i) {
      text(axes_left, 28 + text_line * static_cast<double>(i + 1), "class=\"words\"",
           chart_.words[i]);
    }
  }

  [[nodiscard]] std::vector<chart_tick> x_ticks() const {
    if (!chart_.x.ticks_at_values) return x_.ticks();
    std::vector<double> all = values(true);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    const size_t each = (all.size() + most_ticks_at_values - 1) / most_ticks_at_values;
    std::vector<chart_tick> ticks;
    for (size_t i = 0; i < all.size(); ++i) {
      ticks.push_back({all[i], i % each == 0 ? tick_text(all[i]) : ""});
    }
    return ticks;
  }

  void grid() {
    for (const chart_tick& tick : x_ticks()) {
      const double x = x_.place(tick.value);
      line(x, top_, x, bottom_, "class=\"grid\"");
      text(x, bottom_ + 18, "text-anchor=\"middle\"", tick.text);
    }
    for (const chart_tick& tick : y_.ticks()) {
      const double y = y_.place(tick.value);
      line(axes_left, y, axes_right, y, "class=\"grid\"");
      text(axes_left - 8, y + 4, "text-anchor=\"end\"", tick.text);
    }
  }

  void axes() {
    line(axes_left, bottom_, axes_right, bottom_, "class=\"axis\"");
    if (y_.is_broken()) {
      // Two strokes across the axis, between the place of 0 and the rest.
      const double middle = (y_.first() + y_.place(0)) / 2;
      line(axes_left, bottom_, axes_left, middle + 4, "class=\"axis\"");
      line(axes_left, middle - 4, axes_left, top_, "class=\"axis\"");
      for (const double at : {middle + 4, middle - 4}) {
        line(axes_left - 6, at + 3, axes_left + 6, at - 3, "class=\"axis\"");
      }
    } else {
      line(axes_left, bottom_, axes_left, top_, "class=\"axis\"");
    }
    text((axes_left + axes_right) / 2, bottom_ + 38, "text-anchor=\"middle\"", chart_.x.title);
    absl::StrAppendFormat(&svg_,
                          "<text transform=\"translate(20 %.1f) rotate(-90)\" "
                          "text-anchor=\"middle\">%s</text>\n",
                          (top_ + bottom_) / 2, xml_text(chart_.y.title));
    for (size_t i = 0; i < chart_.notes.size(); ++i) {
      text(axes_left, bottom_ + 44 + text_line * static_cast<double>(i + 1), "class=\"words\"",
           chart_.notes[i]);
    }
  }

  void band(const drawn_line& of) {
    std::string upper;
    std::string lower;
    for (const chart_point& point : of.line.points) {
      if (point.upper <= point.lower) continue;
      const double x = x_.place(point.x);
      absl::StrAppendFormat(&upper, "%.1f,%.1f ", x, y_.place(point.upper));
      lower = absl::StrFormat("%.1f,%.1f ", x, y_.place(point.lower)) + lower;
    }
    if (upper.empty()) return;
    absl::StrAppendFormat(&svg_,
                          "<polygon class=\"band\" points=\"%s%s\" fill=\"%s\" "
                          "fill-opacity=\"0.15\"/>\n",
                          upper, lower, of.colour);
  }

  static std::string style(const drawn_line& of) {
    return absl::StrFormat("stroke=\"%s\" stroke-width=\"%.1f\" stroke-dasharray=\"%s\"", of.colour,
                           of.width(), of.dash());
  }

  void polyline(const drawn_line& of) {
    svg_ += "<polyline fill=\"none\" ";
    svg_ += style(of) + " points=\"";
    for (const pixel& at : of.at) absl::StrAppendFormat(&svg_, "%.1f,%.1f ", at.x, at.y);
    svg_ += "\"/>\n";
  }

  void marks(const drawn_line& of, size_t nth) {
    const size_t each = std::max<size_t>(1, (of.at.size() + most_marks - 1) / most_marks);
    for (size_t i = 0; i < of.at.size(); i += each) {
      svg_ += mark(nth, of.at[i], of.mark_size(), of.colour);
    }
  }

  void legend(const drawn_line& of, size_t nth) {
    const double row = top_ + 10 + legend_line * static_cast<double>(nth);
    line(legend_left, row, legend_left + legend_sample, row, style(of));
    svg_ += mark(nth, {legend_left + legend_sample / 2, row}, of.mark_size(), of.colour);
    text(legend_left + legend_sample + 8, row + 4, "", of.line.name + of.remark);
  }

  const chart& chart_;
  double top_;
  double bottom_;
  chart_scale x_;
  chart_scale y_;
  std::vector<drawn_line> lines_;
  std::string svg_;
};

}  // namespace

std::string chart_svg(const chart& chart) {
  return drawing(chart).draw();
}

}  // namespace iommulab
