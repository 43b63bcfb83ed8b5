// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's command line: its words, and the handlers that a subsystem registers for them.
//
// Handlers run in the order of the command line, whatever the order of registration: all
// early_param() handlers in a first pass, all __setup() handlers in a second one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/printk.h"

namespace iommulab {

/// One word: "quiet" has no value, "console=" an empty one.
struct command_line_word {
  std::string name;
  std::optional<std::string> value;
  bool operator==(const command_line_word&) const = default;
};

/// Splits a line as Linux v4.4 kernel/params.c: next_arg() does: at blanks outside double quotes.
/// Quotes around a whole word or around a value are dropped, others kept. "--" ends the kernel's
/// part of the line.
std::vector<command_line_word> parse_command_line(std::string_view line);

class command_line {
 public:
  /// Gets the value, or nothing for a bare word. Not 0: the option is malformed.
  using early_handler = std::function<int(std::optional<std::string_view> value)>;
  /// Gets what follows the registered prefix. Not 0: it is dealt with, no further handler sees
  /// it.
  using setup_handler = std::function<int(std::string_view rest)>;

  /// early_param(name, …): called for each word of that name; '-' and '_' are the same.
  void early_param(std::string name, early_handler handler);
  /// __setup(prefix, …), e.g. "intel_iommu=": called for each word that begins with it and that
  /// is no early parameter.
  void setup(std::string prefix, setup_handler handler);

  /// Calls the handlers for `line`. A handler's complaint about an early parameter is logged in
  /// the kernel's words. Unknown words are passed over.
  void dispatch(std::string_view line, printk_log& log) const {
    dispatch_early(line, log);
    dispatch_setup(line);
  }
  // The two passes apart, for what happens in between. Linux v4.4 init/main.c: parse_early_param(),
  // and unknown_bootoption() of start_kernel()
  void dispatch_early(std::string_view line, printk_log& log) const;
  void dispatch_setup(std::string_view line) const;

 private:
  struct early_entry {
    std::string name;
    early_handler handler;
  };
  struct setup_entry {
    std::string prefix;
    setup_handler handler;
  };
  [[nodiscard]] bool is_early(std::string_view name) const;

  std::vector<early_entry> early_;
  std::vector<setup_entry> setup_;
};

}  // namespace iommulab
