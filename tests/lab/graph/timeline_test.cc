// SPDX-License-Identifier: GPL-2.0-only
//
// Descriptors are put together from the bit numbers of the VT-d specification, 6.5.2.3.
#include "lab/graph/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "lab/graph/event_list.h"

namespace iommulab::timeline_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint16_t requester = 5 << 3;
constexpr uint16_t did = 2;
constexpr const char* device = "0000:00:05.0";

timeline of(const std::vector<trace_event>& events, timeline_clock clock = timeline_clock::events) {
  event_words words;
  std::vector<size_t> all(events.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return timeline_of(events, all, words, clock);
}

std::string track_of(const timeline& line, const timeline_slice& slice) {
  return line.tracks[slice.track].group + "/" + line.tracks[slice.track].name;
}

/// A buffer at 0xfffff000: mapped, read, unmapped, invalidated, and read once more.
event_list life_of_a_buffer(uint64_t flush_low) {
  event_list events;
  events.add(events::domain_change{events::domain_action::attach, 0x1000, device, requester,
                                   "dmar0", did});
  events.enter("intel_map_page", {{"dev", device}}).enter("alloc_iova");
  events.add(events::iova_range{events::range_action::alloc, 0xfffff, 0xfffff});
  events.leave("alloc_iova").leave("intel_map_page");
  events.add(events::answer{"dmar0", requester, 0xfffff010, "tables", 0x3f800010, "read"});
  events.enter("intel_unmap_page", {{"dev", device}, {"dev_addr", uint64_t{0xfffff000}}});
  events.enter("intel_unmap", {{"", device}, {"addr", uint64_t{0xfffff000}}});
  events.leave("intel_unmap").leave("intel_unmap_page");
  events.add(events::descriptor{"dmar0", 4, flush_low, 0xfffff000, ""});
  events.add(events::fault{"dmar0", "read_not_permitted", 6, 0xfffff010, requester, "blocked"});
  return events;
}

constexpr uint64_t iotlb = 0x2;
constexpr uint64_t global = iotlb | 1u << 4;
constexpr uint64_t of_domain(uint64_t id) {
  return iotlb | 2u << 4 | id << 16;
}
constexpr uint64_t of_pages(uint64_t id) {
  return iotlb | 3u << 4 | id << 16;
}

std::vector<std::string> steps(const timeline& line, const timeline_flow& flow) {
  std::vector<std::string> names;
  for (const size_t slice : flow.slices) names.push_back(line.slices[slice].name);
  return names;
}

TEST(timeline_test, a_flow_leads_through_the_life_of_a_buffer) {
  for (const uint64_t flush : {global, of_domain(did), of_pages(did)}) {
    const timeline line = of(life_of_a_buffer(flush));
    ASSERT_EQ(line.flows.size(), 1u);
    EXPECT_EQ(line.flows[0].name, "00:05.0 0xfffff000-0xffffffff");
    EXPECT_THAT(steps(line, line.flows[0]),
                ElementsAre("intel_map_page", "access, from tables", "intel_unmap_page", "iotlb",
                            "fault read_not_permitted"));
  }
}

TEST(timeline_test, an_invalidation_of_something_else_is_no_step) {
  for (const uint64_t flush : {of_domain(did + 1), of_pages(did + 1)}) {
    const timeline line = of(life_of_a_buffer(flush));
    ASSERT_EQ(line.flows.size(), 1u);
    EXPECT_THAT(steps(line, line.flows[0]),
                ElementsAre("intel_map_page", "access, from tables", "intel_unmap_page",
                            "fault read_not_permitted"));
  }
}

TEST(timeline_test, what_has_no_slice_is_no_step) {
  const event_list events = life_of_a_buffer(global);
  event_words words;
  const std::vector<size_t> only_mapping = {1, 5};
  EXPECT_THAT(timeline_of(events.all(), only_mapping, words, timeline_clock::events).flows,
              IsEmpty());
}

TEST(timeline_test, tracks_are_of_kernel_units_queues_and_devices) {
  event_list events;
  events.enter("f").leave("f").log("said");
  events.add(events::reg_write{{"dmar1", 0x18, 4, 0}});
  events.add(events::descriptor{"dmar1", 0, global, 0, ""});
  events.add(events::answer{"dmar1", requester, 0, "tables", 0, ""});
  events.add(events::config_change{"0000:01:00.0", 4, 0, 1});
  events.add(events::diagnosis{"odd", "", 0, 0, ""});
  const timeline line = of(events);
  std::vector<std::string> tracks;
  for (const timeline_slice& slice : line.slices) tracks.push_back(track_of(line, slice));
  EXPECT_THAT(tracks,
              ElementsAre("kernel/calls", "kernel/log", "units/dmar1", "queues/dmar1",
                          "devices/0000:00:05.0", "devices/0000:01:00.0", "kernel/findings"));
}

TEST(timeline_test, a_call_lasts_from_its_entry_to_its_return) {
  event_list events;
  events.enter("outer").enter("inner").leave("inner").leave("outer").enter("stays");
  const timeline line = of(events);
  ASSERT_EQ(line.slices.size(), 3u);
  EXPECT_EQ(line.slices[0].begin_ns, 0u);
  EXPECT_EQ(line.slices[0].end_ns, 3000u);
  EXPECT_EQ(line.slices[1].begin_ns, 1000u);
  EXPECT_EQ(line.slices[1].end_ns, 2000u);
  // What does not return lasts to the end of the run.
  EXPECT_EQ(line.slices[2].begin_ns, 4000u);
  EXPECT_EQ(line.slices[2].end_ns, 5000u);
}

TEST(timeline_test, the_virtual_clock_moves_on_within_a_moment) {
  std::vector<trace_event> events = event_list().enter("f").note("a").leave("f").log("b").all();
  events[0].time_ns = events[1].time_ns = events[2].time_ns = 5000;
  events[3].time_ns = 9000;
  const timeline line = of(events, timeline_clock::virtual_time);
  ASSERT_EQ(line.slices.size(), 3u);
  EXPECT_EQ(line.slices[0].begin_ns, 5000u);
  EXPECT_EQ(line.slices[0].end_ns, 5002u);
  EXPECT_EQ(line.slices[1].begin_ns, 5001u);
  EXPECT_EQ(line.slices[2].begin_ns, 9000u);
}

}  // namespace
}  // namespace iommulab::timeline_test
