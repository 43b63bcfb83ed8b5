// SPDX-License-Identifier: GPL-2.0-only
//
// What each command does. An error is a sentence about what was typed, or about a run that cannot
// be had again; then nothing has changed.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace iommulab::step {

class stepper;

// move_commands.cc
absl::Status do_step(stepper& on, std::string_view arguments);
absl::Status do_next(stepper& on, std::string_view arguments);
absl::Status do_finish(stepper& on, std::string_view arguments);
absl::Status do_continue(stepper& on, std::string_view arguments);
absl::Status do_until(stepper& on, std::string_view arguments);
absl::Status do_advance(stepper& on, std::string_view arguments);
absl::Status do_run(stepper& on, std::string_view arguments);
absl::Status do_reverse_step(stepper& on, std::string_view arguments);
absl::Status do_reverse_next(stepper& on, std::string_view arguments);
absl::Status do_reverse_finish(stepper& on, std::string_view arguments);
absl::Status do_reverse_continue(stepper& on, std::string_view arguments);
absl::Status do_goto(stepper& on, std::string_view arguments);
absl::Status do_when(stepper& on, std::string_view arguments);
absl::Status do_origin(stepper& on, std::string_view arguments);

// stop_commands.cc
absl::Status do_break(stepper& on, std::string_view arguments);
absl::Status do_tbreak(stepper& on, std::string_view arguments);
absl::Status do_watch(stepper& on, std::string_view arguments);
absl::Status do_rwatch(stepper& on, std::string_view arguments);
absl::Status do_awatch(stepper& on, std::string_view arguments);
absl::Status do_delete(stepper& on, std::string_view arguments);
absl::Status do_enable(stepper& on, std::string_view arguments);
absl::Status do_disable(stepper& on, std::string_view arguments);
absl::Status do_ignore(stepper& on, std::string_view arguments);

// show_commands.cc
absl::Status do_print(stepper& on, std::string_view arguments);
absl::Status do_display(stepper& on, std::string_view arguments);
absl::Status do_undisplay(stepper& on, std::string_view arguments);
absl::Status do_backtrace(stepper& on, std::string_view arguments);
absl::Status do_up(stepper& on, std::string_view arguments);
absl::Status do_down(stepper& on, std::string_view arguments);
absl::Status do_frame(stepper& on, std::string_view arguments);
absl::Status do_list(stepper& on, std::string_view arguments);

// info_command.cc
absl::Status do_info(stepper& on, std::string_view arguments);

// own_commands.cc
absl::Status do_set(stepper& on, std::string_view arguments);
absl::Status do_help(stepper& on, std::string_view arguments);
absl::Status do_quit(stepper& on, std::string_view arguments);

}  // namespace iommulab::step
