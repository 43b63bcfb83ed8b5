// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/page_frames.h"

#include <gtest/gtest.h>

namespace iommulab::view {
namespace {

trace_event write_to(uint64_t address) {
  trace_event event;
  event.what = events::table_write{.table = "pte", .address = address};
  return event;
}
trace_event pages_at(uint64_t address, unsigned order) {
  trace_event event;
  event.what = events::page{.address = address, .order = order};
  return event;
}

TEST(page_frames_test, neighbours_are_one_range) {
  page_frames frames;
  EXPECT_EQ(frames.as_json(), json::array());
  frames.add(write_to(0x3008));
  frames.add(write_to(0x3010));
  frames.add(pages_at(0x6000, 1));
  EXPECT_EQ(frames.as_json(), json::parse("[3, 1, 6, 2]"));
  frames.add(write_to(0x5ff8));
  EXPECT_EQ(frames.as_json(), json::parse("[3, 1, 5, 3]"));
  frames.add(write_to(0x4000));
  EXPECT_EQ(frames.as_json(), json::parse("[3, 5]"));
}

TEST(page_frames_test, a_range_takes_up_those_within) {
  page_frames frames;
  frames.add(write_to(0x5000));
  frames.add(write_to(0x7000));
  frames.add(write_to(0x9000));
  frames.add(pages_at(0x4000, 2));
  EXPECT_EQ(frames.as_json(), json::parse("[4, 4, 9, 1]"));
  frames.add(pages_at(0x4000, 1));
  EXPECT_EQ(frames.as_json(), json::parse("[4, 4, 9, 1]"));
  frames.clear();
  EXPECT_EQ(frames.as_json(), json::array());
}

}  // namespace
}  // namespace iommulab::view
