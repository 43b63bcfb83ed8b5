// SPDX-License-Identifier: GPL-2.0-only
#include "lab/graph/graph_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/graph/event_list.h"
#include "lab/graph/tree_window.h"

namespace iommulab::graph_comparison_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

recorded_graph graph_of(const std::vector<std::string>& texts) {
  numbered_lines lines;
  for (const std::string& text : texts) lines.push_back({lines.size() + 1, text});
  const auto graph = read_graph(lines, "graph.txt");
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *graph : recorded_graph();
}

std::vector<std::string> changes(const graph_comparison& comparison) {
  std::vector<std::string> lines;
  for (const diff_hunk& hunk : comparison.hunks) {
    for (const diff_line& line : hunk.lines) {
      if (line.where == diff_line::side::both) continue;
      lines.push_back(std::string(1, static_cast<char>(line.where)) + line.text);
    }
  }
  return lines;
}

/// "2 x f: why"
std::vector<std::string> words(const std::vector<left_out>& list) {
  std::vector<std::string> all;
  for (const left_out& each : list) {
    all.push_back(std::to_string(each.count) + " x " + each.what + ": " + each.why);
  }
  return all;
}

/// The start-up of a kernel that traces neither init_dmars() nor what comes before.
event_list start_up_list() {
  event_list events;
  events.enter("detect_intel_iommu").leave("detect_intel_iommu");
  events.enter("iommu_init").leave("iommu_init");
  events.enter("intel_iommu_init").enter("init_dmars");
  events.enter("iommu_alloc_root_entry")
      .note("alloc_pgtable_page node=-1 -> 0x1000")
      .leave("iommu_alloc_root_entry");
  events.enter("iommu_set_root_entry").leave("iommu_set_root_entry");
  events.leave("init_dmars").leave("intel_iommu_init");
  events.enter("device_to_iommu").leave("device_to_iommu");
  return events;
}

std::vector<trace_event> start_up() {
  return start_up_list().all();
}

const std::vector<std::string> as_traced = {
    "# a head",
    "iommu_init();",
    "do_one_initcall() {",
    "  intel_iommu_init() {",
    "    iommu_alloc_root_entry() {",
    "      /* alloc_pgtable_page node=-1 -> 0x1000 */",
    "      /* sched_switch: somebody else */",
    "    }",
    "    iommu_set_root_entry.isra.0();",
    "  }",
    "}",
    "find_iova();",
};

TEST(graph_comparison_test, what_only_one_side_can_have_is_left_out_and_told) {
  const graph_comparison comparison = compare_graph(graph_of(as_traced), start_up());
  EXPECT_TRUE(comparison.equal());
  EXPECT_EQ(comparison.part, "start-up");
  EXPECT_EQ(comparison.file_lines, 7u);
  EXPECT_EQ(comparison.run_lines, 7u);
  EXPECT_TRUE(comparison.pages_by_address);
  EXPECT_THAT(words(comparison.of_file),
              ElementsAre("1 x do_one_initcall: the port has no such function",
                          "1 x /* sched_switch: … */: no line that the port prints",
                          "1 x calls: not of the start-up: drivers, and what came "
                          "before"));
  EXPECT_EQ(comparison.of_file[1].line, 7u);
  EXPECT_THAT(words(comparison.of_run),
              ElementsAre("1 x detect_intel_iommu: the file never names it",
                          "1 x init_dmars: the file never names it",
                          "1 x device_to_iommu: the file never names it"));
}

TEST(graph_comparison_test, a_start_up_may_be_called_by_something_that_is_traced) {
  std::vector<std::string> deeper = as_traced;
  deeper[2] = "pci_iommu_init() {";
  event_list events;
  events.enter("pci_iommu_init");
  std::vector<trace_event> all = events.all();
  for (const trace_event& event : start_up()) all.push_back(event);
  const graph_comparison comparison = compare_graph(graph_of(deeper), all);
  EXPECT_TRUE(comparison.equal());
  // pci_iommu_init() and find_iova(); of the run pci_iommu_init() alone.
  EXPECT_EQ(comparison.of_file.back().count, 2u);
  EXPECT_EQ(comparison.of_run.back().count, 1u);
}

TEST(graph_comparison_test, a_changed_line_is_pointed_at) {
  std::vector<std::string> doctored = as_traced;
  doctored[8] = "    iommu_flush_write_buffer();";
  const graph_comparison comparison = compare_graph(graph_of(doctored), start_up());
  ASSERT_EQ(comparison.hunks.size(), 1u);
  // The file never names iommu_set_root_entry() now, so that is left out of the run. Three lines of
  // the file stand before line 9: 5, 6 and 8, for 7 is left out.
  EXPECT_EQ(comparison.hunks[0].left_line, 5u);
  EXPECT_EQ(comparison.hunks[0].context, "intel_iommu_init()");
  EXPECT_THAT(changes(comparison), ElementsAre("-  iommu_flush_write_buffer();"));
}

TEST(graph_comparison_test, what_the_tracer_saw_may_be_known) {
  std::vector<std::string> doctored = as_traced;
  doctored.erase(doctored.begin() + 8);
  graph_comparison_choice choice;
  EXPECT_TRUE(compare_graph(graph_of(doctored), start_up(), choice).equal());
  choice.traced = function_names{"iommu_init", "intel_iommu_init", "iommu_alloc_root_entry",
                                 "iommu_set_root_entry"};
  EXPECT_THAT(changes(compare_graph(graph_of(doctored), start_up(), choice)),
              ElementsAre("+  iommu_set_root_entry();"));
}

TEST(graph_comparison_test, pages_of_another_kernel_are_not_compared) {
  std::vector<std::string> elsewhere = as_traced;
  elsewhere[5] = "      /* alloc_pgtable_page node=-1 -> 0x3a677000 */";
  const graph_comparison comparison = compare_graph(graph_of(elsewhere), start_up());
  EXPECT_TRUE(comparison.equal());
  EXPECT_FALSE(comparison.pages_by_address);
}

TEST(graph_comparison_test, a_page_that_differs_among_pages_that_do_not_is_a_difference) {
  event_list events;
  std::vector<std::string> lines;
  events.enter("intel_iommu_init");
  lines.emplace_back("intel_iommu_init() {");
  for (const char* page : {"0x1000", "0x2000", "0x3000"}) {
    const std::string note = std::string("alloc_pgtable_page node=-1 -> ") + page;
    events.note(note);
    lines.push_back("/* " + note + " */");
  }
  events.leave("intel_iommu_init");
  lines.emplace_back("}");
  EXPECT_TRUE(compare_graph(graph_of(lines), events.all()).equal());
  lines[2] = "/* alloc_pgtable_page node=-1 -> 0x7000 */";
  EXPECT_EQ(changes(compare_graph(graph_of(lines), events.all())).size(), 2u);
}

TEST(graph_comparison_test, operations_are_compared_from_the_first_mark_on) {
  event_list events = start_up_list();
  events.note("OP 1 group 2").enter("iommu_group_get").leave("iommu_group_get");
  events.note("OP 2 note").enter("iommu_group_put").leave("iommu_group_put");
  std::vector<std::string> lines = {"/* OP 1 group 2 */", "iommu_group_get();", "/* OP 2 note */",
                                    "iommu_group_put();"};
  const graph_comparison same = compare_graph(graph_of(lines), events.all());
  EXPECT_TRUE(same.equal());
  EXPECT_EQ(same.part, "operations");
  EXPECT_EQ(same.run_lines, 4u);
  lines[2] = "/* OP 2 other */";
  EXPECT_THAT(changes(compare_graph(graph_of(lines), events.all())),
              ElementsAre("-/* OP 2 other */", "+/* OP 2 note */"));
}

// The recorder cuts what it prints of an operation, whatever its number.
TEST(graph_comparison_test, an_operation_that_is_as_long_as_any_may_be_cut) {
  event_list events;
  events.note("OP 9 sg 1 2 3 4").note("OP 10 sg 1 2 3 4").note("OP 11 note");
  EXPECT_TRUE(compare_graph(graph_of({"/* OP 9 sg 1 */", "/* OP 10 sg 1 */", "/* OP 11 note */"}),
                            events.all())
                  .equal());
  EXPECT_FALSE(compare_graph(graph_of({"/* OP 9 sg 1 */", "/* OP 10 sg */", "/* OP 11 note */"}),
                             events.all())
                   .equal());
}

TEST(graph_comparison_test, a_stretch_is_found_where_it_fits_best) {
  event_list events;
  for (const char* name : {"iommu_group_get", "find_domain", "iommu_group_get", "find_domain",
                           "device_to_iommu", "iommu_group_put", "find_domain"}) {
    events.enter(name).leave(name);
  }
  const std::vector<std::string> lines = {"find_domain();", "device_to_iommu();",
                                          "iommu_group_put();"};
  const graph_comparison comparison = compare_graph(graph_of(lines), events.all());
  EXPECT_TRUE(comparison.equal());
  EXPECT_THAT(words(comparison.of_run), ElementsAre("2 x iommu_group_get: the file never names it",
                                                    "1 x calls: before what the file shows",
                                                    "1 x calls: behind what the file shows"));
}

TEST(graph_comparison_test, only_what_is_asked_for_is_compared) {
  std::vector<std::string> doctored = as_traced;
  doctored[8] = "    iommu_flush_write_buffer();";
  graph_comparison_choice choice;
  choice.subtrees = {"iommu_alloc_root_entry"};
  EXPECT_TRUE(compare_graph(graph_of(doctored), start_up(), choice).equal());
  choice.subtrees = {};
  choice.functions = {"iommu_alloc*", "intel_*"};
  EXPECT_TRUE(compare_graph(graph_of(doctored), start_up(), choice).equal());
}

TEST(tree_window_test, a_call_more_or_less_does_not_move_the_ends) {
  const auto calls = [](const std::vector<std::string>& names) {
    std::vector<call_event> events;
    for (const std::string& name : names) {
      events.push_back({call_event::kind::enter, events.size() + 1, name});
      events.push_back({call_event::kind::exit, events.size() + 1, name});
    }
    return events;
  };
  const auto run = calls({"x", "a", "b", "c", "d", "y"});
  const auto inside = [&](const std::vector<std::string>& names) {
    std::vector<std::string> found;
    for (const call_event& event : find_window(calls(names), run).inside) {
      if (event.what == call_event::kind::enter) found.push_back(event.text);
    }
    return found;
  };
  EXPECT_THAT(inside({"a", "b", "c", "d"}), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(inside({"a", "b", "d"}), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(inside({"a", "b", "new", "c", "d"}), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(inside({"nothing"}), ElementsAre("x", "a", "b", "c", "d", "y"));
  EXPECT_THAT(find_window({}, run).before, IsEmpty());
}

}  // namespace
}  // namespace iommulab::graph_comparison_test
