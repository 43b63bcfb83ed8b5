// SPDX-License-Identifier: GPL-2.0-only
//
// Every function graph of every capture: where `verify` finds the calls equal, so does --against,
// which knows nothing of the capture but that file and the functions that its tracer saw.
#include "lab/golden/captures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/runs/run_choice.h"
#include "cli/trace/against.h"
#include "cli/trace/run_recording.h"
#include "lab/verification/capture_verification.h"

namespace iommulab::trace_captures_test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view begins = "fgraph-";

/// Not of machines that remap interrupts, which the port does not do yet.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  for (std::string& folder : golden::captures_to_run()) {
    if (fs::path(folder).parent_path().filename().string().ends_with("-ir")) continue;
    for (const std::string& file : golden::files(folder, ".txt")) {
      if (!file.starts_with(begins)) continue;
      all.push_back(std::move(folder));
      break;
    }
  }
  return all;
}

bool has_script(const std::string& folder) {
  return golden::exists(fs::path(folder) / "ops.txt");
}

/// The class in which `verify` compares a graph's calls.
std::string class_of(const std::string& folder, const std::string& file) {
  const std::string phase = file.substr(begins.size(), file.find('.') - begins.size());
  if (phase == "boot") return "calls";
  if (phase != "lab") return phase + " calls";
  return has_script(folder) ? "operations' calls" : "hotplug calls";
}

/// Null where `verify` has no such class.
const verify::class_result* result_of(const verify::verification& done, const std::string& name) {
  const auto found =
      std::find_if(done.results.begin(), done.results.end(),
                   [&](const verify::class_result& result) { return result.name == name; });
  return found == done.results.end() ? nullptr : &*found;
}

/// The file as it lies there, with ".xz" or without.
std::string path_of(const std::string& folder, const std::string& file) {
  const fs::path plain = fs::path(folder) / file;
  return fs::exists(plain) ? plain.string() : plain.string() + ".xz";
}

class capture_graphs : public testing::TestWithParam<std::string> {};

run_recording recorded(run_kind kind, const std::string& path) {
  run_choice choice;
  choice.kind = kind;
  choice.path = path;
  const auto run = chosen_run(choice);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return {};
  auto recording = record_run(**run, "");
  EXPECT_TRUE(recording.ok()) << recording.status();
  return recording.ok() ? *std::move(recording) : run_recording();
}

TEST_P(capture_graphs, are_equal_where_verify_says_so) {
  const std::string& folder = GetParam();
  const auto done = verify::verify_capture(folder);
  ASSERT_TRUE(done.ok()) << done.status();
  std::optional<run_recording> of_capture;
  for (const std::string& file : golden::files(folder, ".txt")) {
    if (!file.starts_with(begins)) continue;
    const verify::class_result* verified = result_of(*done, class_of(folder, file));
    ASSERT_NE(verified, nullptr) << file << " is of no class";
    EXPECT_TRUE(verified->passes()) << file << ": " << verified->report;
    if (verified->status != verify::class_result::outcome::equal) continue;
    const auto graph = read_graph_file(path_of(folder, file));
    ASSERT_TRUE(graph.ok()) << graph.status();
    run_recording run;
    if (class_of(folder, file) == "operations' calls") {
      run = recorded(run_kind::script, path_of(folder, "ops.txt"));
    } else {
      if (!of_capture) of_capture = recorded(run_kind::capture, folder);
      run = *of_capture;
    }
    const graph_comparison comparison =
        compare_graph(graph->graph, run.events, {graph->traced, {}, {}});
    EXPECT_TRUE(comparison.equal())
        << comparison_to_text(comparison, *graph, run.title).substr(0, 2000);
    EXPECT_GT(comparison.file_lines, 0u) << file;
  }
}

INSTANTIATE_TEST_SUITE_P(golden, capture_graphs, testing::ValuesIn(folders()),
                         golden::capture_name);

TEST(graphs_of_captures, are_found) {
  if (folders().empty()) IOMMULAB_MISSING("function graphs of Linux 4.4");
  EXPECT_GT(folders().size(), golden::captures_to_run().size() / 8);
}

}  // namespace
}  // namespace iommulab::trace_captures_test
