// SPDX-License-Identifier: GPL-2.0-only
//
// Every capture with a script of DMA operations, run and compared operation by operation. The
// captures are found by listing.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "lab/golden/captures.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/dmalab_run.h"
#include "lab/replay/known_differences.h"
#include "support/golden.h"

namespace iommulab::dmalab_test {
namespace {

using outcome = verify::class_result::outcome;

std::vector<std::string> captures() {
  return golden::captures({"dmalab"});
}

class dmalab_capture : public testing::TestWithParam<std::string> {};

TEST_P(dmalab_capture, equals_the_real_kernels_run_operation_by_operation) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_TRUE(verify::has_dma_script(*folder));
  const auto results = verify::verify_dma_script(*folder);
  ASSERT_TRUE(results.ok()) << results.status();
  std::set<std::string> compared;
  for (const verify::class_result& result : *results) {
    EXPECT_TRUE(result.passes()) << to_string(result);
    if (result.status != outcome::not_compared && result.lines > 0) compared.insert(result.name);
  }
  // A class that the capture has a file for is compared.
  EXPECT_TRUE(compared.contains("operations"));
  EXPECT_TRUE(compared.contains("operations' log"));
  EXPECT_EQ(compared.contains("operations' registers"), folder->has("vtd-trace.txt"));
  EXPECT_EQ(compared.contains("operations' queue"), folder->has("vtd-trace.txt"));
  EXPECT_EQ(compared.contains("operations' calls"), folder->has("fgraph-lab.txt"));
}

TEST_P(dmalab_capture, starts_up_as_the_real_kernel_did) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const auto run = verify::run_capture(*folder);
  ASSERT_TRUE(run.ok()) << run.status();
  for (const auto& result : verify::compare_run(*folder, (*run)->result)) {
    EXPECT_TRUE(result.passes()) << to_string(result);
  }
}

INSTANTIATE_TEST_SUITE_P(golden, dmalab_capture, testing::ValuesIn(captures()),
                         golden::capture_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(dmalab_capture);

/// The list must not outlive what it excuses.
TEST(known_operation_differences, are_each_met_by_a_capture) {
  std::set<std::string> reported;
  for (const std::string& path : captures()) {
    const auto folder = verify::capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    // Only the scripts that go where 4.4 goes wrong can meet one.
    bool special = false;
    for (const char* name : {"bug", "hole", "apigmap", "apioops", "api2", "api"}) {
      special = special || path.find(std::string("-") + name) != std::string::npos;
    }
    if (!special && path.find("ptbug") == std::string::npos) continue;
    const auto results = verify::verify_dma_script(*folder);
    ASSERT_TRUE(results.ok()) << results.status();
    for (const verify::class_result& result : *results) {
      if (result.status == outcome::known) reported.insert(result.report);
    }
  }
  if (captures().empty()) GTEST_SKIP() << "no captures";
  for (const auto& known : verify::known_operation_differences()) {
    const bool met = std::any_of(reported.begin(), reported.end(), [&](const std::string& report) {
      return report.find(std::string(known.reason)) != std::string::npos;
    });
    EXPECT_TRUE(met) << known.reason << ": no longer differs";
  }
  for (const auto& known : verify::known_call_differences()) {
    const bool met = std::any_of(reported.begin(), reported.end(), [&](const std::string& report) {
      return report.find(std::string(known.reason)) != std::string::npos;
    });
    EXPECT_TRUE(met) << known.reason << ": no longer differs";
  }
}

}  // namespace
}  // namespace iommulab::dmalab_test
