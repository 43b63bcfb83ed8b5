// SPDX-License-Identifier: GPL-2.0-only
//
// The start-up of every capture that has its function graph, as text: the lines that a real 4.4's
// tracer wrote are the oracle, all that stands behind their columns.
#include "lab/golden/captures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "lab/graph/graph_filter.h"
#include "lab/graph/graph_text.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/capture_run.h"
#include "support/golden.h"

namespace iommulab::graph_captures_test {
namespace {

namespace fs = std::filesystem;

constexpr const char* graph_name = "fgraph-boot.txt";

/// Not of machines that remap interrupts, which the port does not do yet.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  for (std::string& folder : golden::captures_to_run()) {
    if (fs::path(folder).parent_path().filename().string().ends_with("-ir")) continue;
    if (golden::exists(fs::path(folder) / graph_name)) all.push_back(std::move(folder));
  }
  return all;
}

/// Outermost calls of the start-up with all below them. ftrace does not indent a comment that
/// stands right in an outermost function.
std::vector<std::string> start_up_of(const std::vector<std::string>& lines) {
  std::vector<std::string> kept;
  bool inside = false;
  for (std::string line : lines) {
    if (const size_t name = line.find("} /* "); name != std::string::npos) line.resize(name + 1);
    if (line == "iommu_init();" || line == "iommu_dev_init();") kept.push_back(line);
    if (line == "intel_iommu_init() {") inside = true;
    if (inside) kept.push_back(line.starts_with("/*") ? "  " + line : line);
    if (line == "}") inside = false;
  }
  return kept;
}

std::vector<std::string> recorded_lines(const std::string& folder) {
  const auto text = golden::read_text(fs::path(folder) / graph_name);
  EXPECT_TRUE(text.ok()) << text.status();
  std::vector<std::string> lines;
  for (const std::string_view line : golden::lines(*text)) {
    const size_t bar = line.find("|  ");
    if (bar != std::string_view::npos) lines.emplace_back(line.substr(bar + 3));
  }
  return start_up_of(lines);
}

/// What the tracer did not see is filtered as a reader would filter it, and notes that the recorded
/// kernel does not print are taken out.
std::vector<std::string> our_lines(const verify::capture_folder& folder) {
  const auto run = verify::run_capture(folder);
  EXPECT_TRUE(run.ok()) << run.status();
  const auto traced = verify::read_traced_functions(folder);
  EXPECT_TRUE(traced.ok()) << traced.status();
  if (!run.ok() || !traced.ok()) return {};
  std::vector<trace_event> events = (*run)->result.events;
  std::erase_if(events, [](const trace_event& event) {
    const auto* note = event.as<events::note>();
    return note != nullptr && !is_printed_note(note->text);
  });
  graph_filter filter;
  filter.functions.assign(traced->begin(), traced->end());
  filter.effects = trace_class::none;
  event_words words;
  const std::vector<size_t> shown = chosen_events(events, filter, words);
  std::vector<std::string> lines;
  for (const graph_line& line : graph_lines(events, shown, words, {false})) {
    const std::string text = full_text(line);
    const size_t bar = text.find("|  ");
    lines.push_back(text.substr(bar + 3));
  }
  return start_up_of(lines);
}

class recorded_start_up : public testing::TestWithParam<std::string> {};

TEST_P(recorded_start_up, is_our_text_line_by_line) {
  const auto folder = verify::capture_folder::open(GetParam());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::vector<std::string> recorded = recorded_lines(GetParam());
  std::vector<std::string> ours = our_lines(*folder);
  ASSERT_FALSE(recorded.empty());
  // A kernel that hung there wrote no more; ours says what it found, and goes on.
  const bool is_cut = recorded.back() != "}" && recorded.back() != "iommu_dev_init();";
  if (is_cut) ours.resize(std::min(ours.size(), recorded.size()));
  EXPECT_EQ(ours, recorded);
}

INSTANTIATE_TEST_SUITE_P(captures, recorded_start_up, testing::ValuesIn(folders()),
                         golden::capture_name);

TEST(recorded_start_ups, are_found) {
  if (folders().empty()) IOMMULAB_MISSING("function graphs of Linux 4.4");
  EXPECT_GT(folders().size(), golden::captures_to_run().size() / 8);
}

}  // namespace
}  // namespace iommulab::graph_captures_test
