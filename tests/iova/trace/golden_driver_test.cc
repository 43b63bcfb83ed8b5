// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every recorded run of Linux 4.4's allocator on the one that the driver uses, line for line.
#include <gtest/gtest.h>

#include "iova/trace/driver_domain.h"
#include "iova/trace/linux_player.h"
#include "iova/trace/trace_reader.h"
#include "support/golden.h"

namespace iommulab {
namespace {

class golden_driver_iova : public testing::TestWithParam<std::string> {};

TEST_P(golden_driver_iova, gives_what_the_kernel_gave) {
  const auto trace = read_iova_trace((golden::root() / "iova/4.4" / GetParam()).string());
  ASSERT_TRUE(trace.ok()) << trace.status();
  const iova_trace_version* version = find_iova_trace_version("4.4");
  const auto replay = play_on_linux(*trace, *version, make_driver_domain);
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_GT(replay->operations, 1000u);
  EXPECT_FALSE(replay->difference) << iova_difference_text(*replay->difference);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  return info.param.substr(0, info.param.find('.'));
}

INSTANTIATE_TEST_SUITE_P(all, golden_driver_iova,
                         testing::ValuesIn(golden::files("iova/4.4", ".trace")), test_name);

}  // namespace
}  // namespace iommulab
