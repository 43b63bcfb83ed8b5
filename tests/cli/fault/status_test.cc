// SPDX-License-Identifier: GPL-2.0-only
//
// The fault status register in words, bit by bit.
#include <string>
#include <utility>

#include "cli/fault/reasons/fault_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace iommulab::fault_status_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// VT-d specification 11.4.7.1; PRO at bit 7 in revisions before 3.0, AFO and APF until 4.0.
const std::pair<unsigned, const char*> bits[] = {
    {0, "PFO:"}, {1, "PPF:"}, {2, "AFO:"}, {3, "APF:"},
    {4, "IQE:"}, {5, "ICE:"}, {6, "ITE:"}, {7, "PRO:"},
};

TEST(fault_status, each_bit_alone_and_each_pair_is_named_and_no_other) {
  for (unsigned value = 1; value < 0x100; ++value) {
    const std::string words = status_words(value);
    for (const auto& [bit, name] : bits) {
      EXPECT_EQ(words.find(name) != std::string::npos, ((value >> bit) & 1) != 0)
          << value << ": " << words;
    }
  }
}

TEST(fault_status, the_record_index_counts_only_with_a_pending_fault) {
  EXPECT_THAT(status_words(0x0402), HasSubstr("the first one in record 4"));
  EXPECT_THAT(status_words(0x0002), HasSubstr("the first one in record 0"));
  EXPECT_THAT(status_words(0x0410), Not(HasSubstr("record 4")));
  EXPECT_THAT(status_words(0x0400), HasSubstr("means nothing without PPF"));
  EXPECT_THAT(status_words(0), HasSubstr("nothing is pending"));
}

TEST(fault_status, all_ones_is_a_unit_that_is_not_there) {
  const std::string words = status_words(0xffffffff);
  EXPECT_THAT(words, HasSubstr("read all ones"));
  for (const auto& [bit, name] : bits) EXPECT_THAT(words, Not(HasSubstr(name)));
  EXPECT_THAT(words, Not(HasSubstr("record 255")));
  EXPECT_THAT(status_words(0xfffffffe), HasSubstr("bits 31:16 are reserved and read 0xffff"));
}

}  // namespace
}  // namespace iommulab::fault_status_test
