// SPDX-License-Identifier: GPL-2.0-only
//
// Every capture of start-up, run and compared class by class: what `iommulab verify` does. The
// captures are found by listing; more of them may be put beside the ones that are here.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/text_source.h"
#include "lab/golden/captures.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "support/golden.h"

namespace iommulab::capture_test {
namespace {

using outcome = verify::class_result::outcome;

std::vector<std::string> captures() {
  return golden::captures({"boot", "firmware", "workload-ir"});
}

/// False for a run that hung, whose machine is that of a capture beside it, when that is absent.
bool has_machine(const std::string& folder) {
  const std::filesystem::path path(folder);
  const bool calls = path.extension() == ".calls";
  return source_exists(folder + "/pci.txt") ||
         source_exists((path.parent_path() / (calls ? "r0.calls" : "r0") / "pci.txt").string());
}

/// The file that holds a class.
std::string_view file_of(std::string_view name) {
  if (name == "registers" || name == "queue") return "vtd-trace.txt";
  if (name == "calls") return "fgraph-boot.txt";
  if (name == "tables") return "pt-boot.txt";
  return name == "log" ? "dmesg.txt" : "sysfs-iommu.txt";
}

class capture : public testing::TestWithParam<std::string> {};

TEST_P(capture, equals_the_real_kernels_run_in_every_class) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  if (!has_machine(GetParam())) GTEST_SKIP() << "the kernel hung, and r0 is not there";
  const auto run = verify::run_capture(*folder);
  ASSERT_TRUE(run.ok()) << run.status();
  const auto results = verify::compare_run(*folder, (*run)->result);
  size_t compared = 0;
  for (const verify::class_result& result : results) {
    EXPECT_TRUE(result.passes()) << to_string(result);
    if (result.status == outcome::equal && result.lines > 0) ++compared;
    if (!folder->has(file_of(result.name))) continue;
    EXPECT_NE(result.status, outcome::not_compared) << to_string(result);
  }
  EXPECT_GT(compared, 0u) << "nothing was compared";
}

INSTANTIATE_TEST_SUITE_P(golden, capture, testing::ValuesIn(captures()), golden::capture_name);

TEST(captures, are_found) {
  EXPECT_FALSE(captures().empty());
}

/// The list must not outlive what it excuses. x2, x4c and x6 are the cases on which 4.4 hangs.
TEST(known_differences, are_each_met_by_a_capture) {
  const std::filesystem::path firmware = golden::root() / "kernel/v4_4/firmware";
  std::set<std::string> met;
  for (const char* name : {"x2", "x4c", "x6", "x6b", "x2.calls", "x4c.calls", "x6.calls"}) {
    const std::string path = (firmware / name).string();
    if (!std::filesystem::is_directory(path) || !has_machine(path)) {
      GTEST_SKIP() << "no capture firmware/" << name;
    }
    const auto folder = verify::capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    const auto run = verify::run_capture(*folder);
    ASSERT_TRUE(run.ok()) << run.status();
    for (const verify::known_difference& entry : verify::known_differences()) {
      for (const auto& result : verify::compare_run(*folder, (*run)->result, {&entry, 1})) {
        if (result.status == outcome::known) met.insert(std::string(entry.refusal));
      }
    }
  }
  for (const verify::known_difference& entry : verify::known_differences()) {
    EXPECT_FALSE(entry.reason.empty()) << entry.refusal;
    EXPECT_TRUE(met.contains(std::string(entry.refusal))) << entry.refusal << " no longer differs";
  }
}

}  // namespace
}  // namespace iommulab::capture_test
