// SPDX-License-Identifier: GPL-2.0-only
//
// Every command with its help. Within a group they stand as help lists them.
#include <array>

#include "cli/step/commands/command.h"
#include "cli/step/commands/handlers.h"

namespace iommulab::step {
namespace {

using enum command_group;

constexpr std::array all_commands = std::to_array<command>({
    // --- forwards ---
    {"step", "s", forwards, "[N]", "To the next event, into a function that is called.",
     "An event is whatever a trace shows: a call, its return, a register access, a table's entry,\n"
     "a descriptor, a line of the log. With N so many times. `set events` leaves kinds out.",
     operand::nothing, true, do_step},
    {"next", "n", forwards, "[N]",
     "To the next event of this function; a call is passed as a whole.",
     "What stops within the call (break, watch) stops here too.", operand::nothing, true, do_next},
    {"finish", "fin", forwards, "", "Behind the return of the selected function.",
     "Prints what it returned.", operand::nothing, true, do_finish},
    {"continue", "c fg", forwards, "[N]", "On to what stops it next, or to the end.",
     "With N what stopped it last is passed over N-1 times.", operand::nothing, true, do_continue},
    {"until", "u", forwards, "[FUNCTION|N]",
     "As next, past more of the same; or to a function's call.",
     "Alone it passes events of one kind, or calls of one function, that follow one another: out "
     "of\n"
     "a loop. With a function it goes to its next call, with N to event N, but no further than "
     "the\n"
     "return of the selected function.",
     operand::position, true, do_until},
    {"advance", "", forwards, "FUNCTION|N", "To a function's next call, or to event N.", "",
     operand::position, true, do_advance},
    {"run", "r", forwards, "", "From the beginning on to what stops it first.", "",
     operand::nothing, false, do_run},
    // --- backwards ---
    {"reverse-step", "rs", backwards, "[N]", "To the event before.", "", operand::nothing, true,
     do_reverse_step},
    {"reverse-next", "rn", backwards, "[N]",
     "To the event before; a call that has returned is undone as a whole.", "", operand::nothing,
     true, do_reverse_next},
    {"reverse-finish", "rf", backwards, "", "To before the call of the selected function.", "",
     operand::nothing, true, do_reverse_finish},
    {"reverse-continue", "rc", backwards, "", "Back to what stops it, or to the beginning.",
     "A watchpoint stops behind the event that changed the value, as it does forwards.",
     operand::nothing, true, do_reverse_continue},
    {"goto", "", backwards, "N|start|end", "To event N, whatever is on the way.", "",
     operand::position, false, do_goto},
    {"when", "", backwards, "", "Where this is: event, time, function.", "", operand::nothing, true,
     do_when},
    {"origin", "o", backwards, "EXPRESSION", "To the event that set a value.",
     "Once more, or an empty line, goes on to the event that set it before that one.",
     operand::expression, true, do_origin},
    // --- stops ---
    {"break", "b br bre brea", stops, "WHAT", "Stops at a function's call, a log line, or a fault.",
     "break FUNCTION                    at each call of it, by the kernel's exact name\n"
     "break FUNCTION if NAME==VALUE     with this argument; == != < > <= >=, & for a bit in "
     "common;\n"
     "                                  several with &&\n"
     "break FUNCTION returns            at its return; `if ret!=0` is about the result\n"
     "break FUNCTION nth N              at the Nth call from here on\n"
     "break log TEXT                    at a log line that has the text in it\n"
     "break fault [REASON|DEVICE]       at a fault: any, of a reason, of a device",
     operand::stop, false, do_break},
    {"tbreak", "tb", stops, "WHAT", "The same, once.", "", operand::stop, false, do_tbreak},
    {"watch", "wa", stops, "WHAT", "Stops when a value becomes another.",
     "watch EXPRESSION                  reg GSTS.TES, pte 00:05.0 0xfffff000, context 00:05.0 …\n"
     "watch queue [UNIT]                at each descriptor that the unit fetches\n"
     "watch iova [LO[-HI]]              when page frames are given out, taken back or reserved",
     operand::watch, false, do_watch},
    {"rwatch", "rw", stops, "REGISTER", "Stops when the driver reads a register: rwatch reg GSTS.",
     "", operand::watch, false, do_rwatch},
    {"awatch", "aw", stops, "REGISTER", "Stops when the driver reads or writes a register.", "",
     operand::watch, false, do_awatch},
    {"delete", "d", stops, "[N...]", "Takes stops away, all without a number.", "",
     operand::stop_number, false, do_delete},
    {"enable", "en", stops, "[N...]", "Lets them stop it again.", "", operand::stop_number, false,
     do_enable},
    {"disable", "dis", stops, "[N...]", "Keeps them, and passes over them.", "",
     operand::stop_number, false, do_disable},
    {"ignore", "", stops, "N COUNT", "Passes over the next COUNT times of stop N.", "",
     operand::stop_number, false, do_ignore},
    // --- looking ---
    {"print", "p inspect", looking, "[--json] EXPRESSION",
     "What a structure, a register, a table's entry says.",
     "GSTS.TES, dmar0.FSTS, reg GSTS        registers and their fields\n"
     "g_iommus[0]->agaw, list_size          the driver's variables, by the kernel's names\n"
     "dmar_domain[dmar0:2].iovad            a structure by its name, iommu_group[3] by its number\n"
     "device_domain_info[00:05.0]           ... by its device; iova_domain alone: all of a kind\n"
     "root dmar0 00, context 00:05.0        entries of tables in memory\n"
     "pte 00:05.0 0xfffff000                ... at the lowest level that there is\n"
     "walk 00:05.0 0xfffff000 [write]       where an address leads\n"
     "registers, caches, queue [UNIT]       of a unit; what is stale in its caches; its ring\n"
     "pages, log                            who owns which page; the kernel's log\n"
     "With --json it is a document for programs.",
     operand::expression, true, do_print},
    {"display", "", looking, "[EXPRESSION]", "Prints it at every stop; alone all of them now.", "",
     operand::expression, true, do_display},
    {"undisplay", "und", looking, "[N...]", "No longer, all without a number.", "",
     operand::display_number, false, do_undisplay},
    {"info", "i inf", looking, "SUBJECT", "Lists stops, functions, devices, groups, events ...",
     "info breakpoints, display             what stops it, what is displayed\n"
     "info functions [PATTERN]              those that can be named, by a regular expression\n"
     "info devices, groups, domains, units  a line each\n"
     "info registers [UNIT]                 by field\n"
     "info log                              the kernel's log up to here\n"
     "info events [FIRST [LAST]]            the trace, around here without numbers\n"
     "info position                         as `when`",
     operand::subject, true, do_info},
    {"backtrace", "bt where", looking, "[N]", "The functions that are open, innermost first.",
     "With their arguments, and the event at which each was called.", operand::nothing, true,
     do_backtrace},
    {"up", "", looking, "[N]", "Selects the function that called this one.",
     "finish and list are about the selected function.", operand::nothing, true, do_up},
    {"down", "dow", looking, "[N]", "Selects the function that this one called.", "",
     operand::nothing, true, do_down},
    {"frame", "f", looking, "[N]", "Selects function N of the backtrace.", "", operand::nothing,
     true, do_frame},
    {"list", "l", looking, "[FUNCTION]", "The source of the selected function, or of another.",
     "An empty line goes on with it.", operand::function, true, do_list},
    // --- the stepper itself ---
    {"set", "", own, "events CLASS,...", "Which events step and next stop at; first it is all.",
     "Classes are calls, regs, tables, queue, iova, pages, faults, log, domains, devices, unit,\n"
     "answers, all. Faults and log lines are shown with any choice.",
     operand::setting, false, do_set},
    {"help", "h", own, "[COMMAND]", "This, or more of one command.", "", operand::command_name,
     false, do_help},
    {"quit", "q exit", own, "", "Ends it.", "", operand::nothing, false, do_quit},
});

}  // namespace

absl::Span<const command> commands() {
  return all_commands;
}

}  // namespace iommulab::step
