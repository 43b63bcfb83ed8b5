// SPDX-License-Identifier: GPL-2.0-only
//
// Runs held against what a real 4.4's tracer wrote, and against files that were tampered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cli/trace/trace_command.h"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::against_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string golden_path(const std::string& name) {
  return (golden::root() / "kernel/v4_4" / name).string();
}

/// A file of the tree, in memory.
std::vector<std::string> recorded(const std::string& name) {
  const auto text = golden::read_text(golden_path(name));
  EXPECT_TRUE(text.ok()) << text.status();
  std::vector<std::string> lines;
  for (const std::string_view line : golden::lines(*text)) lines.emplace_back(line);
  return lines;
}

std::string written(const std::string& name, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return temporary(name, text);
}

size_t line_with(const std::vector<std::string>& lines, const std::string& part) {
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(part) != std::string::npos) return i + 1;
  }
  ADD_FAILURE() << "no line with " << part;
  return 1;
}

trace_arguments capture_against(const std::string& folder, const std::string& file) {
  trace_arguments a;
  a.run.kind = run_kind::capture;
  a.run.path = golden_path(folder);
  a.against = file;
  return a;
}

command_result run(const trace_arguments& a) {
  return run_command(run_trace_command, a);
}

constexpr const char* folder = "dmalab/lazy-bug.calls";
constexpr const char* graph = "dmalab/lazy-bug.calls/fgraph-boot.txt";

TEST(against_test, a_captures_start_up_is_equal) {
  const command_result result = run(capture_against(folder, golden_path(graph) + ".xz"));
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out, StartsWith("start-up: "));
  EXPECT_THAT(result.out, HasSubstr("all equal"));
  EXPECT_THAT(result.out, HasSubstr("Pages are compared by address"));
}

// The same machine booted by its folder's name: pages lie elsewhere, all else is the same.
TEST(against_test, a_boot_of_the_same_machine_is_equal) {
  trace_arguments a;
  a.run.machines = {golden_path("boot/default")};
  a.against = golden_path("boot/default.calls/fgraph-boot.txt.xz");
  const command_result result = run(a);
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("all equal"));
}

TEST(against_test, another_machine_differs) {
  trace_arguments a;
  a.run.machines = {"server"};
  a.against = golden_path("boot/default.calls/fgraph-boot.txt.xz");
  const command_result result = run(a);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("\n+++ boot of server, Linux 4.4.178\n@@ -"));
}

struct tampering {
  const char* name;
  void (*change)(std::vector<std::string>& lines, size_t at);  ///< `at` is a line, from 1
};

class tampered_graph : public testing::TestWithParam<tampering> {};

// Whatever was done to one line, the first differing line of a hunk is that one.
TEST_P(tampered_graph, is_pointed_at) {
  std::vector<std::string> lines = recorded(graph);
  const size_t at = line_with(lines, "iommu_set_root_entry();");
  GetParam().change(lines, at);
  const command_result result =
      run(capture_against(folder, written(std::string("tampered_") + GetParam().name, lines)));
  EXPECT_EQ(result.status, 1);
  // Three lines of context stand before it; all are lines of the start-up, one by one.
  EXPECT_THAT(result.out, HasSubstr("\n@@ -" + std::to_string(at - 3) + ","));
  EXPECT_THAT(result.out, HasSubstr("@@ init_dmars()\n"));
  EXPECT_THAT(result.out, HasSubstr("which differ in 1 place\n"));
}

INSTANTIATE_TEST_SUITE_P(all, tampered_graph,
                         testing::ValuesIn(std::vector<tampering>{
                             {"renamed",
                              [](auto& lines, size_t at) {
                                lines[at - 1] =
                                    " 0)   0.364 us    |      iommu_flush_write_buffer();";
                              }},
                             {"removed",
                              [](auto& lines, size_t at) {
                                // It stands elsewhere as well, so that the tracer is known to have
                                // seen it.
                                lines.push_back(lines[at - 1]);
                                lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at) - 1);
                              }},
                             {"doubled",
                              [](auto& lines, size_t at) {
                                lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at) - 1,
                                             lines[at - 2]);
                              }},
                             {"inserted_note",
                              [](auto& lines, size_t at) {
                                lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at) - 1,
                                             " 0)               |      /* alloc_iova size=0x1 */");
                              }},
                         }),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(against_test, a_changed_page_is_pointed_at) {
  std::vector<std::string> lines = recorded(graph);
  const size_t at = line_with(lines, "/* alloc_pgtable_page");
  std::string& line = lines[at - 1];
  line.replace(line.find("-> 0x"), 6, "-> 0x1");
  const command_result result = run(capture_against(folder, written("page", lines)));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("\n@@ -" + std::to_string(at - 3) + ","));
}

TEST(against_test, other_columns_say_the_same) {
  std::vector<std::string> lines = recorded(graph);
  for (std::string& line : lines) {
    const size_t bar = line.find("|  ");
    if (bar != std::string::npos) line = "    1.000001 |   0)   swapper-1   " + line.substr(3);
  }
  EXPECT_EQ(run(capture_against(folder, written("columns", lines))).status, 0);
  lines = recorded(graph);
  for (std::string& line : lines) {
    if (line.ends_with("();")) line += " /* = 0x0 */";
    if (line.ends_with("() {")) line.replace(line.size() - 4, 4, "(dev=0xffff888004128000) {");
  }
  EXPECT_EQ(run(capture_against(folder, written("values", lines))).status, 0);
}

// What the program writes is a function graph, which it reads.
TEST(against_test, a_run_is_equal_to_its_own_text) {
  trace_arguments a;
  a.output = temporary("own.txt", "");
  EXPECT_EQ(run(a).status, 0);
  trace_arguments back;
  back.against = a.output;
  const command_result result = run(back);
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("all equal"));
}

TEST(against_test, what_is_left_out_is_told_with_its_place) {
  std::vector<std::string> lines = recorded(graph);
  const size_t at = line_with(lines, "intel_iommu_init() {");
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at),
               " 0)   0.100 us    |    kmem_cache_alloc();");
  const command_result result = run(capture_against(folder, written("more", lines)));
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("1 × kmem_cache_alloc: the port has no such function (first "
                                    "at line " +
                                    std::to_string(at + 1) + ")"));
  EXPECT_THAT(result.out, HasSubstr("Left out of the run:\n"));
  EXPECT_THAT(result.out, HasSubstr(": the file never names it (first at event "));
}

TEST(against_test, bad_files_are_refused_with_their_line) {
  const auto refused = [](const std::vector<std::string>& lines, const std::string& sentence) {
    trace_arguments a;
    a.against = written("bad", lines);
    expect_refusal_with(run(a), sentence);
  };
  refused({}, "there is none: an empty function graph");
  refused({"# tracer: function_graph", "nonsense"}, "bad: line 2: call is \"nonsense\"");
  std::vector<std::string> cut = recorded(graph);
  cut.back().resize(cut.back().size() / 2);
  refused(cut, "line " + std::to_string(cut.size()) + ": call is ");
}

}  // namespace
}  // namespace iommulab::against_test
