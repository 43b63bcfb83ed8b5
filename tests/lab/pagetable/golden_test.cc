// SPDX-License-Identifier: GPL-2.0-only
//
// Every recorded run of the kernel's page-table code, operation for operation: results, warnings,
// scatter lists' addresses, dumps and numbers of tables; as the driver works when nobody listens,
// by its short ways, and with its calls followed, level by level; each on the kernel that its
// folder names. What is recorded of 4.4.178 is what 4.4.1 gets wrong.
#include "support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "lab/pagetable/player.h"
#include "lab/pagetable/trace_reader.h"
#include "support/call_counter.h"

namespace iommulab::golden_test {
namespace {

struct recorded_run {
  std::string folder;
  std::string file;
  bool followed = false;
};
std::ostream& operator<<(std::ostream& out, const recorded_run& run) {
  return out << run.folder << '/' << run.file << (run.followed ? ", followed" : "");
}

std::vector<recorded_run> recorded_runs() {
  std::vector<recorded_run> runs;
  for (const std::string& folder : golden::cases("pagetable")) {
    for (const std::string& file : golden::files("pagetable/" + folder, ".trace")) {
      for (const bool followed : {false, true}) runs.push_back({folder, file, followed});
    }
  }
  return runs;
}

std::string test_name(const testing::TestParamInfo<recorded_run>& info) {
  const recorded_run& run = info.param;
  std::string name = run.folder + "_" + run.file.substr(0, run.file.find('.'));
  if (run.followed) name += "_followed";
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

class golden_pagetable : public testing::TestWithParam<recorded_run> {};

TEST_P(golden_pagetable, gives_what_the_kernel_gave) {
  const recorded_run& run = GetParam();
  const auto trace =
      read_page_table_trace((golden::root() / "pagetable" / run.folder / run.file).string());
  ASSERT_TRUE(trace.ok()) << trace.status();
  ASSERT_FALSE(trace->steps.empty());
  call_counter calls;
  const auto replay =
      play_page_table_trace(*trace, kernel_of(*trace), run.followed ? &calls : nullptr);
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_FALSE(replay->difference) << page_table_difference_text(*replay->difference);
  EXPECT_EQ(replay->operations, trace->steps.size());
  EXPECT_EQ(calls.calls > trace->steps.size() / 2, run.followed);
}

INSTANTIATE_TEST_SUITE_P(all, golden_pagetable, testing::ValuesIn(recorded_runs()), test_name);

}  // namespace
}  // namespace iommulab::golden_test
