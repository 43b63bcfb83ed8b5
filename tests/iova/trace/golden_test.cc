// SPDX-License-Identifier: GPL-2.0-only
//
// Every recorded run of every kernel's allocator, line for line, on the version that it was
// recorded from. A folder of a version that is not known fails.
#include "support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "iova/trace/driver_domain.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace_reader.h"

namespace iommulab::golden_test {
namespace {

struct recorded_run {
  std::string folder;
  std::string file;
  std::string version;  ///< that it is played on
};
std::ostream& operator<<(std::ostream& out, const recorded_run& run) {
  return out << run.folder << '/' << run.file << " on " << run.version;
}

/// 4.4.178 has files only where it differs from 4.4, so it plays those of 4.4 as well; the driver
/// has an allocator of 4.4 of its own.
std::vector<recorded_run> recorded_runs() {
  std::vector<recorded_run> runs;
  for (const std::string& folder : golden::cases("iova")) {
    for (const std::string& file : golden::files("iova/" + folder, ".trace")) {
      runs.push_back({folder, file, folder});
      if (folder != "4.4") continue;
      runs.push_back({folder, file, "4.4.178"});
      runs.push_back({folder, file, "driver"});
    }
  }
  return runs;
}

std::string test_name(const testing::TestParamInfo<recorded_run>& info) {
  const recorded_run& run = info.param;
  std::string name = run.folder + "_" + run.file.substr(0, run.file.find('.'));
  if (run.version != run.folder) name += "_on_" + run.version;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

class golden_iova : public testing::TestWithParam<recorded_run> {};

TEST_P(golden_iova, gives_what_the_kernel_gave) {
  const recorded_run& run = GetParam();
  const auto trace = read_iova_trace((golden::root() / "iova" / run.folder / run.file).string());
  ASSERT_TRUE(trace.ok()) << trace.status();
  const bool driver = run.version == "driver";
  const iova_trace_version* version = find_iova_trace_version(driver ? "4.4" : run.version);
  ASSERT_NE(version, nullptr) << "no allocator is of version " << run.version;
  const auto replay = driver ? play_on_linux(*trace, *version, make_driver_domain)
                             : play_on_linux(*trace, *version);
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_EQ(trace->version, run.folder);
  EXPECT_GT(replay->operations, 200u);
  EXPECT_EQ(replay->operations, trace->steps.size());
  EXPECT_FALSE(replay->difference) << iova_difference_text(*replay->difference);
}

INSTANTIATE_TEST_SUITE_P(all, golden_iova, testing::ValuesIn(recorded_runs()), test_name);

TEST(golden_iova_folders, are_of_all_six_versions) {
  std::vector<std::string> known;
  for (const iova_trace_version& version : iova_trace_versions()) {
    known.emplace_back(version.recorded);
  }
  std::sort(known.begin(), known.end());
  EXPECT_EQ(golden::cases("iova"), known);
}

}  // namespace
}  // namespace iommulab::golden_test
