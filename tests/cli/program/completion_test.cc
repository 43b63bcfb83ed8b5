// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/completion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "cli/program/option_values.h"
#include "cli/program/whole_program.h"
#include "kernel/catalogue.h"
#include "platform/machine/builtin.h"
#include "support/files.h"

namespace iommulab::completion_test {
namespace {

/// What bash offers behind these words, the last of which is being typed.
std::vector<std::string> offered(const std::vector<std::string>& words) {
  static const std::string script = [] {
    const whole_program program;
    return temporary("completion.bash", bash_completion(program.app));
  }();
  std::string call = "source '" + script + "'; COMP_WORDS=(iommulab";
  for (const std::string& word : words) call += " '" + word + "'";
  call += "); COMP_CWORD=" + std::to_string(words.size()) + "; cd /; _iommulab; " +
          "printf '%s\\n' \"${COMPREPLY[@]}\"";
  const std::string run = temporary("completion_run", call);
  const std::string seen = run + ".seen";
  EXPECT_EQ(std::system(("bash '" + run + "' >'" + seen + "' 2>&1").c_str()), 0);
  std::istringstream lines(content_of(seen));
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) found.push_back(line);
  }
  std::sort(found.begin(), found.end());
  return found;
}

using words = std::vector<std::string>;

bool has(const words& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

TEST(bash_completion, offers_commands) {
  EXPECT_EQ(offered({"bo"}), words{"boot"});
  EXPECT_EQ(offered({"iova", "b"}), words{"bench"});
  EXPECT_EQ(offered({"--no-pager", "iova", "pl"}), words{"plot"});
  const words all = offered({""});
  const whole_program program;
  for (const CLI::App* command : commands_of(program.app)) {
    EXPECT_TRUE(has(all, command->get_name())) << command->get_name();
  }
  EXPECT_FALSE(has(all, "reference"));
}

TEST(bash_completion, offers_the_options_of_every_command) {
  const whole_program program;
  for (const CLI::App* command : program.commands()) {
    std::istringstream path(full_name(*command));
    words typed;
    for (std::string word; path >> word;) typed.push_back(word);
    typed.erase(typed.begin());
    typed.emplace_back("--");
    const words all = offered(typed);
    for (const CLI::Option* option : options_of(*command)) {
      for (const std::string& name : option->get_lnames()) {
        EXPECT_TRUE(has(all, "--" + name)) << full_name(*command) << " --" << name;
      }
    }
  }
}

TEST(bash_completion, offers_values) {
  words machines;
  for (const std::string_view name : builtin_machine_names()) machines.emplace_back(name);
  for (const std::string& name : machines) {
    EXPECT_TRUE(has(offered({"boot", "--machine", ""}), name)) << name;
    EXPECT_TRUE(has(offered({"machines", ""}), name)) << name;
  }
  for (const kernel_profile* kernel : kernel_profiles()) {
    EXPECT_TRUE(has(offered({"boot", "--kernel", ""}), std::string(kernel->name())));
  }
  EXPECT_EQ(offered({"boot", "--machine", "serv"}), words{"server"});
  EXPECT_EQ(offered({"boot", "--machine", "=", "serv"}), words{"server"});  // as bash splits it
  EXPECT_EQ(offered({"translate", "00:1f.0", "1000", "--access", "w"}), words{"write"});
  EXPECT_EQ(offered({"iova", "bench", "--allocator", "v6_1"}), (words{"v6_1", "v6_12"}));
  EXPECT_EQ(offered({"boot", "--color", "a"}), (words{"always", "auto"}));
}

TEST(bash_completion, offers_classes_one_by_one) {
  EXPECT_EQ(offered({"boot", "--trace", "=", "ca"}), words{"calls"});
  EXPECT_EQ(offered({"boot", "--trace", "=", "calls,reg"}), words{"calls,regs"});
}

TEST(bash_completion, offers_files_and_folders) {
  EXPECT_EQ(offered({"dmar", "/bi"}), words{"/bin"});
  EXPECT_EQ(offered({"verify", "/bi"}), words{"/bin"});
  EXPECT_EQ(offered({"boot", "--sysfs", "/bi"}), words{"/bin"});
  EXPECT_EQ(offered({"verify", "/etc/passw"}), words{});  // no folder
}

TEST(zsh_completion, has_the_same_tree) {
  const whole_program program;
  const std::string text = zsh_completion(program.app);
  EXPECT_TRUE(text.starts_with("#compdef iommulab\n"));
  for (const CLI::App* command : program.commands()) {
    const std::string path = full_name(*command);
    if (path == "iommulab") continue;
    EXPECT_NE(text.find("'" + path.substr(path.find(' ') + 1) + "') "), std::string::npos) << path;
  }
  if (std::system("command -v zsh >/dev/null 2>&1") != 0) GTEST_SKIP() << "no zsh to read it";
  const std::string script = temporary("_iommulab", text);
  EXPECT_EQ(std::system(("zsh -n '" + script + "'").c_str()), 0);
}

}  // namespace
}  // namespace iommulab::completion_test
