// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/plot_command.h"

#include <filesystem>

#include "cli/iova/plot_data.h"
#include "nlohmann/json.hpp"
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
  a.build = {.type = "Release", .flags = "-O3", .compiler = "c"};
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

TEST(iova_plot, explains_its_words) {
  const command_result nodes = run_command(run_iova_plot, small());
  for (const char* words : {"2 frames asked of N mappings side by side: all are passed",
                            "N: the number in linear-N", "nodes visited an operation",
                            "A node visited: a range or index node whose bounds a search compared",
                            ">64</text>", ">128</text>", ">256</text>"}) {
    EXPECT_EQ(count(nodes.out, words), 1u) << words;
  }
  EXPECT_EQ(count(nodes.out, "class=\"band\""), 0u);
  iova_plot_arguments timed = small();
  timed.y = "ns";
  timed.repeat = 3;
  const command_result ns = run_command(run_iova_plot, timed);
  EXPECT_EQ(count(ns.out, "Median of 3 timed runs; half of them lie within the band."), 1u);
  EXPECT_EQ(count(ns.out, "class=\"band\""), 2u);
}

TEST(iova_plot, draws_the_course_of_a_workload_and_time_as_well) {
  iova_plot_arguments a = small();
  a.time = true;
  a.workload = "exhaustion";
  a.y = "ns";
  const command_result result = run_command(run_iova_plot, a);
  EXPECT_EQ(result.status, 0) << result.err;
  const size_t points = result.out.find("<polyline");
  const size_t begin = result.out.find("points=\"", points);
  const std::string first = result.out.substr(begin, result.out.find("\"/>", begin) - begin);
  EXPECT_EQ(count(first, ","), 64u);
  EXPECT_EQ(count(result.out, ">nanoseconds an operation</text>"), 1u);
}

TEST(iova_plot, of_a_course_has_a_workload_when_none_is_named) {
  iova_plot_arguments a = small();
  a.time = true;
  const command_result result = run_command(run_iova_plot, a);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(count(result.out, ">ageing: what an allocation or free costs</text>"), 1u);
}

TEST(iova_plot, warns_of_a_build_whose_times_say_little) {
  iova_plot_arguments a = small();
  a.build.assertions = true;
  EXPECT_EQ(run_command(run_iova_plot, a).err, "");  // nodes are what they are
  a.y = "ns";
  EXPECT_NE(run_command(run_iova_plot, a).err, "");
}

TEST(iova_plot, writes_a_file) {
  iova_plot_arguments a = small();
  a.output = temporary("plot.svg", "");
  const command_result result = run_command(run_iova_plot, a);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(content_of(a.output), run_command(run_iova_plot, small()).out);
}

TEST(iova_plot, writes_the_numbers) {
  iova_plot_arguments a = small();
  a.allocators = {"6.12"};
  a.most = 128;
  a.data = temporary("plot.csv", "");
  EXPECT_EQ(run_command(run_iova_plot, a).status, 0);
  const std::string csv = content_of(a.data);
  EXPECT_TRUE(csv.starts_with("allocator,workload,n,nodes_per_operation\nv6_12,linear-64,64,"));
  EXPECT_EQ(count(csv, "\n"), 3u);
  a.data = temporary("plot.json", "");
  a.y = "ns";
  a.repeat = 3;
  EXPECT_EQ(run_command(run_iova_plot, a).status, 0);
  const auto document = nlohmann::json::parse(content_of(a.data));
  EXPECT_EQ(document["schema"], "iommulab.iova_plot");
  EXPECT_EQ(document["y"], "ns_per_operation");
  EXPECT_EQ(document["repeat"], 3);
  const auto& points = document["lines"][0]["points"];
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[1]["workload"], "linear-128");
  EXPECT_EQ(points[1]["x"], 128);
  EXPECT_LE(points[1]["lower_quartile"], points[1]["y"]);
  EXPECT_GE(points[1]["upper_quartile"], points[1]["y"]);
}

TEST(plot_data, quotes_what_a_spreadsheet_would_cut) {
  plot_data data;
  data.lines = {{"v6_12", {{7, "replay:a,\"b\".trace", {1.5, 1.5, 1.5}}}}};
  data.of_course = true;
  EXPECT_EQ(plot_csv(data),
            "allocator,workload,operations_done,nodes_per_operation\n"
            "v6_12,\"replay:a,\"\"b\"\".trace\",7,1.5\n");
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
  refused([](iova_plot_arguments& a) { a.workload = "nosuch"; },
          "workload is \"nosuch\": unknown; `iommulab iova list` names them");
  refused(
      [](iova_plot_arguments& a) {
        a.workload = "linear-N";
        a.time = true;
      },
      "--workload is \"linear-N\": with --time it wants a number in place of N, as in linear-4096");
  refused([](iova_plot_arguments& a) { a.data = "plot.xls"; },
          "--data is \"plot.xls\": must end in .csv or .json");
}

// Before anything is measured, which may take long.
TEST(iova_plot, looks_first_whether_it_can_write) {
  iova_plot_arguments a = small();
  a.most = 1000000;
  a.output = "/nonexistent/plot.svg";
  expect_refusal(run_command(run_iova_plot, a),
                 "/nonexistent/plot.svg: cannot be written: No such file or directory");
  a.output = "";
  a.data = "/nonexistent/plot.csv";
  expect_refusal(run_command(run_iova_plot, a),
                 "/nonexistent/plot.csv: cannot be written: No such file or directory");
  a.data = "";
  a.output = testing::TempDir();
  expect_refusal(run_command(run_iova_plot, a),
                 testing::TempDir() + ": cannot be written: Is a directory");
  if (!std::filesystem::exists("/dev/full")) return;
  a.output = "/dev/full";
  expect_refusal(run_command(run_iova_plot, a),
                 "/dev/full: cannot be written: No space left on device");
}

}  // namespace
}  // namespace iommulab::plot_command_test
