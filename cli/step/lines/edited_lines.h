// SPDX-License-Identifier: GPL-2.0-only
//
// Lines from a terminal through libedit: edited, remembered, completed.
//
// libedit writes what is typed to the terminal itself; control bytes in it are shown as ^X. All
// else goes through the stream that everything else of the program goes through.
#pragma once

#include <histedit.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "cli/step/lines/command_lines.h"

namespace iommulab::step {

class edited_lines final : public command_lines {
 public:
  /// `out` is standard output and outlives the object. Null where libedit cannot use the terminal.
  static std::unique_ptr<edited_lines> make(std::ostream& out, completer complete);

  std::optional<std::string> next() override;
  [[nodiscard]] std::string place() const override { return {}; }

 private:
  struct file_end {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct editor_end {
    void operator()(EditLine* editor) const { el_end(editor); }
  };
  struct history_end_of {
    void operator()(History* lines) const { history_end(lines); }
  };
  using file = std::unique_ptr<std::FILE, file_end>;

  edited_lines(std::ostream& out, completer complete) : out_(out), complete_(std::move(complete)) {}
  bool begin();
  void remember(const std::string& line);
  void offer(const std::vector<std::string>& words);

  static unsigned char on_tab(EditLine* editor, int key);
  static unsigned char on_interrupt(EditLine* editor, int key);
  static unsigned char on_suspend(EditLine* editor, int key);
  static char* prompt_of(EditLine* editor);

  std::ostream& out_;
  completer complete_;
  file in_;
  file shown_;
  file errors_;
  std::unique_ptr<History, history_end_of> history_;
  std::unique_ptr<EditLine, editor_end> editor_;
  std::string history_file_;  ///< empty: lines are remembered as long as the program runs
  bool given_up_ = false;
};

/// Where lines are kept from run to run: $XDG_STATE_HOME/iommulab/step_history, which is below
/// ~/.local/state without the variable. The folder is made; empty when it cannot be.
std::string history_file();

}  // namespace iommulab::step
