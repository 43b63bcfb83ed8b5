// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/table_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace iommulab::view {
namespace {

using testing::ElementsAre;

trace_event event_of(auto what) {
  trace_event event;
  event.what = what;
  return event;
}
trace_event pte_at(uint64_t address, uint64_t before, uint64_t value) {
  return event_of(
      events::table_write{.table = "pte", .address = address, .lo = value, .lo_before = before});
}
trace_event pages_at(uint64_t address, unsigned order, events::page_action action) {
  return event_of(events::page{.action = action, .address = address, .order = order});
}

std::vector<uint64_t> words_of(const table_words& words) {
  std::vector<uint64_t> list;
  for (size_t at = 0; at < words.bytes().size(); ++at) {
    if (at % 8 == 0) list.push_back(0);
    list.back() |= static_cast<uint64_t>(static_cast<uint8_t>(words.bytes()[at])) << at % 8 * 8;
  }
  return list;
}

TEST(table_words_test, an_event_that_is_neither_has_no_record) {
  table_words words;
  words.add(event_of(events::log_text{}));
  EXPECT_EQ(words.bytes(), "");
}

TEST(table_words_test, a_context_entry_has_two_words) {
  table_words words;
  words.add(event_of(
      events::table_write{.table = "context", .address = 0x5020, .lo = 0x7001, .hi = 0x102}));
  EXPECT_THAT(words_of(words), ElementsAre(0x5020 | table_words::more, 0x7001, 0x5028, 0x102));
}

TEST(table_words_test, pages_have_their_order) {
  table_words words;
  words.add(pages_at(0x8000, 1, events::page_action::alloc));
  words.add(pages_at(0x8000, 1, events::page_action::free));
  EXPECT_THAT(words_of(words), ElementsAre(0x8002, 1, 0x8003, 1));
}

TEST(table_words_test, what_a_write_found_is_told_where_nothing_else_tells) {
  table_words words;
  words.add(pte_at(0x9008, 0x1003, 0x2003));
  EXPECT_THAT(words_of(words), ElementsAre(0x9009 | table_words::more, 0x1003, 0x9008, 0x2003));
  words = {};
  words.add(pte_at(0x9008, 0, 0x2003));
  words.add(pte_at(0x9008, 0x2003, 0));
  EXPECT_THAT(words_of(words), ElementsAre(0x9008, 0x2003, 0x9008, 0));
}

TEST(table_words_test, nothing_is_known_of_a_page_that_is_taken_anew) {
  table_words words;
  words.add(pte_at(0x9008, 0, 0x2003));
  words.add(pages_at(0x8000, 1, events::page_action::alloc));
  words.add(pte_at(0x9008, 0x2003, 0));
  EXPECT_THAT(words_of(words), ElementsAre(0x9008, 0x2003, 0x8002, 1, 0x9009 | table_words::more,
                                           0x2003, 0x9008, 0));
}

}  // namespace
}  // namespace iommulab::view
