// SPDX-License-Identifier: GPL-2.0-only
//
// Sessions of the stepper in this process, and the runs that they go through, recorded without it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "cli/runs/run_choice.h"
#include "cli/step/step_command.h"
#include "core/trace.h"
#include "support/command.h"
#include "support/files.h"

namespace iommulab::step_test {

inline run_choice boot_of(const std::string& machine, const std::string& command_line) {
  run_choice choice;
  choice.machines = {machine};
  choice.command_lines = {command_line};
  return choice;
}

inline const run_choice& boot() {
  static const run_choice choice = boot_of("q35", "intel_iommu=on");
  return choice;
}

/// Maps a buffer, lets the device write to it, unmaps it strictly and lets the device write again.
inline run_choice script_with_a_fault() {
  run_choice choice;
  choice.kind = run_kind::script;
  choice.path = temporary("step_fault.dma",
                          "map 1 0 0 0x123 0x100 1\n"
                          "edu 0 1 h1+0 0x40000 0x80\n"
                          "unmap 1\n"
                          "edu 0 1 h1+0 0x40000 0x80\n");
  choice.machines = {"q35"};
  choice.command_lines = {"intel_iommu=on,strict"};
  return choice;
}

/// What these commands print, given with -ex and nothing behind them.
inline command_result session(const run_choice& run, const std::vector<std::string>& commands) {
  step_arguments arguments;
  arguments.run = run;
  arguments.batch = true;
  for (const std::string& each : commands) arguments.first.push_back({false, each});
  std::istringstream nothing;
  return result_of(
      [&](auto& out, auto& err) { return run_step_command(arguments, nothing, out, err); });
}

/// The same where all is to go well: what is on stdout.
inline std::string said(const run_choice& run, const std::vector<std::string>& commands) {
  const command_result result = session(run, commands);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

/// All events of a run that nobody holds; those of a choice are recorded once.
inline const std::vector<trace_event>& events_of(const run_choice& choice) {
  static std::map<std::vector<std::string>, std::vector<trace_event>> known;
  const std::vector<std::string> key = {choice.path, choice.machines.front(),
                                        choice.command_lines.front()};
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  trace_recorder recorder;
  const auto run = chosen_run(choice);
  EXPECT_TRUE(run.ok()) << run.status();
  const auto made = (*run)->make(recorder);
  EXPECT_TRUE(made.ok()) << made.status();
  (*made)->go();
  return known.emplace(key, recorder.events()).first->second;
}

/// The number of the first event from number `from` on that is wanted, 0 for none.
template <typename Wanted>
size_t first_event(const std::vector<trace_event>& events, Wanted wanted, size_t from = 1) {
  for (size_t i = from - 1; i < events.size(); ++i) {
    if (wanted(events[i])) return i + 1;
  }
  return 0;
}
/// All of them.
template <typename Wanted>
std::vector<size_t> all_events(const std::vector<trace_event>& events, Wanted wanted) {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < events.size(); ++i) {
    if (wanted(events[i])) numbers.push_back(i + 1);
  }
  return numbers;
}

inline auto entry_into(const std::string& function) {
  return [function](const trace_event& e) {
    return e.kind() == trace_kind::call_enter && e.function() == function;
  };
}
inline auto return_from(const std::string& function) {
  return [function](const trace_event& e) {
    return e.kind() == trace_kind::call_exit && e.function() == function;
  };
}

/// The numbers of the events that the text shows as current: "512<tab>…", in their order.
inline std::vector<size_t> shown_events(const std::string& text) {
  std::vector<size_t> numbers;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const size_t tab = line.find('\t');
    if (tab == 0 || tab == std::string::npos) continue;
    if (line.find_first_not_of("0123456789") == tab) numbers.push_back(std::stoul(line));
  }
  return numbers;
}
inline size_t last_shown(const std::string& text) {
  const auto all = shown_events(text);
  return all.empty() ? 0 : all.back();
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace iommulab::step_test
