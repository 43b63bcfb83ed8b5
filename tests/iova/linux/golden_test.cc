// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every recorded run of every kernel's allocator, line for line.
#include "support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "iova/linux/linux_domain.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace_reader.h"

namespace iommulab {
namespace {

// A recorded file, and the version that must give what it says.
struct golden_run {
  std::string version;
  std::string folder;
  std::string file;
};
std::ostream& operator<<(std::ostream& out, const golden_run& run) {
  return out << run.version << " " << run.folder << "/" << run.file;
}

// 4.4.178 has files only where it differs from 4.4, and gives what 4.4 gave in all of 4.4's.
std::vector<golden_run> golden_runs() {
  std::vector<golden_run> runs;
  for (const std::string& folder : golden::cases("iova")) {
    const iova_trace_version* version = find_iova_trace_version(folder);
    const std::string name(version != nullptr ? version->name : "unknown");
    for (const std::string& file : golden::files("iova/" + folder, ".trace")) {
      runs.push_back({name, folder, file});
      if (folder == "4.4") runs.push_back({"v4_4_178", folder, file});
    }
  }
  return runs;
}

class golden_linux_iova : public testing::TestWithParam<golden_run> {};

TEST_P(golden_linux_iova, gives_what_the_kernel_gave) {
  const golden_run& run = GetParam();
  const iova_trace_version* version = find_iova_trace_version(run.version);
  ASSERT_NE(version, nullptr) << run.folder;
  const auto trace = read_iova_trace((golden::root() / "iova" / run.folder / run.file).string());
  ASSERT_TRUE(trace.ok()) << trace.status();
  const auto replay = play_on_linux(
      *trace, *version, [version] { return make_linux_iova_domain(version->name, {}); });
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_GT(replay->operations, 20u);
  EXPECT_FALSE(replay->difference) << iova_difference_text(*replay->difference);
}

std::string test_name(const testing::TestParamInfo<golden_run>& info) {
  std::string name = info.param.version + "_plays_" + info.param.folder + "_" + info.param.file;
  name.resize(name.rfind('.'));
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(all, golden_linux_iova, testing::ValuesIn(golden_runs()), test_name);

}  // namespace
}  // namespace iommulab
