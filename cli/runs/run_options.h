// SPDX-License-Identifier: GPL-2.0-only
//
// The options of commands that run a kernel and show what it does: --kernel, --machine, --cmdline,
// --trace, --until, --dump, --json, --sanitize, --diff. In every such command they mean the same.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "core/status.h"
#include "core/trace_class.h"
#include "lab/events/run_sink.h"

namespace iommulab {

/// Where a command keeps the options that say which system runs, as given.
struct system_options {
  std::vector<std::string>& kernels;        ///< empty: see choose_kernel()
  std::vector<std::string>& machines;       ///< empty: the command's default
  std::vector<std::string>& dmar_files;     ///< empty: the machines' own tables
  std::vector<std::string>& command_lines;  ///< empty: the machine's own
};
/// All options.
struct run_options : system_options {
  std::string& trace;  ///< words of --trace, empty without it
  std::string& until;
  std::string& dump;  ///< words of --dump, empty without it
  bool& json;
  bool& sanitize;
  bool& diff;
};
template <typename Arguments>
run_options run_options_of(Arguments& a) {
  return {{a.kernels, a.machines, a.dmar_files, a.command_lines},
          a.trace,
          a.until,
          a.dump,
          a.json,
          a.sanitize,
          a.diff};
}

/// What differs from command to command in the help.
struct run_option_words {
  std::string machine;       ///< what the default of --machine is
  std::string command_line;  ///< what the default of --cmdline is
  std::string runs;          ///< "boots": what --diff has two of; empty without --diff
  std::string sanitize;      ///< what --sanitize checks, a sentence
};
/// The options in their order, in three steps, so that a command's own may stand between them.
void add_system_options(CLI::App& command, const system_options& options,
                        const run_option_words& words);
void add_until_option(CLI::App& command, std::string& until);
void add_trace_flag(CLI::App& command, std::string& trace);
void add_trace_options(CLI::App& command, const run_options& options);
void add_report_options(CLI::App& command, const run_options& options,
                        const run_option_words& words);

/// EINVAL, with the one that may be meant, for a name that no traced function has.
absl::Status check_function(std::string_view option, const std::string& given);

/// EINVAL in a build without tracing, for what needs events.
absl::Status check_tracing();
/// EINVAL with the sentence for options that do not go together, or name a function that is none.
absl::Status check_run_options(const run_options& options);
/// Those of --trace, given its words; none without it.
absl::StatusOr<trace_class> trace_classes_of(const std::string& trace);

/// The value for the first or second run; one that is given once is for both. Not of an empty list.
std::string value_for_run(const std::vector<std::string>& values, size_t which);

/// Says that the function of --until did not return, and whether it was called.
void complain_of_until(std::string_view function, bool entered, std::string_view where,
                       std::ostream& err);
/// Whether the function of --until was not seen to return; says so then. `where` is "in this boot".
bool until_missed(const run_sink& sink, std::string_view where, std::ostream& err);

}  // namespace iommulab
