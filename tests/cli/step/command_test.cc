// SPDX-License-Identifier: GPL-2.0-only
//
// The language of the stepper: names, short forms, beginnings, help.
#include "cli/step/commands/command.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_split.h"

namespace iommulab::step_test {
namespace {

using namespace step;  // NOLINT(google-build-using-namespace)

std::string_view named(std::string_view word) {
  const auto command = command_named(word);
  return command.ok() ? (*command)->name : std::string_view("none");
}

TEST(step_commands, have_gdbs_short_forms) {
  for (const auto& [word, name] :
       std::initializer_list<std::pair<const char*, const char*>>{{"s", "step"},
                                                                  {"n", "next"},
                                                                  {"c", "continue"},
                                                                  {"b", "break"},
                                                                  {"p", "print"},
                                                                  {"bt", "backtrace"},
                                                                  {"where", "backtrace"},
                                                                  {"i", "info"},
                                                                  {"l", "list"},
                                                                  {"d", "delete"},
                                                                  {"u", "until"},
                                                                  {"f", "frame"},
                                                                  {"fin", "finish"},
                                                                  {"h", "help"},
                                                                  {"q", "quit"},
                                                                  {"r", "run"},
                                                                  {"rs", "reverse-step"},
                                                                  {"rn", "reverse-next"},
                                                                  {"rc", "reverse-continue"},
                                                                  {"tb", "tbreak"}}) {
    EXPECT_EQ(named(word), name) << word;
  }
}

TEST(step_commands, are_known_by_a_beginning_that_no_other_has) {
  EXPECT_EQ(named("conti"), "continue");
  EXPECT_EQ(named("adv"), "advance");
  EXPECT_EQ(named("reverse-s"), "reverse-step");
  EXPECT_EQ(named("dele"), "delete");
  const auto several = command_named("rev");
  ASSERT_FALSE(several.ok());
  EXPECT_EQ(several.status().message(),
            "\"rev\" is the beginning of several commands: reverse-step, reverse-next, "
            "reverse-finish, reverse-continue");
  const auto none = command_named("brek");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().message(),
            "\"brek\" is no command; did you mean 'break'?; `help` lists them");
}

// Every name leads to its own command, and a short form to one only.
TEST(step_commands, do_not_stand_in_each_others_way) {
  std::set<std::string> forms;
  for (const command& each : commands()) {
    EXPECT_EQ(named(each.name), each.name);
    for (const std::string& form : std::vector<std::string>(
             absl::StrSplit(std::string(each.short_forms), ' ', absl::SkipEmpty()))) {
      EXPECT_TRUE(forms.insert(form).second) << form;
      EXPECT_EQ(named(form), each.name);
    }
  }
}

TEST(step_commands, are_listed_and_explained) {
  const std::string list = help_text();
  for (const command& each : commands()) {
    EXPECT_NE(list.find("\n  " + std::string(each.name)), std::string::npos) << each.name;
    const std::string own = help_text(each);
    EXPECT_TRUE(own.starts_with(std::string(each.name))) << own;
    EXPECT_NE(own.find(std::string(each.summary)), std::string::npos);
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(own, '\n'))) {
      EXPECT_LE(line.size(), 100u) << line;
    }
  }
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(list, '\n'))) {
    EXPECT_LE(line.size(), 110u) << line;
  }
}

TEST(split_line, takes_the_first_word_and_leaves_comments_out) {
  EXPECT_EQ(split_line("  break  init_dmars  if x==1 ").word, "break");
  EXPECT_EQ(split_line("  break  init_dmars  if x==1 ").arguments, "init_dmars  if x==1");
  EXPECT_EQ(split_line("step").arguments, "");
  EXPECT_EQ(split_line("# a remark").word, "");
  EXPECT_EQ(split_line("   \t").word, "");
}

}  // namespace
}  // namespace iommulab::step_test
