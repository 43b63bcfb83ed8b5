// SPDX-License-Identifier: GPL-2.0-only
//
// What it stops at, against a search of our own through a run that nobody holds.
#include <gtest/gtest.h>

#include <string>

#include "cli/step/sessions.h"

namespace iommulab::step_test {
namespace {

const run_choice& script() {
  static const run_choice choice = script_with_a_fault();
  return choice;
}

/// Where it stops, one `continue` after another, up to the end.
std::vector<size_t> stops_of(const run_choice& run, const std::string& stop) {
  const size_t most = 300;
  std::vector<std::string> commands = {stop};
  commands.insert(commands.end(), most, "continue");
  const std::string text = said(run, commands);
  const size_t end = text.find("The run has ended.");
  EXPECT_NE(end, std::string::npos) << "too many stops";
  return shown_events(text.substr(0, end));
}

/// The same backwards from the end, turned round.
std::vector<size_t> stops_back_of(const run_choice& run, const std::string& stop) {
  const size_t most = 300;
  std::vector<std::string> commands = {"set events calls", "goto end", stop};
  commands.insert(commands.end(), most, "reverse-continue");
  const std::string text = said(run, commands);
  const size_t end = text.find("No more reverse-execution history");
  EXPECT_NE(end, std::string::npos) << "too many stops";
  std::vector<size_t> numbers = shown_events(text.substr(0, end));
  if (!numbers.empty()) numbers.erase(numbers.begin());  // the end itself
  std::reverse(numbers.begin(), numbers.end());
  return numbers;
}

/// Where the value of an argument is.
template <typename Holds>
auto entry_with(const std::string& function, const std::string& argument, Holds holds) {
  return [=](const trace_event& e) {
    const auto* call = e.as<events::call_enter>();
    if (call == nullptr || call->name != function) return false;
    return std::any_of(call->arguments.begin(), call->arguments.end(),
                       [&](const call_value& v) { return v.name == argument && holds(v); });
  };
}

TEST(breakpoint, stops_at_every_call) {
  const auto wanted = all_events(events_of(boot()), entry_into("alloc_iova"));
  const auto others = all_events(events_of(boot()), entry_into("iommu_flush_write_buffer"));
  ASSERT_GT(others.size(), 2u);
  EXPECT_EQ(stops_of(boot(), "break iommu_flush_write_buffer"), others);
  EXPECT_EQ(stops_back_of(boot(), "break iommu_flush_write_buffer"), others);
  EXPECT_EQ(stops_of(boot(), "break alloc_iova"), wanted);
}

TEST(breakpoint, stops_at_returns) {
  const auto wanted = all_events(events_of(boot()), return_from("domain_context_mapping"));
  ASSERT_FALSE(wanted.empty());
  EXPECT_EQ(stops_of(boot(), "break domain_context_mapping returns"), wanted);
  EXPECT_EQ(stops_of(boot(), "break domain_context_mapping returns if ret==0"), wanted);
  EXPECT_EQ(stops_of(boot(), "break domain_context_mapping returns if ret!=0"),
            std::vector<size_t>());
}

TEST(breakpoint, has_conditions_on_arguments) {
  const auto number = [](const call_value& v) {
    if (const auto* bits = std::get_if<uint64_t>(&v.value)) return *bits;
    return static_cast<uint64_t>(std::get<int64_t>(v.value));
  };
  // The first argument with several values, of any function.
  std::string function;
  std::string argument;
  uint64_t value = 0;
  std::map<std::string, std::set<uint64_t>> values;
  for (const trace_event& e : events_of(boot())) {
    const auto* call = e.as<events::call_enter>();
    if (call == nullptr) continue;
    for (const call_value& v : call->arguments) {
      if (std::holds_alternative<std::string>(v.value)) continue;
      auto& seen = values[std::string(call->name) + " " + std::string(v.name)];
      seen.insert(number(v));
      if (seen.size() == 3) {
        function = call->name;
        argument = v.name;
        value = *std::next(seen.begin());
      }
    }
    if (!function.empty()) break;
  }
  ASSERT_NE(function, "");
  const std::string text = std::to_string(value);
  const std::string begin = "break " + function + " if " + argument;
  const auto& events = events_of(boot());
  EXPECT_EQ(stops_of(boot(), begin + "==" + text),
            all_events(events, entry_with(function, argument, [&](const call_value& v) {
                         return number(v) == value;
                       })));
  EXPECT_EQ(stops_of(boot(), begin + " < " + text),
            all_events(events, entry_with(function, argument,
                                          [&](const call_value& v) { return number(v) < value; })));
  EXPECT_EQ(stops_of(boot(), begin + ">" + text),
            all_events(events, entry_with(function, argument,
                                          [&](const call_value& v) { return number(v) > value; })));
}

TEST(breakpoint, counts_calls_from_where_it_is_set) {
  std::map<std::string, size_t> calls;
  for (const trace_event& e : events_of(boot())) {
    if (e.kind() == trace_kind::call_enter) ++calls[std::string(e.function())];
  }
  const auto most = std::max_element(
      calls.begin(), calls.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const std::string& name = most->first;
  const auto all = all_events(events_of(boot()), entry_into(name));
  ASSERT_GT(all.size(), 3u);
  EXPECT_EQ(last_shown(said(boot(), {"break " + name + " nth 3", "run"})), all[2]);
  EXPECT_EQ(last_shown(said(boot(), {"break " + name, "ignore 1 3", "run"})), all[3]);
  EXPECT_EQ(last_shown(said(boot(), {"break " + name, "run", "continue 2"})), all[2]);
}

TEST(breakpoint, is_once_when_it_is_temporary) {
  const auto all = all_events(events_of(boot()), entry_into("iommu_flush_write_buffer"));
  EXPECT_EQ(stops_of(boot(), "tbreak iommu_flush_write_buffer"), std::vector<size_t>{all.front()});
}

TEST(breakpoint, can_be_switched_off_and_deleted) {
  const auto all = all_events(events_of(boot()), entry_into("init_dmars"));
  ASSERT_EQ(all.size(), 1u);
  const std::string ended = "The run has ended.";
  EXPECT_TRUE(has(said(boot(), {"break init_dmars", "disable 1", "run"}), ended));
  EXPECT_TRUE(has(said(boot(), {"break init_dmars", "delete", "run"}), ended));
  EXPECT_EQ(last_shown(said(boot(), {"break init_dmars", "disable", "enable 1", "run"})), all[0]);
  EXPECT_EQ(
      last_shown(said(boot(), {"break pci_device_group", "break init_dmars", "delete 1", "run"})),
      all[0]);
  expect_refusal_with(session(boot(), {"delete 1"}), "there is no breakpoint or watchpoint 1");
}

TEST(breakpoint, stops_at_log_lines_and_faults) {
  const auto logged = all_events(events_of(boot()), [](const trace_event& e) {
    const auto* line = e.as<events::log_text>();
    return line != nullptr && has(line->text, "Host address width");
  });
  ASSERT_FALSE(logged.empty());
  EXPECT_EQ(stops_of(boot(), "break log Host address width"), logged);
  const auto faults = all_events(
      events_of(script()), [](const trace_event& e) { return e.kind() == trace_kind::fault; });
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(stops_of(script(), "break fault"), faults);
  const auto* fault = events_of(script())[faults[0] - 1].as<events::fault>();
  EXPECT_EQ(stops_of(script(), "break fault " + std::string(fault->reason)), faults);
  EXPECT_EQ(stops_of(script(), "break fault 00:1f.7"), std::vector<size_t>());
}

TEST(watchpoint, stops_where_a_register_changes) {
  const auto wanted = all_events(events_of(boot()), [](const trace_event& e) {
    const auto* change = e.as<events::reg_change>();
    constexpr uint64_t tes = uint64_t{1} << 31;  // VT-d specification 10.4.5
    return change != nullptr && change->name == "GSTS" &&
           ((change->before ^ change->after) & tes) != 0;
  });
  ASSERT_FALSE(wanted.empty());
  EXPECT_EQ(stops_of(boot(), "watch reg GSTS.TES"), wanted);
  EXPECT_EQ(stops_back_of(boot(), "watch reg GSTS.TES"), wanted);
  const std::string text = said(boot(), {"watch reg GSTS.TES", "run"});
  EXPECT_TRUE(has(text, "\nWatchpoint 1: reg GSTS.TES\n\nOld value = 0\nNew value = 1\n")) << text;
}

TEST(watchpoint, stops_at_accesses) {
  const auto accesses = [](bool reads, bool writes) {
    return all_events(events_of(boot()), [=](const trace_event& e) {
      const auto* access = e.access();
      constexpr uint64_t gsts = 0x1c;  // 10.4.5
      const bool meets =
          access != nullptr && access->offset < gsts + 4 && access->offset + access->size > gsts;
      return meets && (e.kind() == trace_kind::reg_read ? reads : writes);
    });
  };
  ASSERT_FALSE(accesses(true, false).empty());
  EXPECT_EQ(stops_of(boot(), "rwatch reg GSTS"), accesses(true, false));
  EXPECT_EQ(stops_of(boot(), "awatch dmar0.GSTS"), accesses(true, true));
  expect_refusal_with(session(boot(), {"rwatch reg GSTX"}), "\"GSTX\" is no register");
}

TEST(watchpoint, stops_at_descriptors_and_ranges) {
  const auto& events = events_of(script());
  const auto descriptors =
      all_events(events, [](const trace_event& e) { return e.kind() == trace_kind::descriptor; });
  ASSERT_FALSE(descriptors.empty());
  EXPECT_EQ(stops_of(script(), "watch queue"), descriptors);
  EXPECT_EQ(stops_of(script(), "watch queue dmar0"), descriptors);
  expect_refusal_with(session(script(), {"watch queue dmar7"}), "\"dmar7\" is no remapping unit");
  const auto ranges = all_events(events, [](const trace_event& e) {
    const auto* range = e.as<events::iova_range>();
    return range != nullptr && range->low_pfn <= 0xfffff && range->high_pfn >= 0xffffe;
  });
  ASSERT_FALSE(ranges.empty());
  EXPECT_EQ(stops_of(script(), "watch iova 0xffffe-0xfffff"), ranges);
}

TEST(watchpoint, stops_where_a_tables_entry_changes) {
  const auto writes = all_events(events_of(script()), [](const trace_event& e) {
    const auto* entry = e.as<events::table_write>();
    return entry != nullptr && entry->table == "pte" && (entry->lo != entry->lo_before);
  });
  ASSERT_FALSE(writes.empty());
  // The page that the script maps is the first of the device's addresses.
  const std::vector<size_t> stops = stops_of(script(), "watch pte 00:04.0 0xfffff000");
  ASSERT_GE(stops.size(), 2u) << "mapped, unmapped";
  EXPECT_EQ(stops, stops_back_of(script(), "watch pte 00:04.0 0xfffff000"));
}

TEST(info_breakpoints, tells_what_was_met) {
  const std::string text =
      said(boot(), {"break init_dmars", "watch reg GSTS.TES", "run", "info breakpoints"});
  EXPECT_TRUE(has(text, "1    breakpoint         keep  y    init_dmars\n     met once\n")) << text;
  EXPECT_TRUE(has(text, "2    watchpoint         keep  y    reg GSTS.TES\n")) << text;
}

TEST(stops, are_refused_with_a_sentence) {
  expect_refusal(session(boot(), {"break init_dmar"}),
                 "-ex \"break init_dmar\": no function \"init_dmar\" is traced; did you mean "
                 "'init_dmars'?");
  expect_refusal_with(session(boot(), {"break"}), "what it is to stop at is missing");
  expect_refusal_with(session(boot(), {"break init_dmars now"}), "\"now\"");
  expect_refusal_with(session(boot(), {"break init_dmars nth 0"}), "nth is \"0\"");
  expect_refusal_with(session(boot(), {"break init_dmars if x"}), "NAME==VALUE");
  expect_refusal_with(session(boot(), {"break fault sometimes"}), "\"sometimes\"");
  expect_refusal_with(session(boot(), {"watch"}), "what it is to watch is missing");
  expect_refusal_with(session(boot(), {"watch iova 7-3"}), "\"7-3\"");
  expect_refusal_with(session(boot(), {"ignore 1 2"}), "there is no breakpoint or watchpoint 1");
}

}  // namespace
}  // namespace iommulab::step_test
