// SPDX-License-Identifier: GPL-2.0-only
//
// Somebody who types: editing, completion, history, the last command again.
#include "cli/step/terminal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "cli/step/sessions.h"

namespace iommulab::step_test {
namespace {

namespace fs = std::filesystem;

/// Without escape sequences, by which an editor moves the cursor.
std::string plain(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      if (text[i] != '\x07' && text[i] != '\0') result += text[i];
      continue;
    }
    i += 2;
    while (i < text.size() && !(text[i] >= '@' && text[i] <= '~')) ++i;
  }
  return result;
}

class at_a_terminal : public testing::Test {
 protected:
  void SetUp() override {
    state_ = testing::TempDir() + "iommulab_step_state_" +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(state_);
  }
  void TearDown() override { fs::remove_all(state_); }
  [[nodiscard]] std::string program(const std::string& run) const {
    return "XDG_STATE_HOME='" + state_ + "' exec " IOMMULAB_PROGRAM " step " + run +
           " --color never";
  }

  std::string state_;
};

TEST_F(at_a_terminal, commands_are_done_and_errors_are_told) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  EXPECT_TRUE(has(t.until_prompt(), "boot of q35"));
  EXPECT_TRUE(has(t.answer_to("break init_dmars"), "Breakpoint 1: init_dmars\n"));
  EXPECT_TRUE(has(t.answer_to("run"), "Breakpoint 1, init_dmars () at event "));
  EXPECT_TRUE(has(t.answer_to("brek x"), "\"brek\" is no command; did you mean 'break'?"));
  EXPECT_TRUE(has(t.answer_to("when"), ", in init_dmars(), depth "));
  t.type("quit\n");
  t.rest();
  EXPECT_EQ(t.status(), 0);
}

TEST_F(at_a_terminal, an_empty_line_does_the_last_command_again) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  t.until_prompt();
  EXPECT_EQ(last_shown(plain(t.answer_to("step"))), 1u);
  EXPECT_EQ(last_shown(plain(t.answer_to(""))), 2u);
  EXPECT_EQ(last_shown(plain(t.answer_to(""))), 3u);
  EXPECT_EQ(last_shown(plain(t.answer_to("rs"))), 2u);
  EXPECT_EQ(last_shown(plain(t.answer_to(""))), 1u);
  // What is done once is not done again.
  EXPECT_TRUE(has(plain(t.answer_to("break init_dmars")), "Breakpoint 1"));
  EXPECT_FALSE(has(plain(t.answer_to("")), "Breakpoint 2"));
}

TEST_F(at_a_terminal, the_end_of_input_ends_it) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  t.until_prompt();
  t.type("\x04");
  t.rest();
  EXPECT_EQ(t.status(), 0);
}

#ifdef IOMMULAB_LIBEDIT

TEST_F(at_a_terminal, a_line_is_edited) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  t.until_prompt();
  // Backspace, to the line's begin, a word in front, to its end.
  EXPECT_TRUE(has(plain(t.answer_to("init_dmarx\x7fs\x01"
                                    "break \x05")),
                  "Breakpoint 1: init_dmars\n"));
}

TEST_F(at_a_terminal, interrupt_gives_a_line_up_and_not_the_program) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  t.until_prompt();
  t.type("break init_dmars\x03");
  t.until_prompt();
  EXPECT_TRUE(has(plain(t.answer_to("info breakpoints")), "No breakpoints or watchpoints.\n"));
}

TEST_F(at_a_terminal, tab_completes_commands_functions_and_expressions) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  t.until_prompt();
  EXPECT_TRUE(has(plain(t.answer_to("tbre\tiommu_set_root\t")),
                  "Temporary breakpoint 1: iommu_set_root_entry"));
  EXPECT_TRUE(has(plain(t.answer_to("ru\t")), "Temporary breakpoint 1, iommu_set_root_entry"));
  EXPECT_TRUE(has(plain(t.answer_to("print GSTS.RTP\t")), "GSTS.RTPS = 0"));
  // Several: they are listed, and the line stands there again.
  t.type("reverse-\t\t");
  const std::string offered = plain(t.answer_to("continue"));
  for (const char* name : {"reverse-continue", "reverse-finish", "reverse-next", "reverse-step"}) {
    EXPECT_TRUE(has(offered, name)) << offered;
  }
}

TEST_F(at_a_terminal, lines_are_remembered_from_session_to_session) {
  {
    terminal first(program("boot --cmdline intel_iommu=on"));
    first.until_prompt();
    first.answer_to("break init_dmars");
    first.type("quit\n");
    first.rest();
    EXPECT_EQ(first.status(), 0);
  }
  EXPECT_TRUE(fs::exists(state_ + "/iommulab/step_history"));
  terminal second(program("boot --cmdline intel_iommu=on"));
  second.until_prompt();
  // Up twice: behind `quit` it is the breakpoint.
  EXPECT_TRUE(has(plain(second.answer_to("\x10\x10")), "Breakpoint 1: init_dmars"));
}

TEST_F(at_a_terminal, what_cannot_be_kept_is_no_error) {
  const std::string nowhere = temporary("step_no_folder", "a file");
  terminal t("XDG_STATE_HOME='" + nowhere + "' exec " IOMMULAB_PROGRAM " step boot --color never");
  t.until_prompt();
  EXPECT_TRUE(has(plain(t.answer_to("break init_dmars")), "Breakpoint 1"));
}

#endif

// What is printed is cleaned, and what is typed is shown by its name.
TEST_F(at_a_terminal, no_control_byte_of_a_command_comes_back_raw) {
  terminal t(program("boot --cmdline intel_iommu=on"));
  t.until_prompt();
  t.type("break \x16\x1b]0;title\x16\x07\n");  // quoted, as a terminal's driver and libedit take it
  const std::string answer = t.until_prompt();
  EXPECT_FALSE(has(answer, "\x1b]0;title")) << answer;
}

}  // namespace
}  // namespace iommulab::step_test
