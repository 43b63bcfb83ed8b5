// SPDX-License-Identifier: GPL-2.0-only
//
// The forms are those of a recorded 4.4's files; widths and marks of durations are read off them.
#include "lab/graph/graph_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/printk.h"
#include "lab/graph/event_list.h"

namespace iommulab::graph_text_test {
namespace {

using testing::ElementsAre;

std::vector<std::string> full(const std::vector<trace_event>& events, const graph_form& form = {}) {
  event_words words;
  std::vector<size_t> all(events.size());
  std::iota(all.begin(), all.end(), size_t{0});
  std::vector<std::string> lines;
  for (const graph_line& line : graph_lines(events, all, words, form)) {
    lines.push_back(full_text(line));
  }
  return lines;
}

std::vector<std::string> brief(const std::vector<trace_event>& events) {
  event_words words;
  return short_graph(events, words);
}

TEST(graph_text_test, a_call_stands_around_what_happened_in_it) {
  event_list events;
  events.enter("outer", {{"dev", "0000:00:05.0"}, {"size", uint64_t{0x1000}}})
      .enter("leaf")
      .leave("leaf")
      .note("alloc_iova size=0x1")
      .leave("outer", {{"", -12}});
  EXPECT_THAT(brief(events), ElementsAre("outer(dev=0000:00:05.0, size=0x1000) {", "  leaf();",
                                         "  /* alloc_iova size=0x1 */", "} /* ret=-12 */"));
  EXPECT_THAT(full(events),
              ElementsAre(" 0)               |  outer(dev=0000:00:05.0, size=0x1000) {",
                          " 0)   1.000 us    |    leaf();",
                          " 0)               |    /* alloc_iova size=0x1 */",
                          " 0)   4.000 us    |  } /* ret=-12 */"));
}

TEST(graph_text_test, a_leaf_has_its_result_behind_it_and_several_values_their_names) {
  event_list events;
  events.enter("one").leave("one", {{"", "dmar0"}});
  events.enter("two").leave("two", {{"lo", uint64_t{1}}, {"hi", uint64_t{2}}});
  EXPECT_THAT(brief(events), ElementsAre("one(); /* ret=dmar0 */", "two(); /* lo=0x1 hi=0x2 */"));
}

TEST(graph_text_test, without_values_the_lines_are_those_of_the_plain_tracer) {
  event_list events;
  events.enter("outer", {{"size", uint64_t{1}}});
  events.enter("leaf", {{"size", uint64_t{1}}}).leave("leaf", {{"", 0}});
  events.leave("outer", {{"", 0}});
  EXPECT_THAT(full(events, {false}),
              ElementsAre(" 0)               |  outer() {", " 0)   1.000 us    |    leaf();",
                          " 0)   3.000 us    |  }"));
}

TEST(graph_text_test, effects_and_log_lines_are_comments) {
  event_list events;
  events.add(events::reg_write{{"dmar9", 0x18, 4, 0x80000000}});
  events.log("DMAR: Host address width 39");
  events.add(events::log_text{static_cast<uint8_t>(log_level::debug), "quiet"});
  EXPECT_THAT(brief(events), ElementsAre("/* write32 (no unit answers) 0x18 = 0x80000000 */",
                                         "/* [    0.000001] DMAR: Host address width 39 */",
                                         "/* pr_debug: quiet */"));
}

// Lines of tests/golden/kernel/v4_4: 0.948, 10.286, 120.866 and 25447.67 microseconds stand there
// with these marks and widths.
TEST(graph_text_test, durations_have_ftraces_columns) {
  const auto shown = [](uint64_t ns) { return full_text({0, 0, "}", ns}); };
  EXPECT_EQ(shown(948), " 0)   0.948 us    |  }");
  EXPECT_EQ(shown(10'286), " 0) + 10.286 us   |  }");
  EXPECT_EQ(shown(120'866), " 0) ! 120.866 us  |  }");
  EXPECT_EQ(shown(25'447'670), " 0) * 25447.67 us |  }");
  // The limits themselves are not above them.
  EXPECT_EQ(shown(10'000), " 0)   10.000 us   |  }");
  EXPECT_EQ(shown(1'000'001), " 0) # 1000.001 us |  }");
}

TEST(graph_text_test, a_return_without_its_entry_has_no_line) {
  event_list events;
  events.leave("before").enter("after");
  EXPECT_THAT(brief(events), ElementsAre("after() {"));
}

TEST(graph_text_test, what_is_not_shown_tells_the_words_where_tables_lie) {
  constexpr uint64_t context_table = 0x5000;
  event_list events;
  events.add(events::table_write{"root", 0x3020, context_table | 1});  // bus 2
  events.add(events::table_write{"context", context_table + 0x100, 0, 0});
  event_words words;
  const std::vector<size_t> second = {1};
  const auto lines = graph_lines(events.all(), second, words);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].text.starts_with("/* context entry of 02:02.0 at 0x5100")) << lines[0].text;
}

TEST(graph_text_test, the_head_is_that_of_a_function_graph) {
  EXPECT_EQ(graph_head("a run"),
            "# tracer: function_graph\n#\n# a run\n#\n"
            "# CPU  DURATION                  FUNCTION CALLS\n"
            "# |     |   |                     |   |   |   |\n");
}

}  // namespace
}  // namespace iommulab::graph_text_test
