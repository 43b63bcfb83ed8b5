// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/plot_command.h"

#include "cli/iova/chart.h"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::plot_command_test {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

iova_plot_arguments small() {
  iova_plot_arguments a;
  a.allocators = {"v4_4", "maple"};
  a.most = 256;
  a.repeat = 1;
  return a;
}

TEST(iova_plot, has_a_line_with_a_point_for_each_n) {
  const command_result result = run_command(run_iova_plot, small());
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(result.out.starts_with("<svg "));
  EXPECT_TRUE(result.out.ends_with("</svg>\n"));
  ASSERT_EQ(count(result.out, "<polyline "), 2u);
  const size_t points = result.out.find("points=\"");
  const std::string first = result.out.substr(points, result.out.find("\"/>", points) - points);
  EXPECT_EQ(count(first, ","), 3u);  // 64, 128, 256
  EXPECT_EQ(count(result.out, ">v4_4</text>"), 1u);
  EXPECT_EQ(count(result.out, ">maple</text>"), 1u);
}

TEST(iova_plot, of_nodes_is_the_same_each_time_and_says_how_it_is_made) {
  const command_result one = run_command(run_iova_plot, small());
  EXPECT_EQ(one.out, run_command(run_iova_plot, small()).out);
  EXPECT_EQ(count(one.out,
                  "<desc>iommulab iova plot --workload linear-N --y nodes --min 64 --max "
                  "256 --allocator v4_4 --allocator maple</desc>"),
            1u);
}

TEST(iova_plot, draws_the_course_of_a_workload_and_time_as_well) {
  iova_plot_arguments a = small();
  a.time = true;
  a.workload = "exhaustion";
  a.y = "ns";
  const command_result result = run_command(run_iova_plot, a);
  EXPECT_EQ(result.status, 0) << result.err;
  const size_t points = result.out.find("points=\"");
  const std::string first = result.out.substr(points, result.out.find("\"/>", points) - points);
  EXPECT_EQ(count(first, ","), 64u);
  EXPECT_EQ(count(result.out, ">ns an operation</text>"), 1u);
}

TEST(iova_plot, writes_a_file) {
  iova_plot_arguments a = small();
  a.output = temporary("plot.svg", "");
  const command_result result = run_command(run_iova_plot, a);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(content_of(a.output), run_command(run_iova_plot, small()).out);
}

TEST(iova_plot, refuses_bad_use) {
  const auto refused = [](void (*change)(iova_plot_arguments&), const std::string& sentence) {
    iova_plot_arguments a = small();
    change(a);
    expect_refusal(run_command(run_iova_plot, a), sentence);
  };
  refused([](iova_plot_arguments& a) { a.y = "apples"; }, "--y is \"apples\": must be nodes or ns");
  refused([](iova_plot_arguments& a) { a.workload = "linear-64"; },
          "--workload is \"linear-64\": without an N there is nothing to grow; see --time");
  refused([](iova_plot_arguments& a) { a.least = 0; }, "--min is \"0\": must be 1 to --max, 256");
  refused([](iova_plot_arguments& a) { a.least = 512; },
          "--min is \"512\": must be 1 to --max, 256");
  refused([](iova_plot_arguments& a) { a.repeat = 0; }, "--repeat is \"0\": must be 1 to 1000");
  refused([](iova_plot_arguments& a) { a.allocators = {"none"}; },
          "--allocator is \"none\": unknown; `iommulab iova list` names them");
  refused([](iova_plot_arguments& a) { a.workload = "nonsense-N"; },
          "workload is \"nonsense-64\": unknown; `iommulab iova list` names them");
  refused([](iova_plot_arguments& a) { a.output = "/nonexistent/plot.svg"; },
          "/nonexistent/plot.svg: cannot be written: No such file or directory");
}

/// The points of the only line of a chart.
std::string points_of(const chart& chart) {
  const std::string svg = chart_svg(chart);
  const size_t begin = svg.find("points=\"") + 8;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

TEST(chart, places_points_by_the_logarithm) {
  // x: 80 to 660 pixels for 10 to 1000; y: 460 to 50 for 1 to 100.
  const chart c = {"t", "", {"x", true}, {"y", true}, {{"l", {{10, 1}, {100, 10}, {1000, 100}}}}};
  EXPECT_EQ(points_of(c), "80.0,460.0 370.0,255.0 660.0,50.0 ");
}

TEST(chart, begins_a_linear_axis_at_0_and_ends_it_at_a_tick) {
  const chart c = {"t", "", {"x", false}, {"y", false}, {{"l", {{0, 0}, {50, 5}, {100, 10}}}}};
  EXPECT_EQ(points_of(c), "80.0,460.0 370.0,255.0 660.0,50.0 ");
}

TEST(chart, puts_zeros_on_the_lower_edge_of_a_logarithmic_axis) {
  const chart c = {"t", "", {"x", false}, {"y", true}, {{"l", {{0, 0}, {100, 10}}}}};
  EXPECT_EQ(points_of(c), "80.0,460.0 660.0,460.0 ");
  const chart nothing = {"t", "", {"x", true}, {"y", true}, {{"l", {{0, 0}}}}};
  EXPECT_EQ(points_of(nothing), "80.0,460.0 ");
}

TEST(chart, escapes_names) {
  const std::string svg = chart_svg({"a<b", "x & y", {"", false}, {"", false}, {{"\"q\"", {}}}});
  EXPECT_EQ(count(svg, "a&lt;b"), 2u);
  EXPECT_EQ(count(svg, "x &amp; y"), 1u);
  EXPECT_EQ(count(svg, "&quot;q&quot;"), 1u);
}

}  // namespace
}  // namespace iommulab::plot_command_test
