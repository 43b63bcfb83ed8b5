// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "iova/trace/trace_reader.h"

namespace iommulab::recorder_test {
namespace {

using op = iova_trace_op;

absl::StatusOr<iova_trace> record(const std::string& workload, const iova_trace_version& version) {
  const auto made = make_iova_workload(workload);
  if (!made.ok()) return made.status();
  return record_workload(*made, version,
                         [&version] { return make_linux_iova_domain(version.name, {}); });
}

size_t count(const iova_trace& trace, op what) {
  return static_cast<size_t>(
      std::count_if(trace.steps.begin(), trace.steps.end(),
                    [what](const iova_trace_step& step) { return step.what == what; }));
}

class recorded_iova : public testing::TestWithParam<std::string_view> {};

TEST_P(recorded_iova, replays_equal_from_its_text_on_the_version_that_it_was_recorded_on) {
  const iova_trace_version& version = *find_iova_trace_version(GetParam());
  for (const char* workload : {"nic-ring-512-shuffled", "exhaustion", "nvme-mix", "linear-64"}) {
    const auto recorded = record(workload, version);
    ASSERT_TRUE(recorded.ok()) << recorded.status();
    const auto read = parse_iova_trace("recorded", iova_trace_text(*recorded));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->version, version.recorded);
    ASSERT_EQ(read->steps.size(), recorded->steps.size());
    EXPECT_EQ(read->slots, recorded->slots);
    EXPECT_EQ(read->steps.back().line, recorded->steps.back().line);
    EXPECT_GT(count(*read, op::state), 0u);
    EXPECT_GT(count(*read, op::dump), 0u);
    const auto replay = play_on_linux(*read, version);
    ASSERT_TRUE(replay.ok()) << replay.status();
    EXPECT_FALSE(replay->difference) << iova_difference_text(*replay->difference);
  }
}

INSTANTIATE_TEST_SUITE_P(all, recorded_iova,
                         testing::Values("v4_4", "v4_4_178", "v4_9", "v4_19", "v6_1", "v6_12"),
                         [](const auto& version) { return std::string(version.param); });

TEST(iova_recorder, goes_through_the_caches_where_the_version_has_them) {
  const auto old = record("nvme-mix", *find_iova_trace_version("v4_4"));
  const auto recent = record("nvme-mix", *find_iova_trace_version("v6_12"));
  ASSERT_TRUE(old.ok() && recent.ok());
  EXPECT_EQ(count(*old, op::alloc_fast), 0u);
  EXPECT_EQ(count(*old, op::alloc), 256u + 16384u);
  EXPECT_EQ(count(*recent, op::alloc), 0u);
  EXPECT_EQ(count(*recent, op::alloc_fast), 256u + 16384u);
  EXPECT_GT(count(*recent, op::cpu), 1000u);
  EXPECT_GT(count(*recent, op::work), 0u);
}

TEST(iova_recorder, is_found_out_when_another_version_plays_its_trace) {
  // 4.4 searches below its cached node, 6.12 above it as well: after a hole was made at the top
  // they part.
  const auto recorded = record("random-256", *find_iova_trace_version("v4_4"));
  ASSERT_TRUE(recorded.ok());
  const auto replay = play_on_linux(*recorded, *find_iova_trace_version("v6_12"));
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_TRUE(replay->difference);
}

TEST(iova_recorder, says_when_there_is_no_memory) {
  const auto workload = make_iova_workload("steady-4");
  const auto trace = record_workload(*workload, *find_iova_trace_version("v4_4"),
                                     [] { return std::unique_ptr<linux_iova_domain>(); });
  EXPECT_EQ(status_errno(trace.status()), ENOMEM);
}

}  // namespace
}  // namespace iommulab::recorder_test
