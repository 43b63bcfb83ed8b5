// SPDX-License-Identifier: GPL-2.0-only
//
// Every capture of sysfs removal and rescan, step by step, and the classes of its start-up. The
// captures are found by listing.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lab/golden/captures.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/hotplug_calls.h"
#include "lab/replay/hotplug_run.h"
#include "support/golden.h"

namespace iommulab::hotplug_test {
namespace {

using outcome = verify::class_result::outcome;

std::vector<std::string> captures() {
  return golden::captures({"hotplug"});
}

class hotplug_capture : public testing::TestWithParam<std::string> {};

TEST_P(hotplug_capture, equals_the_real_kernels_run_after_every_step) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_TRUE(verify::has_hotplug_steps(*folder));
  const auto results = verify::verify_hotplug(*folder);
  ASSERT_TRUE(results.ok()) << results.status();
  // The capture's lines are the same whoever runs: each class has some, or nothing was compared.
  EXPECT_EQ(results->size(), folder->has("fgraph-lab.txt") ? 2u : 1u);
  for (const verify::class_result& result : *results) {
    EXPECT_EQ(result.status, outcome::equal) << to_string(result);
    EXPECT_GT(result.lines, 0u);
  }
}

TEST_P(hotplug_capture, starts_up_as_the_real_kernel_did) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto run = verify::run_capture(*folder);
  ASSERT_TRUE(run.ok()) << run.status();
  for (const auto& result : verify::compare_run(*folder, (*run)->result)) {
    EXPECT_TRUE(result.passes()) << to_string(result);
  }
}

INSTANTIATE_TEST_SUITE_P(golden, hotplug_capture, testing::ValuesIn(captures()),
                         golden::capture_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(hotplug_capture);

TEST(hotplug_calls, keep_notifications_without_the_table_walk) {
  using kind = verify::call_event::kind;
  const std::vector<verify::call_event> events = {
      {kind::enter, 1, "intel_map_page"},
      {kind::note, 2, "map"},
      {kind::exit, 3, {}},
      {kind::enter, 4, "device_notifier"},
      {kind::enter, 5, "domain_unmap"},
      {kind::note, 6, "domain_unmap start=0x0"},
      {kind::enter, 7, "dma_pte_clear_level"},
      {kind::exit, 8, {}},
      {kind::exit, 9, {}},
      {kind::enter, 10, "free_domain_mem"},
      {kind::exit, 11, {}},
      {kind::exit, 12, {}},
      {kind::enter, 13, "intel_unmap_page"},
      {kind::exit, 14, {}},
  };
  std::vector<size_t> lines;
  for (const auto& event : verify::keep_notifications(events)) lines.push_back(event.line);
  EXPECT_EQ(lines, (std::vector<size_t>{4, 5, 9, 10, 11, 12}));
}

}  // namespace
}  // namespace iommulab::hotplug_test
