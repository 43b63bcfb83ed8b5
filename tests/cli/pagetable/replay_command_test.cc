// SPDX-License-Identifier: GPL-2.0-only
#include "cli/pagetable/replay_command.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/catalogue.h"
#include "lab/pagetable/player.h"
#include "lab/pagetable/trace_reader.h"
#include "nlohmann/json.hpp"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::replay_command_test {
namespace {

command_result replay(std::vector<std::string> files) {
  return run_command(run_page_table_replay, page_table_replay_arguments{.files = std::move(files)});
}

/// A file in no kernel's folder is the default's.
const std::string of_default = ": Linux " + std::string(default_kernel_profile().release()) + ": ";

std::string golden_file(const std::string& name) {
  return (golden::root() / "pagetable" / name).string();
}

/// By hand, from what the format says: 48 bits are four levels, so page 1ffh is 0.0.0.511.
constexpr char good[] =
    "# a comment\n"
    "init 48 0\n"
    "map 0x1ff 0x10 2 3 -> 0 0\n"
    "walk 0x200 -> 1 0x11003\n"
    "tables -> 5\n"
    "dump 6\n"
    "4 0 0x3\n"
    "3 0.0 0x3\n"
    "2 0.0.0 0x3\n"
    "1 0.0.0.511 0x10003\n"
    "2 0.0.1 0x3\n"
    "1 0.0.1.0 0x11003\n"
    "end\n"
    "map_sg 0x400 3 2 0x20 0x10 0x1000 0x30 0x0 0x1 -> 0 0 0x400010 0x402000\n"
    "clear 0x1ff 0x1ff\n"
    "unmap 0x200 0x3ff -> 1\n"
    "freept 0x0 0x1ff -> 1\n"
    "# end ops=9\n";

TEST(pagetable_replay, says_the_same_as_a_document) {
  const std::string equal = temporary("pagetable_equal.trace", good);
  std::string changed = good;
  changed.replace(changed.find("tables -> 5"), 11, "tables -> 6");
  const std::string differs = temporary("pagetable_differs.trace", changed);
  const command_result result = run_command(
      run_page_table_replay, page_table_replay_arguments{.files = {equal, differs}, .json = true});
  EXPECT_EQ(result.status, 1) << result.err;
  const auto document = nlohmann::json::parse(result.out);
  EXPECT_EQ(document["schema"], "iommulab.pagetable_replay");
  ASSERT_EQ(document["files"].size(), 2u);
  EXPECT_EQ(document["files"][0]["file"], equal);
  EXPECT_EQ(document["files"][0]["operations"], 9);
  EXPECT_EQ(document["files"][0]["equal"], true);
  EXPECT_EQ(document["files"][0]["kernel"], std::string(default_kernel_profile().name()));
  EXPECT_FALSE(document["files"][0].contains("difference"));
  EXPECT_EQ(document["files"][1]["equal"], false);
  EXPECT_EQ(document["files"][1]["difference"]["line"], 5);
  EXPECT_EQ(document["files"][1]["difference"]["operation"], "tables");
  EXPECT_EQ(document["files"][1]["difference"]["expected"], "6");
  EXPECT_EQ(document["files"][1]["difference"]["got"], "5");
}

TEST(pagetable_replay, says_of_each_file_that_it_is_equal) {
  const std::string by_hand = temporary("pagetable_good.trace", good);
  const std::string recorded = golden_file("4.4/pt_small.trace.xz");
  const command_result result = replay({by_hand, recorded});
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out,
            by_hand + of_default + "9 operations: equal\n" + recorded +
                ": Linux 4.4.1: 58 operations: equal; its end is not marked, COUNTS has as many\n");
}

TEST(pagetable_replay, refuses_what_shows_that_it_was_cut_and_says_of_the_rest_that_nobody_knows) {
  const std::string empty = temporary("pagetable_empty.trace", "");
  expect_refusal(replay({empty}), empty + ": operations is \"\": there is none");
  const std::string counted = temporary("pagetable_counted.trace", "init 48 0\n# end ops=2\n");
  expect_refusal(replay({counted}), counted +
                                        ": line 2: operations is \"1\": its last line says that "
                                        "there are 2");
  const std::string half = temporary("pagetable_half.trace", "init 48 0\nmap 0x1ff 0x10 2 3 -> 0");
  expect_refusal(replay({half}), half +
                                     ": line 2: last line is \"map 0x1ff 0x10 2 3 -> 0\": the "
                                     "trace is cut short: the line does not end");
  const std::string unmarked = temporary("pagetable_unmarked.trace", "init 48 0\n");
  const command_result result = replay({unmarked});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, unmarked + of_default + "1 operations: equal; its end is not marked\n");
}

TEST(pagetable_replay, shows_the_first_difference_and_the_walk_and_fails_with_1) {
  const std::string file = temporary("pagetable_wrong.trace",
                                     "init 48 0\n"
                                     "map 0x1ff 0x10 2 3 -> 0 0\n"
                                     "map 0x200 0x12 1 3 -> 0 0\n"
                                     "tables -> 4\n");
  const command_result result = replay({file});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, file + of_default +
                            "differs at line 3: map 0x200 0x12 1 3\n"
                            "  expected: 0 0\n"
                            "  got:      0 1\n"
                            "  walk of 0x200:\n"
                            "    4 0 0x3\n"
                            "    3 0.0 0x3\n"
                            "    2 0.0.1 0x3\n"
                            "    1 0.0.1.0 0x11003\n");
}

TEST(pagetable_replay, shows_where_dumps_part) {
  const std::string file = temporary("pagetable_dump.trace",
                                     "init 39 1\n"
                                     "map 0x200 0x400 512 3 -> 0 0\n"
                                     "dump 1\n"
                                     "3 0 0x3\n"
                                     "end\n");
  EXPECT_EQ(replay({file}).out, file + of_default +
                                    "differs at line 3: dump 1\n"
                                    "  expected: 1 entries, of which number 2: none\n"
                                    "  got:      2 entries, of which number 2: 2 0.1 0x400083\n"
                                    "  walk of 0x200:\n"
                                    "    3 0 0x3\n"
                                    "    2 0.1 0x400083\n");
}

TEST(pagetable_replay, refuses_bad_use_and_shows_nothing_of_good_files_before) {
  const std::string file = temporary("pagetable_before.trace", good);
  expect_refusal(replay({file, "missing"}), "missing: no such file, nor with .xz");
  const std::string broken =
      temporary("pagetable_broken.trace", std::string(good) + "walk x -> 1\n");
  expect_refusal(replay({file, broken}), broken + ": line 19: PFN is \"x\": not a number");
  const std::string unsound = temporary("pagetable_unsound.trace.xz", "no xz data");
  EXPECT_EQ(replay({unsound}).status, 2);
}

/// The text with one line put in another's place.
std::string with_line(const std::vector<std::string_view>& lines, size_t at,
                      std::string_view line) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    text += i == at ? line : lines[i];
    text += '\n';
  }
  return text;
}

/// The line with its last digit changed; the value stays one of its kind.
std::string spoilt(std::string_view line) {
  std::string other(line);
  other.back() = other.back() == '1' ? '2' : '1';
  return other;
}

// Whatever a trace says, it is looked at: with any one answer changed the replay fails there.
TEST(pagetable_replay, notices_every_answer_that_is_changed) {
  const std::string text(good);
  const auto lines = golden::lines(text);
  size_t changed = 0;
  uint32_t dump = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("dump")) dump = static_cast<uint32_t>(i + 1);
    const bool row = std::isdigit(lines[i].front()) != 0;
    if (!row && lines[i].find("->") == std::string_view::npos) continue;
    const auto trace = parse_page_table_trace({"text", with_line(lines, i, spoilt(lines[i]))});
    ASSERT_TRUE(trace.ok()) << trace.status();
    const auto played = play_page_table_trace(*trace, kernel_of(*trace));
    ASSERT_TRUE(played.ok()) << played.status();
    ASSERT_TRUE(played->difference) << lines[i];
    EXPECT_EQ(played->difference->line, row ? dump : i + 1);
    ++changed;
  }
  EXPECT_EQ(changed, 12u);
}

}  // namespace
}  // namespace iommulab::replay_command_test
