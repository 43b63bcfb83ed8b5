// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/device_command.h"

#include "iova/allocators.h"
#include "nlohmann/json.hpp"
#include "support/command.h"

namespace iommulab::device_command_test {
namespace {

iova_device_arguments ring(std::vector<std::string> allocators) {
  iova_device_arguments a;
  a.allocators = std::move(allocators);
  a.workloads = {"nic-ring-64"};
  return a;
}

TEST(iova_device, counts_a_miss_for_each_page_of_a_ring) {
  iova_device_arguments a = ring({"v4_4", "per_ring"});
  a.json = true;
  a.unmap = "strict";
  const command_result result = run_command(run_iova_device, a);
  ASSERT_EQ(result.status, 0) << result.err;
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.iova_device");
  EXPECT_EQ(document["unmap"], "strict");
  ASSERT_EQ(document["results"].size(), 2u);
  for (const auto& row : document["results"]) {
    EXPECT_EQ(row["pages"], row["transfers"]);
    EXPECT_EQ(row["iotlb_misses"], row["transfers"]);
    EXPECT_EQ(row["flushes"], row["transfers"]);
    EXPECT_EQ(row["failures"], 0);
  }
}

TEST(iova_device, shows_every_allocator_when_none_is_named) {
  const command_result result = run_command(run_iova_device, ring({}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.find("nic-ring-64, lazy unmaps: "), 0u) << result.out;
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    EXPECT_NE(result.out.find("\n  " + std::string(entry.name) + " "), std::string::npos)
        << entry.name;
  }
}

TEST(iova_device, refuses_what_it_does_not_know) {
  iova_device_arguments a = ring({"v6_12"});
  a.unmap = "later";
  command_result result = run_command(run_iova_device, a);
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "iommulab: --unmap is \"later\": not strict or lazy\n");

  a = ring({"v6_12"});
  a.workloads = {"nic-ring-0"};
  result = run_command(run_iova_device, a);
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("workload is \"nic-ring-0\""), std::string::npos) << result.err;
}

}  // namespace
}  // namespace iommulab::device_command_test
