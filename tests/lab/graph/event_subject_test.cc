// SPDX-License-Identifier: GPL-2.0-only
//
// Descriptors are put together from the bit numbers of the VT-d specification, 6.5.2.
#include "lab/graph/event_subject.h"

#include <gtest/gtest.h>

namespace iommulab::event_subject_test {
namespace {

constexpr source_id network{0, 0, pci_devfn(5, 0)};
constexpr uint16_t requester = 5 << 3;

trace_event event_of(trace_payload what) {
  trace_event event;
  event.what = std::move(what);
  return event;
}

bool about_device(trace_payload what, std::string_view text = {}) {
  return is_about(event_of(std::move(what)), text, network);
}

TEST(event_subject_test, a_device_is_named_with_and_without_its_segment) {
  EXPECT_TRUE(names_device("answer dmar0 read of 0x1 by 00:05.0 leads", network));
  EXPECT_TRUE(names_device("f(dev=0000:00:05.0)", network));
  EXPECT_TRUE(names_device("00:05.0", network));
  EXPECT_FALSE(names_device("0001:00:05.0", network));
  EXPECT_FALSE(names_device("00:05.01 and 100:05.0", network));
  EXPECT_FALSE(names_device("00:06.0", network));
  EXPECT_TRUE(names_device("0001:00:05.0", {1, 0, pci_devfn(5, 0)}));
}

TEST(event_subject_test, a_device_may_be_a_number) {
  EXPECT_TRUE(about_device(events::call_enter{"f", {{"source_id", requester}}}));
  EXPECT_FALSE(about_device(events::call_enter{"f", {{"size", requester}}}));
  const uint8_t bus = 0;
  const uint8_t devfn = pci_devfn(5, 0);
  EXPECT_TRUE(about_device(events::call_enter{"f", {{"bus", bus}, {"devfn", devfn}}}));
  EXPECT_FALSE(about_device(events::call_enter{"f", {{"devfn", devfn}}}));
}

TEST(event_subject_test, descriptors_name_a_device_where_their_type_has_one) {
  const uint64_t sid = uint64_t{requester} << 32;
  const auto descriptor = [](uint64_t low) { return events::descriptor{"dmar0", 0, low, 0, ""}; };
  EXPECT_TRUE(about_device(descriptor(0x1 | 3u << 4 | sid)));   // context-cache, one device
  EXPECT_FALSE(about_device(descriptor(0x1 | 1u << 4 | sid)));  // context-cache, all
  EXPECT_TRUE(about_device(descriptor(0x3 | sid)));             // device TLB
  EXPECT_FALSE(about_device(descriptor(0x2 | sid)));            // IOTLB
}

bool at(const trace_payload& what, uint64_t address) {
  return is_about(event_of(what), address_range{address, address});
}

TEST(event_subject_test, calls_and_notes_have_addresses_and_page_frames) {
  const events::call_enter map{"f", {{"paddr", uint64_t{0x1000}}, {"size", uint64_t{0x2000}}}};
  EXPECT_TRUE(at(map, 0x1000));
  EXPECT_TRUE(at(map, 0x2fff));
  EXPECT_FALSE(at(map, 0x3000));
  const events::call_enter frames{"f", {{"lo", uint64_t{0x10}}, {"hi", uint64_t{0x12}}}};
  EXPECT_TRUE(at(frames, 0x11fff));
  EXPECT_TRUE(at(frames, 0x12fff));
  EXPECT_FALSE(at(frames, 0x13000));
  EXPECT_FALSE(at(events::call_enter{"f", {{"limit_pfn", uint64_t{0x10}}}}, 0x10000));
  EXPECT_TRUE(at(events::call_exit{"f", {{"", "0x10-0x12"}}}, 0x11000));
  EXPECT_TRUE(at(events::note{"reserve_iova lo=0x10 hi=0x12"}, 0x11000));
  EXPECT_FALSE(at(events::note{"reserve_iova lo=0x10 hi=0x12"}, 0x1000));
}

TEST(event_subject_test, an_invalidation_of_pages_covers_as_many_as_its_mask_says) {
  const auto pages = [](uint64_t address, uint64_t mask) {
    return events::descriptor{"dmar0", 0, 0x2 | 3u << 4, address | mask, ""};
  };
  EXPECT_TRUE(at(pages(0x8000, 1), 0x9fff));
  EXPECT_FALSE(at(pages(0x8000, 1), 0xa000));
  EXPECT_FALSE(at(events::descriptor{"dmar0", 0, 0x2 | 1u << 4, 0, ""}, 0x8000));  // all of it
}

TEST(event_subject_test, other_effects_have_the_addresses_that_they_are_about) {
  EXPECT_TRUE(at(events::iova_range{events::range_action::free, 0xfffff, 0xfffff}, 0xfffff800));
  EXPECT_TRUE(at(events::page{events::page_action::alloc, 0x4000, 1}, 0x5fff));
  EXPECT_FALSE(at(events::page{events::page_action::alloc, 0x4000, 1}, 0x6000));
  EXPECT_TRUE(at(events::table_write{"pte", 0x4018, 3}, 0x4018));
  EXPECT_TRUE(at(events::fault{"dmar0", "x", 6, 0xfffff000, requester, ""}, 0xfffff000));
  const events::answer answer{"dmar0", requester, 0xfffff010, "IOTLB", 0x3f800010, ""};
  EXPECT_TRUE(at(answer, 0xfffff010));
  EXPECT_TRUE(at(answer, 0x3f800010));
  EXPECT_FALSE(at(events::reg_write{{"dmar0", 0x20, 8, 0x4000}}, 0x4000));
}

}  // namespace
}  // namespace iommulab::event_subject_test
