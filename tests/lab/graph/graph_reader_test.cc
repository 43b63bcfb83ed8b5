// SPDX-License-Identifier: GPL-2.0-only
//
// Lines as ftrace's options put them: funcgraph-cpu, -duration, -proc, -abstime, -tail, -irqs,
// -args, -retval, -retaddr, latency-format.
#include "lab/graph/graph_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/status.h"

namespace iommulab::graph_reader_test {
namespace {

using testing::ElementsAre;

numbered_lines numbered(const std::vector<std::string>& texts) {
  numbered_lines lines;
  for (const std::string& text : texts) lines.push_back({lines.size() + 1, text});
  return lines;
}

recorded_graph read(const std::vector<std::string>& texts) {
  const auto graph = read_graph(numbered(texts), "graph.txt");
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *graph : recorded_graph();
}

/// "+f", "-", "/note".
std::vector<std::string> said(const std::vector<call_event>& events) {
  std::vector<std::string> all;
  for (const call_event& event : events) {
    all.push_back(event.what == call_event::kind::enter  ? "+" + event.text
                  : event.what == call_event::kind::exit ? "-"
                                                         : "/" + event.text);
  }
  return all;
}

const std::vector<std::string> f_and_leaf = {"+f", "+g", "-", "/a note", "-"};

struct form {
  const char* name;
  std::vector<std::string> lines;
};

class graph_reader_form : public testing::TestWithParam<form> {};

TEST_P(graph_reader_form, is_read_like_any_other) {
  EXPECT_EQ(said(read(GetParam().lines).events), f_and_leaf);
}

INSTANTIATE_TEST_SUITE_P(
    all, graph_reader_form,
    testing::ValuesIn(std::vector<form>{
        {"default",
         {"# tracer: function_graph", "#", "# CPU  DURATION                  FUNCTION CALLS",
          "# |     |   |                     |   |   |   |", " 0)               |  f() {",
          " 0)   0.228 us    |    g();", " 0)               |    /* a note */",
          " 0) + 12.654 us   |  }"}},
        {"nothing_but_calls", {"f() {", "  g();", "  /* a note */", "}"}},
        {"bar_only", {"|  f() {", "|    g();", "|    /* a note */", "|  }"}},
        {"no_duration", {" 11)  f() {", " 11)    g();", " 11)    /* a note */", " 11)  }"}},
        {"proc",
         {" 0)    sh-257     |               |  f() {",
          " 0)    sh-257     |   0.228 us    |    g();",
          " 0)    sh-257     |               |    /* a note */",
          " 0)    sh-257     | ! 112.654 us  |  }"}},
        {"absolute_time",
         {"   12.345678 |   0)               |  f() {",
          "   12.345679 |   0)   0.228 us    |    g();",
          "   12.345680 |   0)               |    /* a note */",
          "   12.345681 |   0) # 1112.654 us |  }"}},
        {"absolute_time_and_proc",
         {"   12.345678 |   0)    sh-257     |               |  f() {",
          "   12.345679 |   0)    sh-257     |   0.228 us    |    g();",
          "   12.345680 |   0)    sh-257     |               |    /* a note */",
          "   12.345681 |   0)    sh-257     | * 25447.67 us |  }"}},
        {"latency_format",
         {"# latency trace v1.1.5 on 4.4.1", " 0)  d..1. |               |  f() {",
          " 0)  d..1. |   0.228 us    |    g();", " 0)  d..1. |               |    /* a note */",
          " 0)  d..1. |   2.654 us    |  }"}},
        {"tail",
         {" 0)   |  f() {", " 0)   0.2 us |    g(); /* g */", " 0)  |    /* a note */",
          " 0)   1.0 us |  } /* f */"}},
        {"results",
         {" 0)               |  f() { /* <-caller+0x12/0x40 */",
          " 0)   0.2 us |    g(); /* = 0x0 */", " 0)  |    /* a note */",
          " 0)   1.0 us |  } /* f ret=-12 */"}},
        {"arguments",
         {" 0)               |  f(dev=0xffff888004128000, size=0x1000) {",
          " 0)   0.2 us |    g(a=\"x|y\", b=0x1); /* ret=0x0 */", " 0)  |    /* a note */",
          " 0)   1.0 us |  }"}},
        {"module",
         {" 0)               |  f [e1000e]() {", " 0)   0.2 us |    g [e1000e]();",
          " 0)  |    /* a note */", " 0)   1.0 us |  }"}},
        {"interrupts",
         {" 0)               |  f() {", " 0)   ==========> |", " 0)   0.2 us |    g();",
          " 0)   <========== |", "", " 0)  |    /* a note */", " 0)   1.0 us |  }"}},
        {"our_own",
         {" 0)               |  f(dev=0000:00:05.0) {", " 0)   0.000 us    |    g(); /* ret=0 */",
          " 0)               |    /* a note */", " 0)   0.000 us    |  } /* ret=dmar0 */"}},
    }),
    [](const auto& each) { return std::string(each.param.name); });

TEST(graph_reader_test, a_comment_may_hold_bars_and_arrows) {
  EXPECT_THAT(said(read({" 0)               |  /* write32 dmar0 GCMD = TE|QIE => on */"}).events),
              ElementsAre("/write32 dmar0 GCMD = TE|QIE => on"));
}

TEST(graph_reader_test, events_know_their_lines) {
  const auto events = read({"# head", "f() {", "g();", "}"}).events;
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].line, 2u);
  EXPECT_EQ(events[1].line, 3u);
  EXPECT_EQ(events[2].line, 3u);
  EXPECT_EQ(events[3].line, 4u);
}

TEST(graph_reader_test, tasks_are_told_apart_by_switches_columns_and_processors) {
  const std::vector<std::string> by_switch = {
      " 0)               |  f() {",
      " ------------------------------------------",
      " 0)    sh-257     =>    <idle>-0   ",
      " ------------------------------------------",
      "",
      " 0)               |  timer() {",
      " 0)   0.2 us      |  }",
      " ------------------------------------------",
      " 0)    <idle>-0    =>     sh-257    ",
      " ------------------------------------------",
      " 0)   0.2 us      |  }",
  };
  const std::vector<std::string> by_column = {" 0)    sh-257     |               |  f() {",
                                              " 0)    <idle>-0   |               |  timer() {",
                                              " 0)    <idle>-0   |   0.2 us      |  }",
                                              " 0)    sh-257     |   0.2 us      |  }"};
  const std::vector<std::string> by_cpu = {" 0)  |  f() {", " 1)  |  timer() {", " 1)  |  }",
                                           " 0)  |  }"};
  for (const auto& lines : {by_switch, by_column, by_cpu}) {
    const recorded_graph graph = read(lines);
    EXPECT_THAT(graph.tasks, ElementsAre(0, 1, 1, 0));
    EXPECT_THAT(said(graph.events), ElementsAre("+f", "+timer", "-", "-"));
    EXPECT_THAT(said(by_task(graph)), ElementsAre("+f", "-", "+timer", "-"));
  }
}

TEST(graph_reader_test, a_return_from_before_the_file_is_left_out_of_its_task) {
  EXPECT_THAT(said(by_task(read({" 0)  |  } /* began before */", " 0)  |  f();"}))),
              ElementsAre("+f", "-"));
}

TEST(graph_reader_test, lost_events_are_remembered_by_their_line) {
  const recorded_graph graph = read({"f();", "CPU:0 [LOST 123 EVENTS]", "g();"});
  EXPECT_EQ(graph.loss, 2u);
  EXPECT_THAT(said(graph.events), ElementsAre("+f", "-", "+g", "-"));
}

TEST(graph_reader_test, what_is_no_graph_is_refused_with_its_line) {
  const auto refused = [](const std::vector<std::string>& lines) {
    const auto graph = read_graph(numbered(lines), "graph.txt");
    EXPECT_FALSE(graph.ok());
    return std::string(graph.status().message());
  };
  EXPECT_EQ(refused({"f();", "parse_dmar_table <-dmar_table_init"}),
            "graph.txt: line 2: call is \"parse_dmar_table <-dmar_table_init\": not a line of a "
            "function graph");
  for (const char* line : {" 0)   0.228 us    |  f()", " 0)   0.228 us    |  ", " 0)  | f() x {",
                           "/* open", "123();", "{", " 0)  |  /*/"}) {
    EXPECT_NE(refused({line}).find("line 1: call is "), std::string::npos) << line;
  }
}

TEST(graph_reader_test, a_line_of_nothing_but_bars_is_refused_at_once) {
  const std::string bars(1 << 22, '|');
  EXPECT_FALSE(read_graph(numbered({bars}), "graph.txt").ok());
}

}  // namespace
}  // namespace iommulab::graph_reader_test
