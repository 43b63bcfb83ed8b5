// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/bench_command.h"

#include <algorithm>

#include "cli/iova/list_command.h"
#include "iova/allocators.h"
#include "iova/workload/workload.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::bench_command_test {
namespace {

/// A build whose times are worth something.
build_facts released() {
  return {.type = "Release", .flags = "-O3 -DNDEBUG", .compiler = "c", .assertions = false};
}

iova_bench_arguments small(std::vector<std::string> allocators,
                           std::vector<std::string> workloads) {
  iova_bench_arguments a;
  a.allocators = std::move(allocators);
  a.workloads = std::move(workloads);
  a.repeat = 1;
  a.build = released();
  return a;
}

nlohmann::json measured(std::vector<std::string> allocators, std::vector<std::string> workloads) {
  iova_bench_arguments a = small(std::move(allocators), std::move(workloads));
  a.json = true;
  const command_result result = run_command(run_iova_bench, a);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return nlohmann::json::parse(result.out);
}

TEST(iova_bench, counts_what_the_linear_workload_makes_4_4_do) {
  // 16 rounds of 4 operations; the search for 2 frames of round i passes 127 - i nodes.
  const auto json = measured({"v4_4"}, {"linear-128"});
  ASSERT_EQ(json["results"].size(), 1u);
  const auto& row = json["results"][0];
  EXPECT_EQ(row["workload"], "linear-128");
  EXPECT_EQ(row["allocator"], "v4_4");
  EXPECT_EQ(row["operations"], 64);
  EXPECT_EQ(row["live"], 128);
  EXPECT_EQ(row["failures"], 0);
  EXPECT_GE(row["nodes_per_operation"], (16 * 127 - 15 * 16 / 2.0) / 64);
  EXPECT_LE(row["nodes_per_operation"], (16 * 127 + 8 * 16) / 64.0);
  EXPECT_GT(row["ns_per_operation"], 0);
  EXPECT_GT(row["bytes_per_entry"], 0);
  EXPECT_TRUE(row["cache_hit_share"].is_null());
  EXPECT_EQ(row["table_pages"], 4);  // 0xfffff downward: one page a level
}

TEST(iova_bench, sees_caches_serve_a_ring) {
  const auto json = measured({"v4_4", "v6_12"}, {"nic-ring-64"});
  ASSERT_EQ(json["results"].size(), 2u);
  EXPECT_GT(json["results"][1]["cache_hit_share"], 0.9);
  EXPECT_LT(json["results"][1]["nodes_per_operation"], json["results"][0]["nodes_per_operation"]);
}

TEST(iova_bench, has_a_table_with_a_row_for_each_allocator) {
  const command_result result = run_command(run_iova_bench, small({}, {"linear-16", "nic-ring-8"}));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    const std::string row = "\n  " + std::string(entry.name) + " ";
    const size_t first = result.out.find(row);
    ASSERT_NE(first, std::string::npos) << entry.name;
    EXPECT_NE(result.out.find(row, first + 1), std::string::npos) << entry.name;
  }
}

TEST(iova_bench, shows_progress_where_asked_and_takes_it_back) {
  iova_bench_arguments a = small({"v4_4"}, {"linear-16"});
  a.progress = true;
  EXPECT_EQ(run_command(run_iova_bench, a).err, "\r\x1b[K1/1 linear-16 on v4_4\r\x1b[K");
}

TEST(iova_bench, refuses_bad_use) {
  expect_refusal(run_command(run_iova_bench, small({"nonsense"}, {})),
                 "--allocator is \"nonsense\": unknown; `iommulab iova list` names them");
  expect_refusal(run_command(run_iova_bench, small({}, {"steady-x"})),
                 "workload is \"steady-x\": steady-N wants a number in place of N");
  iova_bench_arguments never = small({"v4_4"}, {"linear-16"});
  never.repeat = 0;
  expect_refusal(run_command(run_iova_bench, never), "--repeat is \"0\": must be 1 to 1000");
}

TEST(iova_bench, tells_the_spread_of_its_runs_and_what_they_depend_on) {
  iova_bench_arguments a = small({"v6_12", "maple"}, {"linear-16"});
  a.repeat = 3;
  a.json = true;
  const auto document = nlohmann::json::parse(run_command(run_iova_bench, a).out);
  EXPECT_EQ(document["schema"], "iommulab.iova_bench");
  EXPECT_EQ(document["program"], "iommulab " IOMMULAB_VERSION);
  EXPECT_EQ(document["build"]["type"], "Release");
  EXPECT_EQ(document["build"]["flags"], "-O3 -DNDEBUG");
  EXPECT_EQ(document["build"]["assertions"], false);
  EXPECT_GE(document["machine"]["cpus"], 1);
  EXPECT_EQ(document["machine"]["load"].size(), 3U);
  EXPECT_TRUE(document["machine"].contains("cpu"));
  const auto& row = document["results"][0];
  EXPECT_EQ(row["profile"], "v6_12");
  EXPECT_TRUE(document["results"][1]["profile"].is_null());
  std::vector<double> samples = row["samples_ns"].get<std::vector<double>>();
  ASSERT_EQ(samples.size(), 3U);
  std::sort(samples.begin(), samples.end());
  EXPECT_EQ(row["ns_per_operation"], samples[1]);
  EXPECT_DOUBLE_EQ(row["ns_lower_quartile"], (samples[0] + samples[1]) / 2);
  EXPECT_DOUBLE_EQ(row["ns_upper_quartile"], (samples[1] + samples[2]) / 2);
}

TEST(iova_bench, warns_of_a_build_whose_times_say_little) {
  iova_bench_arguments a = small({"v4_4"}, {"linear-16"});
  EXPECT_EQ(run_command(run_iova_bench, a).err, "");
  const auto warning = [&a](build_facts build) {
    a.build = std::move(build);
    const command_result result = run_command(run_iova_bench, a);
    EXPECT_EQ(result.status, 0);
    EXPECT_NE(result.out, "");
    return result.err;
  };
  EXPECT_EQ(warning({.type = "Debug", .flags = "-O1 -g1", .compiler = "c", .assertions = true}),
            "iommulab: warning: this program was built with assertions and without -O2 (Debug: -O1 "
            "-g1): its times are not those of a release build (cmake --preset release)\n");
  EXPECT_EQ(warning({.type = "", .flags = "", .compiler = "c", .assertions = true}),
            "iommulab: warning: this program was built with assertions and without -O2 (no build "
            "type: ): its times are not those of a release build (cmake --preset release)\n");
  // The last -O counts.
  EXPECT_NE(warning({.type = "x", .flags = "-O2 -O0", .compiler = "c"}), "");
  EXPECT_EQ(warning({.type = "x", .flags = "-O0 -O2", .compiler = "c"}), "");
  EXPECT_EQ(warning({.type = "x", .flags = "-Os", .compiler = "c"}), "");
  EXPECT_NE(warning({.type = "x", .flags = "-O2", .compiler = "c", .sanitizer = true}), "");
}

TEST(iova_bench, takes_names_in_every_spelling_and_prints_one) {
  const auto json = measured({"6.12", "v4.19", "4.4"}, {"linear/4k", "nic-ring-1k-shuffled:tree"});
  ASSERT_EQ(json["results"].size(), 6U);
  EXPECT_EQ(json["results"][0]["allocator"], "v6_12");
  EXPECT_EQ(json["results"][1]["allocator"], "v4_19");
  EXPECT_EQ(json["results"][2]["allocator"], "v4_4");
  EXPECT_EQ(json["results"][0]["workload"], "linear-4096");
  EXPECT_EQ(json["results"][3]["workload"], "nic-ring-1024-shuffled:tree");
}

/// A document of one row for each allocator, with these times.
std::string document_of(const std::string& name,
                        const std::vector<std::pair<std::string, std::vector<double>>>& allocators,
                        double nodes = 2) {
  nlohmann::json document = {{"schema", "iommulab.iova_bench"},
                             {"version", 1},
                             {"program", "iommulab 0"},
                             {"build", {{"type", "Release"}, {"flags", "-O3"}}},
                             {"machine", {{"cpu", "a CPU"}, {"load", {0.5, 0.4, 0.3}}}},
                             {"results", nlohmann::json::array()}};
  for (const auto& [allocator, samples] : allocators) {
    document["results"].push_back({{"workload", "linear-16"},
                                   {"allocator", allocator},
                                   {"samples_ns", samples},
                                   {"nodes_per_operation", nodes},
                                   {"failures", 0}});
  }
  return temporary(name, document.dump());
}

command_result compared(const std::string& a, const std::string& b, bool json = false) {
  iova_bench_arguments arguments;
  arguments.compare = {a, b};
  arguments.json = json;
  return run_command(run_iova_bench, arguments);
}

TEST(iova_bench_compare, finds_what_is_faster_and_what_is_slower) {
  const std::string a = document_of("a.json", {{"v4_4", {10, 11, 12, 13, 14}},
                                               {"v6_12", {10, 11, 12, 13, 14}},
                                               {"maple", {10, 11, 12, 13, 14}},
                                               {"buddy", {1, 2}}});
  const std::string b = document_of("b.json", {{"v4_4", {20, 21, 22, 23, 24}},
                                               {"v6_12", {5, 6, 7, 8, 9}},
                                               {"maple", {9.5, 11.5, 12.5, 12.6, 13.5}},
                                               {"eiovar", {1, 2}}});
  const command_result result = compared(a, b, true);
  EXPECT_EQ(result.status, 1) << result.err;
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.iova_bench_comparison");
  EXPECT_EQ(document["differs"], true);
  ASSERT_EQ(document["results"].size(), 3U);
  EXPECT_EQ(document["results"][0]["verdict"], "slower");
  EXPECT_EQ(document["results"][1]["verdict"], "faster");
  EXPECT_EQ(document["results"][2]["verdict"], "same");
  // All five below all five others: 2 of the 252 orders.
  EXPECT_DOUBLE_EQ(document["results"][0]["p"], 2.0 / 252);
  EXPECT_DOUBLE_EQ(document["results"][0]["ratio"], 22.0 / 12);
  EXPECT_EQ(document["only_a"], nlohmann::json::array({"linear-16 on buddy"}));
  EXPECT_EQ(document["only_b"], nlohmann::json::array({"linear-16 on eiovar"}));
  const command_result text = compared(a, b);
  EXPECT_EQ(text.status, 1);
  for (const char* part : {"slower\n", "faster\n", "same\n", "only in A: linear-16 on buddy\n"}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << text.out;
  }
}

TEST(iova_bench_compare, is_good_where_nothing_differs_or_too_little_is_known) {
  const std::string a = document_of("a.json", {{"v4_4", {10, 11, 12, 13, 14}}});
  EXPECT_EQ(compared(a, a).status, 0);
  // With 3 of each, p cannot come below 2 of 20.
  const std::string few = document_of("few.json", {{"v4_4", {1, 2, 3}}});
  const std::string more = document_of("more.json", {{"v4_4", {11, 12, 13}}});
  const command_result result = compared(few, more);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.out.find("undecidable\n"), std::string::npos) << result.out;
  iova_bench_arguments lenient;
  lenient.compare = {few, more};
  lenient.alpha = 0.2;
  EXPECT_EQ(run_command(run_iova_bench, lenient).status, 1);
}

TEST(iova_bench_compare, takes_a_difference_in_what_is_counted_for_one) {
  const std::string a = document_of("a.json", {{"v4_4", {10, 11, 12}}}, 2);
  const std::string b = document_of("b.json", {{"v4_4", {10, 11, 12}}}, 2.5);
  const command_result result = compared(a, b);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("counts differ: nodes/op 2 and 2.5, failed 0 and 0\n"),
            std::string::npos)
      << result.out;
}

TEST(iova_bench_compare, reads_what_bench_writes) {
  iova_bench_arguments a = small({"v6_12"}, {"linear-16"});
  a.json = true;
  const std::string file = temporary("run.json", run_command(run_iova_bench, a).out);
  const command_result result = compared(file, file);
  EXPECT_EQ(result.status, 0) << result.err << result.out;
  EXPECT_EQ(result.err, "");
}

TEST(iova_bench_compare, refuses_other_documents_and_says_where) {
  const std::string good = document_of("a.json", {{"v4_4", {1}}});
  const auto refused = [&good](const std::string& text, const std::string& why) {
    const std::string file = temporary("bad.json", text);
    expect_refusal(compared(good, file), file + ": " + why);
  };
  expect_refusal(compared("missing.json", good), "missing.json: no such file, nor with .xz");
  refused("", "no JSON document, or one that is cut short");
  refused(content_of(good).substr(0, 200), "no JSON document, or one that is cut short");
  refused("[]", "document: no JSON object");
  refused("{}", "schema: not iommulab.iova_bench: no output of `iova bench --json`");
  const std::string head = R"({"schema":"iommulab.iova_bench","version":)";
  refused(head + "2}", "version: not 1: of another program version");
  refused(head + "1}", "results: no list");
  refused(head + R"(1,"results":[3]})", "results[0]: no object");
  refused(head + R"(1,"results":[{"workload":"w"}]})",
          "results[0]: without a workload or an allocator");
  refused(head + R"(1,"results":[{"workload":"w","allocator":"a"}]})",
          "results[0].samples_ns: no list of up to 100000 times");
  refused(head + R"(1,"results":[{"workload":"w","allocator":"a","samples_ns":["x"]}]})",
          "results[0].samples_ns: a time is no number from 0 on");
  refused(head + R"(1,"results":[{"workload":"w","allocator":"a","samples_ns":[-1]}]})",
          "results[0].samples_ns: a time is no number from 0 on");
  refused(head + R"(1,"results":[{"workload":"w","allocator":"a","samples_ns":[1]}]})",
          "results[0]: without nodes_per_operation and failures");
  iova_bench_arguments both = small({"v4_4"}, {});
  both.compare = {good, good};
  expect_refusal(run_command(run_iova_bench, both),
                 "--compare measures nothing: it takes no --allocator, --workload or --repeat");
  iova_bench_arguments alone = small({"v4_4"}, {"linear-16"});
  alone.alpha = 0.1;
  expect_refusal(run_command(run_iova_bench, alone), "--alpha goes with --compare");
  iova_bench_arguments never;
  never.compare = {good, good};
  never.alpha = 1;
  expect_refusal(run_command(run_iova_bench, never), "--alpha is \"1\": must lie between 0 and 1");
}

TEST(iova_list, names_every_allocator_with_its_source_and_every_workload) {
  const command_result text = run_command(run_iova_list, iova_list_arguments{});
  EXPECT_EQ(text.status, 0);
  const command_result json = run_command(run_iova_list, iova_list_arguments{true});
  const auto document = nlohmann::json::parse(json.out);
  ASSERT_EQ(document["allocators"].size(), iova_allocators().size());
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    EXPECT_NE(text.out.find(entry.source), std::string::npos) << entry.name;
  }
  ASSERT_EQ(document["workloads"].size(), iova_workloads().size());
  for (const iova_workload_entry& entry : iova_workloads()) {
    EXPECT_NE(text.out.find(entry.pattern), std::string::npos);
  }
}

}  // namespace
}  // namespace iommulab::bench_command_test
