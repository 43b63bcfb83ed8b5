// SPDX-License-Identifier: GPL-2.0-only
//
// Floods: how fast, in which steps, one buffer or many.
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "cli/fault/fault_pattern.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::fault_pattern_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(fault_pattern, kernel_time_stamps_are_found_wherever_they_stand) {
  EXPECT_EQ(time_stamp("[ 9100.100002] DMAR: [DMA Read] x"), 9100.100002);
  EXPECT_EQ(time_stamp("[0.5] DMAR"), 0.5);
  EXPECT_EQ(time_stamp("(XEN) [   37.201160] [VT-D]DMAR:[DMA Write] x"), 37.201160);
  EXPECT_EQ(time_stamp("Jan  1 00:00:00 host kernel: [  611.857109] dmar: x"), 611.857109);
  EXPECT_EQ(time_stamp("DMAR: [DMA Read NO_PASID] Request device [00:02.0]"), std::nullopt);
  EXPECT_EQ(time_stamp("host kernel[1234]: DMAR"), std::nullopt);
  EXPECT_EQ(time_stamp("[1.2.3] DMAR"), std::nullopt);
  EXPECT_EQ(time_stamp("[ 1.5"), std::nullopt);
}

fault_trail trail_of(std::initializer_list<uint64_t> addresses, double first, double apart) {
  fault_trail trail;
  double when = first;
  for (const uint64_t address : addresses) {
    trail.add(address, when, 1);
    when += apart;
  }
  return trail;
}

TEST(fault_pattern, rate_and_step_are_those_of_the_lines) {
  const fault_trail up = trail_of({0x1000, 0x2000, 0x3000, 0x4000, 0x5000}, 10.0, 0.5);
  EXPECT_EQ(up.lines(), 5u);
  EXPECT_EQ(up.step(), 0x1000);
  EXPECT_DOUBLE_EQ(up.seconds().value_or(0), 2.0);
  EXPECT_DOUBLE_EQ(up.rate().value_or(0), 2.0);  // four more lines in two seconds
  EXPECT_EQ(trail_of({0x9000, 0x7000, 0x5000, 0x3000}, 1, 1).step(), -0x2000);
  EXPECT_EQ(trail_of({0x9000, 0x9000, 0x9000, 0x9000}, 1, 1).step(), 0);
  EXPECT_EQ(trail_of({0x9000, 0x1000, 0x5000, 0x3000}, 1, 1).step(), std::nullopt);
  EXPECT_EQ(trail_of({0x1000, 0x2000, 0x3000}, 1, 1).step(), std::nullopt);  // too few
  // Stamps that run back are two boots.
  EXPECT_EQ(trail_of({1, 2, 3, 4}, 9, -1).rate(), std::nullopt);
  EXPECT_EQ(trail_of({1, 2, 3, 4}, 9, 0).rate(), std::nullopt);
}

TEST(fault_pattern, one_stray_in_ten_steps_is_forgiven_two_are_not) {
  fault_trail trail;
  for (uint64_t n = 0; n < 10; ++n) trail.add(0x10000 + n * 0x4000, std::nullopt, 1);
  trail.add(0x900000, std::nullopt, 1);
  EXPECT_EQ(trail.step(), 0x4000);
  trail.add(0x100000, std::nullopt, 1);
  EXPECT_EQ(trail.step(), std::nullopt);
}

TEST(fault_pattern, what_a_logger_counted_counts) {
  fault_trail trail;
  trail.add(0x1000, 1.0, 9);
  EXPECT_EQ(trail.lines(), 9u);
  EXPECT_EQ(trail.step(), 0);
}

TEST(fault_pattern, pieces_are_buffers_apart) {
  const std::set<uint64_t> addresses = {0x1000, 0x2000, 0x11000, 0x100000};
  const std::vector<address_piece> pieces = pieces_of(addresses);
  ASSERT_EQ(pieces.size(), 2u);  // 0x2000 to 0x11000 is 15 pages, 0x11000 to 0x100000 is 239
  EXPECT_EQ(pieces[0].first, 0x1000u);
  EXPECT_EQ(pieces[0].last, 0x11000u);
  EXPECT_EQ(pieces[0].pages, 3u);
  EXPECT_EQ(pieces[1].pages, 1u);
}

TEST(fault_pattern, the_words_say_rate_step_and_buffers) {
  const std::set<uint64_t> scan = {0x1000, 0x2000, 0x3000, 0x4000};
  const fault_trail up = trail_of({0x1000, 0x2000, 0x3000, 0x4000}, 1.0, 0.01);
  EXPECT_THAT(flood_words(up, scan, 0),
              ElementsAre(HasSubstr("about 100 lines a second for 0.03 s"),
                          HasSubstr("upwards in steps of 0x1000, page after page"),
                          HasSubstr("4 pages in one piece of 16 KiB (0x1000 to 0x4000)")));
  const std::set<uint64_t> apart = {0x100000, 0x200000, 0x300000, 0x400000};
  const fault_trail down = trail_of({0x400000, 0x300000, 0x200000, 0x100000}, 1.0, 1.0);
  EXPECT_THAT(flood_words(down, apart, 0),
              ElementsAre(HasSubstr("about 1.0 lines a second for 3 s"),
                          HasSubstr("downwards in steps of 0x100000: a ring"),
                          HasSubstr("4 pages in 4 pieces that lie apart: as many buffers")));
  const fault_trail same = trail_of({0x1000, 0x1000, 0x1000, 0x1000}, 1.0, 1.0);
  EXPECT_THAT(flood_words(same, {0x1000}, 0), Contains(HasSubstr("always the same address")));
  EXPECT_THAT(flood_words(trail_of({0x1000, 0x2000, 0x3000}, 1, 1), {0x1000, 0x2000, 0x3000}, 0),
              IsEmpty());
  EXPECT_THAT(
      flood_words(trail_of({0x1000}, 1, 1), {0x1000}, 893),
      ElementsAre(HasSubstr("at least 894 in all: 1 line and 893 that the kernel did not")));
}

TEST(fault_pattern, addresses_in_one_phrase) {
  EXPECT_EQ(address_pattern({}), "no address");
  EXPECT_EQ(address_pattern({0x1000}), "address 0x1000");
  EXPECT_EQ(address_pattern({0x1000, 0x2000}), "2 pages one behind the other, 0x1000 to 0x2000");
  EXPECT_EQ(address_pattern({0x1000, 0x5000}), "2 addresses between 0x1000 and 0x5000");
}

}  // namespace
}  // namespace iommulab::fault_pattern_test
