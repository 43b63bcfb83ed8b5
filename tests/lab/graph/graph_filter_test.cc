// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/graph_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/graph/event_list.h"
#include "lab/graph/graph_text.h"

namespace iommulab::graph_filter_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> shown(const std::vector<trace_event>& events, const graph_filter& filter) {
  event_words words;
  const std::vector<size_t> chosen = chosen_events(events, filter, words);
  std::vector<std::string> lines;
  for (const graph_line& line : graph_lines(events, chosen, words)) {
    lines.push_back(short_text(line));
  }
  return lines;
}

/// a { note; b { c(dev) { page } } iova } b; log
event_list sample() {
  event_list events;
  events.enter("a").note("domain_init guest_width=48").enter("b");
  events.enter("c", {{"dev", "0000:00:05.0"}})
      .add(events::page{events::page_action::alloc, 0x7000, 0})
      .leave("c")
      .leave("b");
  events.add(events::iova_range{events::range_action::alloc, 0xff, 0xff}).leave("a");
  events.enter("b").leave("b").log("DMAR: done");
  return events;
}

constexpr const char* note = "/* domain_init guest_width=48 */";
constexpr const char* page = "/* page alloc 0x7000 order 0 */";
constexpr const char* range = "/* iova alloc 0xff-0xff */";
constexpr const char* said = "/* [    0.000011] DMAR: done */";

std::string in(size_t depth, const std::string& text) {
  return std::string(2 * depth, ' ') + text;
}

TEST(graph_filter_test, without_a_choice_everything_is_shown) {
  EXPECT_THAT(shown(sample(), {}),
              ElementsAre("a() {", in(1, note), "  b() {", "    c(dev=0000:00:05.0) {", in(3, page),
                          "    }", "  }", in(1, range), "}", "b();", said));
}

TEST(graph_filter_test, a_graph_function_is_shown_with_all_below_it_and_nothing_outside) {
  graph_filter filter;
  filter.subtrees = {"b"};
  EXPECT_THAT(shown(sample(), filter),
              ElementsAre("b() {", "  c(dev=0000:00:05.0) {", in(2, page), "  }", "}", "b();"));
  filter.subtrees = {"c", "nothing"};
  EXPECT_THAT(shown(sample(), filter), ElementsAre("c(dev=0000:00:05.0) {", in(1, page), "}"));
}

TEST(graph_filter_test, of_patterns_only_what_fits_and_effects_go_to_the_call_around_them) {
  graph_filter filter;
  filter.functions = {"[ac]"};
  EXPECT_THAT(shown(sample(), filter), ElementsAre("a() {", in(1, note), "  c(dev=0000:00:05.0) {",
                                                   in(2, page), "  }", in(1, range), "}"));
  filter.functions = {"b*"};
  EXPECT_THAT(shown(sample(), filter), ElementsAre("b() {", in(1, page), "}", "b();"));
}

TEST(graph_filter_test, deeper_calls_are_not_shown_and_what_they_do_is) {
  graph_filter filter;
  filter.max_depth = 1;
  EXPECT_THAT(shown(sample(), filter),
              ElementsAre("a() {", in(1, note), in(1, page), in(1, range), "}", "b();", said));
  filter.effects = trace_class::none;
  filter.notes = false;
  EXPECT_THAT(shown(sample(), filter), ElementsAre("a();", "b();"));
}

// As ftrace counts: only among the functions that it traces.
TEST(graph_filter_test, depth_counts_what_is_chosen) {
  graph_filter filter;
  filter.subtrees = {"b"};
  filter.functions = {"c"};
  filter.max_depth = 1;
  filter.effects = trace_class::none;
  EXPECT_THAT(shown(sample(), filter), ElementsAre("c(dev=0000:00:05.0);"));
}

TEST(graph_filter_test, effects_are_chosen_by_class_and_notes_apart) {
  graph_filter filter;
  filter.effects = trace_class::iova;
  filter.notes = false;
  EXPECT_THAT(shown(sample(), filter), ElementsAre("a() {", "  b() {", "    c(dev=0000:00:05.0);",
                                                   "  }", in(1, range), "}", "b();"));
}

TEST(graph_filter_test, of_a_device_the_calls_around_and_all_that_its_own_calls_do) {
  graph_filter filter;
  filter.device = source_id{0, 0, pci_devfn(5, 0)};
  EXPECT_THAT(shown(sample(), filter), ElementsAre("a() {", "  b() {", "    c(dev=0000:00:05.0) {",
                                                   in(3, page), "    }", "  }", "}"));
  filter.device = source_id{0, 0, pci_devfn(5, 1)};
  EXPECT_THAT(shown(sample(), filter), IsEmpty());
}

TEST(graph_filter_test, of_addresses_the_effects_and_the_calls_around) {
  graph_filter filter;
  filter.addresses = address_range{0xff123, 0xff123};
  EXPECT_THAT(shown(sample(), filter), ElementsAre("a() {", in(1, range), "}"));
  filter.addresses = address_range{0x7fff, 0x7fff};
  EXPECT_THAT(shown(sample(), filter), ElementsAre("a() {", "  b() {", "    c(dev=0000:00:05.0) {",
                                                   in(3, page), "    }", "  }", "}"));
  // What is not of a chosen class brings no call with it.
  filter.effects = trace_class::iova;
  EXPECT_THAT(shown(sample(), filter), IsEmpty());
}

TEST(graph_filter_test, a_result_may_be_what_a_call_is_about) {
  event_list events;
  events.enter("outer").enter("inner").leave("inner", {{"dma", uint64_t{0xfffff000}}});
  events.enter("other").leave("other").leave("outer");
  graph_filter filter;
  filter.addresses = address_range{0xfffff000, 0xfffff000};
  EXPECT_THAT(shown(events, filter),
              ElementsAre("outer() {", "  inner(); /* dma=0xfffff000 */", "}"));
}

}  // namespace
}  // namespace iommulab::graph_filter_test
