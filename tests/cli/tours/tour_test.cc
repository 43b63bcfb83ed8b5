// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/tour.h"

#include <gtest/gtest.h>

#include <string>

namespace iommulab::tours {
namespace {

const std::string head =
    "// SPDX-License-Identifier: GPL-2.0-only\n"
    "# The table\n"
    "summary What firmware says\n"
    "kernels v4_4_178 v4_4\n";

tour good(const std::string& text) {
  auto parsed = parse_tour("t.tour", text);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *parsed : tour();
}

std::string complaint_about(const std::string& text) {
  const auto parsed = parse_tour("t.tour", text);
  EXPECT_FALSE(parsed.ok());
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

TEST(parse_tour, reads_the_head) {
  const tour t = good(head +
                      "file a.dma\n"
                      "map 1 0 0 0 0x1000 1\n"
                      "\n"
                      "# arena\n"
                      "end\n"
                      "## First\n"
                      "Text.\n");
  EXPECT_EQ(t.source, "t.tour");
  EXPECT_EQ(t.title, "The table");
  EXPECT_EQ(t.summary, "What firmware says");
  EXPECT_EQ(t.kernels, (std::vector<std::string>{"v4_4_178", "v4_4"}));
  ASSERT_EQ(t.files.size(), 1u);
  EXPECT_EQ(t.files[0].name, "a.dma");
  EXPECT_EQ(t.files[0].content, "map 1 0 0 0 0x1000 1\n\n# arena\n");
}

TEST(parse_tour, reads_stops_and_what_is_there) {
  const tour t = good(head +
                      "## First\n"
                      "\n"
                      "A paragraph\n"
                      "of two lines.\n"
                      "\n"
                      "Another one.\n"
                      "\n"
                      "run boot --machine q35\n"
                      "> break init_dmars\n"
                      "> continue\n"
                      "= Breakpoint 1\n"
                      "=  init_dmars ()\n"
                      "// a remark\n"
                      "? What comes\n"
                      "? first?\n"
                      "! The array.\n"
                      "$ iommulab dmar --machine q35\n"
                      "@v4_4 = 8 bytes\n"
                      "## Second\n"
                      "@v4_4 > finish\n"
                      "@v4_4\n"
                      "= returned\n");
  ASSERT_EQ(t.stops.size(), 2u);
  const stop& first = t.stops[0];
  EXPECT_EQ(first.heading, "First");
  EXPECT_EQ(first.line, 5u);
  ASSERT_EQ(first.items.size(), 7u);
  EXPECT_EQ(first.items[0].kind, item_kind::text);
  EXPECT_EQ(first.items[0].text, "A paragraph\nof two lines.\n\nAnother one.");
  EXPECT_EQ(first.items[1].kind, item_kind::run);
  EXPECT_EQ(first.items[1].text, "boot --machine q35");
  EXPECT_EQ(first.items[2].text, "break init_dmars");
  EXPECT_EQ(first.items[3].kind, item_kind::step);
  ASSERT_EQ(first.items[3].expected.size(), 2u);
  EXPECT_EQ(first.items[3].expected[0].text, "Breakpoint 1");
  EXPECT_EQ(first.items[3].expected[1].text, "init_dmars ()");
  EXPECT_EQ(first.items[3].expected[1].line, 16u);
  EXPECT_EQ(first.items[4].kind, item_kind::question);
  EXPECT_EQ(first.items[4].text, "What comes\nfirst?");
  EXPECT_EQ(first.items[5].kind, item_kind::answer);
  EXPECT_EQ(first.items[6].kind, item_kind::program);
  ASSERT_EQ(first.items[6].expected.size(), 1u);
  EXPECT_EQ(first.items[6].expected[0].kernel, "v4_4");
  const stop& second = t.stops[1];
  ASSERT_EQ(second.items.size(), 1u);
  EXPECT_TRUE(second.items[0].is_for("v4_4"));
  EXPECT_FALSE(second.items[0].is_for("v4_4_178"));
  EXPECT_EQ(second.items[0].expected[0].kernel, "");
}

TEST(parse_tour, takes_words_that_only_begin_like_a_sign_for_text) {
  const tour t = good(head + "## First\nrunning\n>= 5\n$5\n#5\n=> so\n!= 0\n");
  ASSERT_EQ(t.stops[0].items.size(), 1u);
  EXPECT_EQ(t.stops[0].items[0].text, "running\n>= 5\n$5\n#5\n=> so\n!= 0");
}

struct bad_tour {
  std::string text;
  std::string complaint;
};

TEST(parse_tour, names_line_and_mistake) {
  const std::string begun = head + "## First\n";  // lines 1 to 5
  const std::string with_run = begun + "run boot\n";
  const std::string in_all =
      "before the first stop, \"## HEADING\", stand summary, kernels and file, not ";
  const bad_tour all[] = {
      {"", "line 1: a tour begins with its title, \"# TITLE\""},
      {"summary x\n", "line 1: a tour begins with its title, \"# TITLE\""},
      {"# \n# \n", "line 1: a tour begins with its title, \"# TITLE\""},
      {"# a\n# b\n", "line 2: the tour has a title already"},
      {"# a\nkernels v4_4\n## b\nc\n", "line 1: the tour has no line \"summary TEXT\""},
      {"# a\nsummary\nkernels v4_4\n## b\nc\n", "line 1: the tour has no line \"summary TEXT\""},
      {"# a\nsummary b\n## b\nc\n", "line 1: the tour has no line \"kernels NAME…\""},
      {head, "line 1: the tour has no stop, \"## HEADING\""},
      {head + "text\n", "line 5: " + in_all + "\"text\""},
      {head + "file ../a\nend\n",
       "line 5: a file's name is letters, digits, '.', '_' and '-', not \"../a\""},
      {head + "file .a\nend\n",
       "line 5: a file's name is letters, digits, '.', '_' and '-', not \".a\""},
      {head + "file\nend\n",
       "line 5: a file's name is letters, digits, '.', '_' and '-', not \"\""},
      {head + "file a\nx\n", "line 5: the file \"a\" has no line \"end\""},
      {head + "file a\nend\nfile a\nend\n", "line 7: there is a file \"a\" already"},
      {head + "##\n", "line 5: a stop has a heading, \"## HEADING\""},
      {begun, "line 5: there is nothing at this stop"},
      {begun + "\n\n## Second\nx\n", "line 5: there is nothing at this stop"},
      {begun + "= x\n", "line 6: what is expected stands below the command that shows it"},
      {with_run + "> print x\ntext\n= x\n",
       "line 9: what is expected stands below the command that shows it"},
      {with_run + "> print x\n=\n", "line 8: the expectation is empty"},
      {with_run + ">\n", "line 7: the step is empty"},
      {begun + "run\n", "line 6: the run is empty"},
      {begun + "> continue\n",
       "line 6: there is no run for the stepper's command: \"run boot\" begins one"},
      {begun + "$ rm -r /\n", "line 6: a command line begins with iommulab, not \"rm -r /\""},
      {begun + "? a\n", "line 6: the question has no answer, \"! TEXT\""},
      {begun + "? a\ntext\n", "line 7: the question above has no answer, \"! TEXT\""},
      {begun + "? a\nrun boot\n", "line 7: the question above has no answer, \"! TEXT\""},
      {begun + "! a\n", "line 6: an answer stands right below its question"},
      {begun + "? a\n@v4_4 ! b\n", "line 7: an answer stands right below its question"},
      {begun + "@v6_12 a\n", "line 6: \"v6_12\" is none of the tour's kernels"},
      {begun + "@\n", "line 6: \"\" is none of the tour's kernels"},
      {begun + std::string(5000, 'x') + "\n", "line 6: the line is longer than 4096 bytes"},
  };
  for (const bad_tour& each : all) {
    EXPECT_EQ(complaint_about(each.text), "t.tour: " + each.complaint) << each.text.substr(0, 200);
  }
}

}  // namespace
}  // namespace iommulab::tours
