// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/plot_data.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/output/json.h"

namespace iommulab {
namespace {

std::string_view x_name(const plot_data& data) {
  return data.of_course ? "operations_done" : "n";
}
std::string_view y_name(const plot_data& data) {
  return data.of_time ? "ns_per_operation" : "nodes_per_operation";
}

/// As RFC 4180 has it, where it must be.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

}  // namespace

chart plot_chart(const plot_data& data) {
  chart chart;
  chart.title = absl::StrFormat("%s: what an allocation or free costs", data.workload);
  chart.description = data.command;
  if (!data.summary.empty()) chart.words.push_back(data.summary);
  if (data.of_course) {
    chart.x = {.title = "operations done: allocations and frees", .logarithmic = false};
  } else {
    chart.x = {.title = absl::StrFormat("N: the number in %s", data.workload),
               .logarithmic = true,
               .ticks_at_values = true};
  }
  if (data.of_time) {
    chart.y = {.title = "nanoseconds an operation", .logarithmic = true};
    chart.notes.push_back(
        data.repeat > 1
            ? absl::StrFormat("Median of %d timed runs; half of them lie within the band.",
                              data.repeat)
            : "One timed run.");
  } else {
    chart.y = {.title = "nodes visited an operation", .logarithmic = true};
    chart.notes.emplace_back(
        "A node visited: a range or index node whose bounds a search compared. 0: none at all.");
    chart.notes.emplace_back("Counted, not timed: the same on every machine.");
  }
  if (data.of_course) {
    chart.notes.emplace_back("Each point is the mean of the operations since the one before.");
  }
  for (const plot_line& line : data.lines) {
    chart_line& drawn = chart.lines.emplace_back();
    drawn.name = line.allocator;
    for (const plot_point& point : line.points) {
      drawn.points.push_back({static_cast<double>(point.x), point.cost.median,
                              data.of_time ? point.cost.lower : 0,
                              data.of_time ? point.cost.upper : 0});
    }
  }
  return chart;
}

std::string plot_csv(const plot_data& data) {
  std::string text = absl::StrCat("allocator,workload,", std::string(x_name(data)), ",",
                                  std::string(y_name(data)));
  text += data.of_time ? ",ns_lower_quartile,ns_upper_quartile\n" : "\n";
  for (const plot_line& line : data.lines) {
    for (const plot_point& point : line.points) {
      absl::StrAppend(&text, csv_field(line.allocator), ",", csv_field(point.workload), ",",
                      point.x);
      absl::StrAppendFormat(&text, ",%.17g", point.cost.median);
      if (data.of_time) {
        absl::StrAppendFormat(&text, ",%.17g,%.17g", point.cost.lower, point.cost.upper);
      }
      text += '\n';
    }
  }
  return text;
}

std::string plot_json(const plot_data& data) {
  json document = json_document("iova_plot", {{"workload", data.workload},
                                              {"summary", data.summary},
                                              {"command", data.command},
                                              {"x", std::string(x_name(data))},
                                              {"y", std::string(y_name(data))},
                                              {"lines", json::array()}});
  if (data.of_time) document["repeat"] = data.repeat;
  for (const plot_line& line : data.lines) {
    json points = json::array();
    for (const plot_point& point : line.points) {
      json one = {{"workload", point.workload}, {"x", point.x}, {"y", point.cost.median}};
      if (data.of_time) {
        one["lower_quartile"] = point.cost.lower;
        one["upper_quartile"] = point.cost.upper;
      }
      points.push_back(std::move(one));
    }
    document["lines"].push_back({{"allocator", line.allocator}, {"points", std::move(points)}});
  }
  return json_text(document);
}

}  // namespace iommulab
