// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/man_page.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_replace.h"
#include "cli/program/whole_program.h"
#include "support/files.h"

namespace iommulab::man_page_test {
namespace {

std::string roff(const std::string& name) {
  return absl::StrReplaceAll(name, {{"-", "\\-"}});
}

TEST(man_page, has_every_option_argument_and_command) {
  const whole_program program;
  EXPECT_GT(program.commands().size(), 15u);
  for (const CLI::App* command : program.commands()) {
    const std::string page = man_page(*command);
    SCOPED_TRACE(full_name(*command));
    for (const char* section : {".TH IOMMULAB", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n"}) {
      EXPECT_NE(page.find(section), std::string::npos) << section;
    }
    for (const CLI::Option* option : options_of(*command)) {
      for (const std::string& name : names_of(*option)) {
        EXPECT_NE(page.find("\\fB" + roff(name) + "\\fR"), std::string::npos) << name;
      }
    }
    for (const CLI::Option* argument : arguments_of(*command)) {
      const std::string name = roff(argument->get_name(/*positional=*/true));
      EXPECT_NE(page.find(".TP\n\\fI" + name + "\\fR\n"), std::string::npos) << name;
    }
    for (const CLI::App* below : commands_of(*command)) {
      EXPECT_NE(page.find("\\fB" + roff(full_name(*below)) + "\\fR"), std::string::npos);
      EXPECT_NE(page.find("\\fB" + roff(full_name(*below, "-")) + "\\fR(1)"), std::string::npos);
    }
  }
}

TEST(man_page, tells_what_a_status_means) {
  const whole_program program;
  for (const CLI::App* command : program.commands()) {
    if (!commands_of(*command).empty()) continue;
    const std::string page = man_page(*command);
    if (page.find("Exit status") == std::string::npos) continue;
    ADD_FAILURE() << full_name(*command) << ": its statuses are no section";
  }
  const std::string boot = man_page(*program.app.get_subcommand("boot"));
  EXPECT_NE(boot.find(".SH EXIT STATUS\n.TP\n\\fB0\\fR\ngood\n"), std::string::npos) << boot;
}

TEST(man_page, hides_what_is_for_the_build) {
  const whole_program program;
  EXPECT_EQ(man_page(program.app).find("reference"), std::string::npos);
}

// groff says what it does not understand.
TEST(man_page, is_what_groff_reads) {
  if (std::system("command -v groff >/dev/null 2>&1") != 0) GTEST_SKIP() << "no groff";
  const whole_program program;
  for (const CLI::App* command : program.commands()) {
    const std::string page = temporary(full_name(*command, "-") + ".1", man_page(*command));
    const std::string said = page + ".said";
    const std::string groff = "groff -man -ww -Tutf8 -z '" + page + "' 2>'" + said + "'";
    EXPECT_EQ(std::system(groff.c_str()), 0);
    EXPECT_EQ(content_of(said), "") << full_name(*command);
    std::remove(page.c_str());
    std::remove(said.c_str());
  }
}

}  // namespace
}  // namespace iommulab::man_page_test
