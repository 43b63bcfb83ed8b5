// SPDX-License-Identifier: GPL-2.0-only
//
// Where the commands lead, against a search of our own through a run that nobody holds.
#include <gtest/gtest.h>

#include <string>

#include "cli/step/sessions.h"

namespace iommulab::step_test {
namespace {

/// The number of the return that belongs to the entry with this number.
size_t return_of_call(const std::vector<trace_event>& events, size_t entry) {
  int open = 0;
  for (size_t i = entry - 1; i < events.size(); ++i) {
    if (events[i].kind() == trace_kind::call_enter) ++open;
    if (events[i].kind() == trace_kind::call_exit && --open == 0) return i + 1;
  }
  return 0;
}

std::string at(size_t number) {
  return "goto " + std::to_string(number);
}

TEST(step, goes_event_by_event) {
  EXPECT_EQ(shown_events(said(boot(), {"step", "s", "step 3", "reverse-step", "rs 2", "rs"})),
            (std::vector<size_t>{1, 2, 5, 4, 2, 1}));
}

TEST(step, into_a_function_tells_its_name) {
  const size_t entry = first_event(events_of(boot()), entry_into("iommu_set_root_entry"));
  ASSERT_NE(entry, 0u);
  EXPECT_TRUE(has(said(boot(), {at(entry - 1), "step"}), "\niommu_set_root_entry (iommu=dmar0)\n"));
}

TEST(step, a_programs_call_and_where_its_page_came_from) {
  run_choice choice;
  choice.kind = run_kind::client;
  choice.path = std::string(IOMMULAB_SOURCE_DIR) + "/cli/vfio/examples/iommufd.vfio";
  choice.machines = {"q35"};
  choice.command_lines = {"intel_iommu=on"};
  const auto& events = events_of(choice);
  const size_t map = first_event(events, entry_into("iommufd_vfio_map_dma"));
  ASSERT_NE(map, 0u);
  const size_t mapping = first_event(events, entry_into("__domain_mapping"), map);
  const std::string text =
      said(choice, {at(map), "tbreak __domain_mapping", "continue", "backtrace"});
  EXPECT_EQ(shown_events(text), (std::vector<size_t>{map, mapping}));
  for (const char* const function :
       {"iommufd_vfio_ioctl", "iommufd_vfio_map_dma", "iopt_map_user_pages", "iopt_map_pages",
        "iopt_fill_domains_pages", "batch_to_domain", "iommu_map", "intel_iommu_map_pages"}) {
    EXPECT_TRUE(has(text, function)) << function;
  }
}

TEST(next, passes_a_call_as_a_whole_in_both_directions) {
  const auto& events = events_of(boot());
  const size_t entry = first_event(events, entry_into("iommu_set_root_entry"));
  const size_t exit = return_of_call(events, entry);
  ASSERT_LT(entry + 2, exit);
  EXPECT_EQ(shown_events(said(boot(), {at(entry - 1), "next", "reverse-next"})),
            (std::vector<size_t>{entry - 1, exit, entry - 1}));
}

TEST(next, stops_at_a_breakpoint_within_the_call) {
  const auto& events = events_of(boot());
  const size_t outer = first_event(events, entry_into("init_dmars"));
  const size_t inner = first_event(events, entry_into("iommu_set_root_entry"));
  ASSERT_TRUE(outer < inner && inner < return_of_call(events, outer));
  const std::string text = said(boot(), {"break iommu_set_root_entry", at(outer - 1), "next"});
  EXPECT_EQ(last_shown(text), inner);
  EXPECT_TRUE(has(text, "Breakpoint 1, iommu_set_root_entry (iommu=dmar0) at event " +
                            std::to_string(inner) + "\n"));
}

TEST(finish, leads_to_the_return_and_tells_what_it_was) {
  const auto& events = events_of(boot());
  const size_t entry = first_event(events, entry_into("init_dmars"));
  const size_t exit = return_of_call(events, entry);
  const std::string text = said(boot(), {at(entry + 1), "up", "down", "finish"});
  EXPECT_TRUE(has(text, "Run till exit from #0")) << text;
  const std::string whole = said(boot(), {at(entry), "finish"});
  EXPECT_EQ(last_shown(whole), exit);
  const auto& result = events[exit - 1].as<events::call_exit>()->result;
  ASSERT_FALSE(result.empty());
  EXPECT_TRUE(has(whole, "Value returned is " + to_string(result) + "\n")) << whole;
}

TEST(finish, is_about_the_selected_function) {
  const auto& events = events_of(boot());
  const size_t inner = first_event(events, entry_into("iommu_set_root_entry"));
  const size_t outer = first_event(events, entry_into("init_dmars"));
  const std::string text = said(boot(), {at(inner), "up", "finish"});
  EXPECT_TRUE(has(text, "#1  init_dmars () at event " + std::to_string(outer) + "\n")) << text;
  EXPECT_EQ(last_shown(text), return_of_call(events, outer));
}

TEST(reverse_finish, leads_to_before_the_call) {
  const size_t entry = first_event(events_of(boot()), entry_into("iommu_set_root_entry"));
  EXPECT_EQ(last_shown(said(boot(), {at(entry + 2), "reverse-finish"})), entry - 1);
}

TEST(until, goes_to_a_function_but_not_out_of_this_one) {
  const auto& events = events_of(boot());
  const size_t outer = first_event(events, entry_into("init_dmars"));
  const size_t inner = first_event(events, entry_into("iommu_set_root_entry"));
  EXPECT_EQ(last_shown(said(boot(), {at(outer), "until iommu_set_root_entry"})), inner);
  // Behind it in this function the other one is not called again.
  const size_t exit = return_of_call(events, inner);
  EXPECT_EQ(last_shown(said(boot(), {at(inner), "until bus_set_iommu"})), exit);
}

TEST(advance, goes_to_a_function_or_an_event) {
  const size_t entry = first_event(events_of(boot()), entry_into("iommu_enable_translation"));
  EXPECT_EQ(last_shown(said(boot(), {"advance iommu_enable_translation"})), entry);
  EXPECT_EQ(last_shown(said(boot(), {"advance 20"})), 20u);
  expect_refusal_with(session(boot(), {"advance 0"}), "event 0 is not ahead");
}

TEST(the_ends, of_a_run_are_told_and_everything_backwards_works_there) {
  const size_t count = events_of(boot()).size();
  const std::string end = said(boot(), {"continue", "step", "rs"});
  EXPECT_TRUE(has(end, "The run has ended.\n"));
  EXPECT_EQ(shown_events(end), (std::vector<size_t>{count, count, count - 1}));
  const std::string begin = said(boot(), {"step", "rs", "rs", "rc", "step"});
  EXPECT_TRUE(has(begin, "No more reverse-execution history"));
  EXPECT_EQ(last_shown(begin), 1u);
  EXPECT_EQ(last_shown(said(boot(), {"goto end"})), count);
  EXPECT_EQ(shown_events(said(boot(), {"goto start"})), std::vector<size_t>());
}

TEST(the_ends, are_what_goto_does_not_pass) {
  const size_t count = events_of(boot()).size();
  expect_refusal(session(boot(), {at(count + 1)}), "-ex \"" + at(count + 1) +
                                                       "\": " + at(count + 1) + ": the run has " +
                                                       std::to_string(count) + " events");
  expect_refusal_with(session(boot(), {"goto here"}),
                      "must be an event's number, `start` or `end`");
}

TEST(when, says_event_time_function_and_depth) {
  const auto& events = events_of(boot());
  const size_t entry = first_event(events, entry_into("iommu_set_root_entry"));
  const std::string text = said(boot(), {"goto end", at(entry), "when"});
  EXPECT_TRUE(
      has(text, "Event " + std::to_string(entry) + " of " + std::to_string(events.size()) + ", "))
      << text;
  EXPECT_TRUE(has(text, " s, in iommu_set_root_entry(), depth " +
                            std::to_string(events[entry - 1].depth + 1) + "\n"))
      << text;
}

TEST(backtrace, shows_the_open_calls_with_their_events) {
  const auto& events = events_of(boot());
  const size_t entry = first_event(events, entry_into("iommu_set_root_entry"));
  // Own search: entries before it whose return comes behind it.
  std::vector<size_t> open;
  for (size_t i = entry; i >= 1; --i) {
    const bool enters = events[i - 1].kind() == trace_kind::call_enter;
    if (enters && return_of_call(events, i) > entry) open.push_back(i);
  }
  ASSERT_GE(open.size(), 3u);
  const std::string text = said(boot(), {at(entry), "backtrace"});
  for (size_t i = 0; i < open.size(); ++i) {
    const std::string name(events[open[i] - 1].function());
    EXPECT_TRUE(has(text, "#" + std::to_string(i) + "  " + name + " (")) << text;
    EXPECT_TRUE(has(text, " at event " + std::to_string(open[i]) + "\n")) << text;
  }
  EXPECT_TRUE(has(said(boot(), {at(entry), "bt 1"}), "(More functions follow...)"));
  EXPECT_TRUE(has(said(boot(), {"bt"}), "No function is open."));
}

TEST(set_events, names_the_classes_that_there_are) {
  expect_refusal_with(session(boot(), {"set events call"}),
                      "\"call\" is no class of events; there are calls, regs");
}

TEST(set_events, leaves_kinds_out_of_steps) {
  const auto& events = events_of(boot());
  const auto called = all_events(events, [](const trace_event& e) {
    const trace_class of = class_of(e.kind());
    return of == trace_class::calls || of == trace_class::log || of == trace_class::faults;
  });
  ASSERT_GT(called.size(), 10u);
  EXPECT_EQ(last_shown(said(boot(), {"set events calls", "step 10"})), called[9]);
  EXPECT_EQ(last_shown(said(boot(), {"set events calls", "step 10", "rs"})), called[8]);
}

}  // namespace
}  // namespace iommulab::step_test
