// SPDX-License-Identifier: GPL-2.0-only
#include "cli/readme/examples.h"

#include <gtest/gtest.h>

namespace iommulab::readme {
namespace {

using lines = std::vector<std::string>;

TEST(examples_in, finds_the_commands_of_fenced_blocks) {
  const auto found = examples_in("a.md",
                                 "iommulab in prose\n"
                                 "```\n"
                                 "iommulab boot   # the log\n"
                                 "dmesg | iommulab fault -\n"
                                 "iommulab fault \"a # b\" # c\n"
                                 "iommulab iova plot \\\n"
                                 "  --time\n"
                                 "script/demo\n"
                                 "iommulabs\n"
                                 "```\n"
                                 "```sh\n"
                                 "iommulab\n"
                                 "```\n");
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[0].command, "iommulab boot");
  EXPECT_EQ(found[0].line, 3u);
  EXPECT_EQ(found[1].command, "dmesg | iommulab fault -");
  EXPECT_EQ(found[2].command, "iommulab fault \"a # b\"");
  EXPECT_EQ(found[3].command, "iommulab iova plot   --time");
  EXPECT_EQ(found[4].command, "iommulab");
  for (const example& each : found) EXPECT_EQ(each.output, lines{});
}

TEST(examples_in, takes_what_follows_a_prompt_for_its_output) {
  const auto found = examples_in("a.md",
                                 "```\n"
                                 "$ iommulab machines\n"
                                 "iommulab is a word here\n"
                                 "…\n"
                                 "$ ls\n"
                                 "no output of ours\n"
                                 "$ iommulab kernels\n"
                                 "```\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].output, (lines{"iommulab is a word here", "…"}));
  EXPECT_EQ(found[1].output, lines{});
}

TEST(examples_in, takes_what_stands_behind_the_steppers_prompt_for_what_is_typed) {
  const auto found = examples_in("a.md",
                                 "```\n"
                                 "$ iommulab step boot\n"
                                 "(iommulab) break init_dmars   # where it begins\n"
                                 "Breakpoint 1: init_dmars\n"
                                 "(iommulab) run\n"
                                 "…\n"
                                 "```\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].typed, (lines{"break init_dmars", "run"}));
  EXPECT_EQ(found[0].output, (lines{"Breakpoint 1: init_dmars", "…"}));
}

TEST(examples_in, knows_who_writes_the_file_that_a_command_reads) {
  const auto found = examples_in("a.md",
                                 "```\n"
                                 "iommulab iova record -o a.trace\n"
                                 "iommulab iova replay a.trace --kernel v6_12\n"
                                 "iommulab iova replay b.trace\n"
                                 "```\n"
                                 "```\n"
                                 "iommulab iova replay a.trace --kernel v6_12\n"
                                 "```\n");
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].before, lines{});
  EXPECT_EQ(found[1].before, lines{found[0].command});
  EXPECT_EQ(found[2].before, lines{});
  EXPECT_EQ(found[3].before, lines{});
  const auto redirected = examples_in("a.md",
                                      "```\n"
                                      "iommulab iova bench --json > a.json\n"
                                      "iommulab iova bench --json > b.json\n"
                                      "iommulab iova bench --compare a.json b.json\n"
                                      "```\n");
  ASSERT_EQ(redirected.size(), 3u);
  EXPECT_EQ(redirected[2].before, (lines{redirected[0].command, redirected[1].command}));
}

TEST(difference, wants_all_lines_unless_some_are_left_out) {
  EXPECT_FALSE(difference({"a", "b"}, "a\nb\n"));
  EXPECT_TRUE(difference({"a", "b"}, "a\nb\nc\n"));
  EXPECT_TRUE(difference({"b"}, "a\nb\n"));
  EXPECT_TRUE(difference({"a", "c"}, "a\nb\nc\n"));
  EXPECT_FALSE(difference({"a", "…"}, "a\nb\nc\n"));
  EXPECT_FALSE(difference({"…", "c"}, "a\nb\nc\n"));
  EXPECT_FALSE(difference({"…", "b", "…"}, "a\nb\nc\n"));
  EXPECT_FALSE(difference({"a", "…", "c"}, "a\nb\nc\n"));
  EXPECT_TRUE(difference({"…", "c", "…", "a"}, "a\nb\nc\n"));
  EXPECT_TRUE(difference({"…", "b"}, "a\nb\nc\n"));
  EXPECT_FALSE(difference({}, "anything\n"));
}

}  // namespace
}  // namespace iommulab::readme
