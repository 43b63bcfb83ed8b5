// SPDX-License-Identifier: GPL-2.0-only
//
// The same option is the same thing in every command.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cli/program/whole_program.h"

namespace iommulab::consistency_test {
namespace {

struct meaning {
  std::string placeholder;
  bool takes_value;
  std::string command;
};

TEST(options, mean_the_same_in_every_command) {
  // `kernels` names the two in its difference; a recorded trace has a kernel's version, which
  // `--kernel` says too; the limit of a lockup is a time; `plot` draws over time;
  // a lockup's batch is of unmaps, the stepper's is gdb's.
  const std::vector<std::string> two_meanings = {"--diff", "--version", "--limit", "--time",
                                                 "--batch"};
  const whole_program program;
  std::map<std::string, meaning> seen;
  for (const CLI::App* command : program.commands()) {
    for (const CLI::Option* option : options_of(*command)) {
      for (const std::string& name : names_of(*option)) {
        if (std::count(two_meanings.begin(), two_meanings.end(), name) != 0) continue;
        const meaning here = {option->get_type_name(), takes_value(*option), full_name(*command)};
        const auto [first, is_new] = seen.emplace(name, here);
        if (is_new) continue;
        SCOPED_TRACE(name + " of " + first->second.command + " and of " + here.command);
        EXPECT_EQ(here.placeholder, first->second.placeholder);
        EXPECT_EQ(here.takes_value, first->second.takes_value);
      }
    }
  }
}

TEST(options, leave_the_argument_behind_their_value) {
  const whole_program program;
  size_t checked = 0;
  for (const CLI::App* command : program.commands()) {
    for (const CLI::Option* option : options_of(*command)) {
      if (option->get_items_expected_min() != option->get_items_expected_max()) continue;
      if (!takes_value(*option)) continue;
      EXPECT_FALSE(option->get_allow_extra_args())
          << full_name(*command) << ' ' << option->get_name();
      ++checked;
    }
  }
  EXPECT_GT(checked, 100u);
}

TEST(options, of_output_are_everywhere) {
  const whole_program program;
  for (const CLI::App* command : program.commands()) {
    for (const char* name : {"--help", "--version", "--color", "--no-pager"}) {
      EXPECT_NE(command->get_option_no_throw(name), nullptr) << full_name(*command) << ' ' << name;
    }
  }
}

TEST(options, have_words_and_placeholders) {
  const whole_program program;
  for (const CLI::App* command : program.commands()) {
    EXPECT_NE(command->get_description(), "") << full_name(*command);
    for (const CLI::Option* option : options_of(*command)) {
      SCOPED_TRACE(full_name(*command) + ' ' + option->get_name());
      EXPECT_NE(option->get_description(), "");
      if (takes_value(*option)) {
        EXPECT_NE(option->get_type_name(), "");
      }
    }
    for (const CLI::Option* argument : arguments_of(*command)) {
      SCOPED_TRACE(full_name(*command) + ' ' + argument->get_name(true));
      EXPECT_NE(argument->get_description(), "");
      EXPECT_EQ(argument->get_type_name().find("TEXT"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace iommulab::consistency_test
