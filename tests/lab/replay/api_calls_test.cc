// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/api_calls.h"

#include <gtest/gtest.h>

#include <string_view>

#include "lab/replay/interrupt_remapping.h"

namespace iommulab::verify::api_calls_test {
namespace {

using kind = call_event::kind;

/// One event a word: "f{" enters f, "}" leaves, anything else is a note in its own words.
std::vector<call_event> tree(std::initializer_list<std::string_view> words) {
  std::vector<call_event> events;
  for (std::string_view word : words) {
    const size_t line = events.size() + 1;
    if (word == "}") {
      events.push_back({kind::exit, line, {}});
    } else if (word.ends_with('{')) {
      events.push_back({kind::enter, line, std::string(word.substr(0, word.size() - 1))});
    } else {
      events.push_back({kind::note, line, std::string(word)});
    }
  }
  return events;
}

std::string shown(const std::vector<call_event>& events) {
  std::string text;
  for (const call_event& e : events) {
    text += e.what == kind::enter ? e.text + "{" : e.what == kind::exit ? "}" : e.text;
    text += ' ';
  }
  return text;
}

TEST(timers_apart, moves_an_interruption_before_the_call) {
  EXPECT_EQ(shown(timers_apart(tree({"intel_unmap_page{", "find_domain{", "flush_unmaps_timeout{",
                                     "flush_unmaps{", "}", "}", "}", "}"}))),
            "flush_unmaps_timeout{ flush_unmaps{ } } intel_unmap_page{ find_domain{ } } ");
}

TEST(timers_apart, moves_it_behind_a_call_that_had_taken_effect) {
  EXPECT_EQ(shown(timers_apart(tree({"intel_unmap_page{", "add_unmap{", "add_unmap lo=0x1 size=4",
                                     "}", "flush_unmaps_timeout{", "}", "}"}))),
            "intel_unmap_page{ add_unmap{ add_unmap lo=0x1 size=4 } } flush_unmaps_timeout{ } ");
}

TEST(timers_apart, leaves_the_flush_of_a_domain_that_goes) {
  const auto events = tree({"iommu_domain_free{", "domain_exit{", "flush_unmaps_timeout{", "}", "}",
                            "}", "flush_unmaps_timeout{", "}"});
  EXPECT_EQ(shown(timers_apart(events)), shown(events));
}

TEST(read_api_calls, takes_the_timer_for_a_call_of_its_own) {
  const auto calls = read_api_calls(
      tree({"intel_unmap_page{", "intel_unmap{", "intel_unmap 0000:00:05.0 addr=0xffffb040",
            "flush_unmaps_timeout{", "}", "}", "}"}),
      "graph");
  ASSERT_TRUE(calls.ok()) << calls.status();
  ASSERT_EQ(calls->size(), 2u);
  EXPECT_EQ((*calls)[0].what, api_call::kind::unmap_timer);
  EXPECT_EQ((*calls)[1].what, api_call::kind::unmap_page);
  EXPECT_EQ((*calls)[1].device, "0000:00:05.0");
  EXPECT_EQ((*calls)[1].address, dma_addr(0xffffb040));
}

TEST(without_interrupt_functions, drops_them_with_what_is_below) {
  EXPECT_EQ(shown(without_interrupt_functions(
                tree({"intel_ir_set_affinity{", "modify_irte{", "qi low=0x14", "}", "}",
                      "intel_map_page{", "irq_remapping_get_irq_domain{", "}", "note", "}"}))),
            "intel_map_page{ note } ");
}

}  // namespace
}  // namespace iommulab::verify::api_calls_test
