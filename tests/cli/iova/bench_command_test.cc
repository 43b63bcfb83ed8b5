// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/bench_command.h"

#include "cli/iova/list_command.h"
#include "iova/allocators.h"
#include "iova/workload/workload.h"
#include "nlohmann/json.hpp"
#include "support/command.h"

namespace iommulab::bench_command_test {
namespace {

iova_bench_arguments small(std::vector<std::string> allocators,
                           std::vector<std::string> workloads) {
  iova_bench_arguments a;
  a.allocators = std::move(allocators);
  a.workloads = std::move(workloads);
  a.repeat = 1;
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
