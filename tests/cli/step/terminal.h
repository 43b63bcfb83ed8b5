// SPDX-License-Identifier: GPL-2.0-only
//
// The program behind a terminal of the test's own, and somebody who types there.
#pragma once

#include <sys/types.h>

#include <string>

namespace iommulab::step_test {

class terminal {
 public:
  /// Runs `command` in a shell whose standard streams are the terminal.
  explicit terminal(const std::string& command);
  ~terminal();
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  void type(const std::string& keys);
  /// What comes up to the next prompt, without it; carriage returns are left out. A test failure
  /// when none comes.
  std::string until_prompt();
  /// Types a line and gives what is printed behind its echo.
  std::string answer_to(const std::string& line);
  /// What comes up to the end, and the exit status.
  std::string rest();
  int status();

 private:
  bool read_more();

  pid_t child_ = -1;
  int master_ = -1;
  std::string seen_;
};

}  // namespace iommulab::step_test
