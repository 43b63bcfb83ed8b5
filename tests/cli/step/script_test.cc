// SPDX-License-Identifier: GPL-2.0-only
//
// Commands from files, options and streams, and how each ends.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "cli/step/sessions.h"

namespace iommulab::step_test {
namespace {

command_result run_with(const step_arguments& arguments, const std::string& typed) {
  std::istringstream in(typed);
  return result_of([&](auto& out, auto& err) { return run_step_command(arguments, in, out, err); });
}

step_arguments arguments_of_boot() {
  step_arguments arguments;
  arguments.run = boot();
  return arguments;
}

TEST(scripts, come_from_a_stream) {
  const command_result result =
      run_with(arguments_of_boot(), "# a remark\n\nstep 3\n  step\n\nwhen\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(shown_events(result.out), (std::vector<size_t>{3, 4}));
  EXPECT_TRUE(has(result.out, "Event 4 of "));
}

TEST(scripts, come_first_from_options_in_their_order) {
  step_arguments arguments = arguments_of_boot();
  const std::string file = temporary("step_first.step", "step\nstep\n");
  arguments.first = {{false, "goto 10"}, {true, file}, {false, "rs"}};
  const command_result result = run_with(arguments, "step 2\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(shown_events(result.out), (std::vector<size_t>{10, 11, 12, 11, 13}));
}

TEST(scripts, end_with_batch) {
  step_arguments arguments = arguments_of_boot();
  arguments.batch = true;
  arguments.first = {{false, "step"}};
  const command_result result = run_with(arguments, "nonsense\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(shown_events(result.out), std::vector<size_t>{1});
}

TEST(scripts, end_with_quit) {
  const command_result result = run_with(arguments_of_boot(), "step\nquit\nnonsense\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(shown_events(result.out), std::vector<size_t>{1});
}

TEST(scripts, that_fail_name_the_line) {
  const command_result typed = run_with(arguments_of_boot(), "step\n\nnonsense\nstep\n");
  EXPECT_EQ(typed.status, 2);
  EXPECT_EQ(typed.err,
            "iommulab: standard input: line 3: \"nonsense\" is no command; `help` lists them\n");
  EXPECT_EQ(shown_events(typed.out), std::vector<size_t>{1}) << "what came before it is done";

  step_arguments arguments = arguments_of_boot();
  arguments.batch = true;
  const std::string file = temporary("step_fails.step", "step\ngoto 99999\n");
  arguments.first = {{true, file}};
  EXPECT_TRUE(has(run_with(arguments, "").err, "iommulab: " + file + ": line 2: goto 99999: "));
  arguments.first = {{true, "/no/such/file"}};
  const command_result missing = run_with(arguments, "");
  EXPECT_EQ(missing.status, 2);
  EXPECT_TRUE(has(missing.err, "/no/such/file")) << missing.err;
}

TEST(runs, that_cannot_begin_are_bad_use) {
  step_arguments arguments = arguments_of_boot();
  arguments.run.machines = {"nowhere"};
  expect_refusal_with(run_with(arguments, ""), "nowhere");
}

TEST(runs, that_end_badly_say_how) {
  step_arguments arguments;
  arguments.run = script_with_a_fault();
  arguments.run.path = temporary("step_bad.dma", "map 1 0 0 0 0x1000 1\nunmap 7\n");
  arguments.first = {{false, "continue"}};
  arguments.batch = true;
  const command_result result = run_with(arguments, "");
  EXPECT_TRUE(result.status == 2 || has(result.out, "The run has ended"))
      << result.out << result.err;
}

}  // namespace
}  // namespace iommulab::step_test
