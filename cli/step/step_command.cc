// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/step_command.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/output/assumptions.h"
#include "cli/output/complain.h"
#include "cli/step/commands/command.h"
#include "cli/step/commands/completion.h"
#include "cli/step/lines/command_lines.h"
#include "cli/step/session/stepper.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

using step::command_lines;
using step::stepper;

constexpr int bad_use = static_cast<int>(exit_code::bad_use);

/// What a line says, done.
absl::Status do_line(stepper& on, std::string_view line) {
  const step::typed_line typed = step::split_line(line);
  if (typed.word.empty()) return absl::OkStatus();
  const auto command = step::command_named(typed.word);
  return command.ok() ? (*command)->run(on, typed.arguments) : command.status();
}

/// A script: the first command that cannot be done ends it, with the place of its line.
absl::Status run_script_lines(stepper& on, command_lines& lines) {
  while (!on.quit) {
    const auto line = lines.next();
    if (!line) break;
    const absl::Status status = do_line(on, *line);
    if (!status.ok()) return refuse(absl::StrCat(lines.place(), ": ", status.message()));
  }
  return absl::OkStatus();
}

/// Somebody types: an error is told and that is all, an empty line does the last command again.
void run_typed_lines(stepper& on, command_lines& lines, std::ostream& err) {
  std::string last;
  while (!on.quit) {
    on.out() << std::flush;
    auto line = lines.next();
    if (!line) return;
    const step::typed_line typed = step::split_line(*line);
    if (typed.word.empty()) {
      if (!line->empty() && line->find('#') != std::string::npos) continue;
      line = last;
    } else {
      const auto command = step::command_named(typed.word);
      last = command.ok() && (*command)->repeats ? *line : std::string();
    }
    const absl::Status status = do_line(on, *line);
    if (!status.ok()) err << status.message() << '\n' << std::flush;
  }
}

absl::StatusOr<std::unique_ptr<command_lines>> lines_of(const step_arguments::given& given) {
  if (!given.is_file) return std::make_unique<step::given_line>(given.text);
  const auto text = read_text_file(given.text);
  if (!text.ok()) return text.status();
  const text_source source{source_name(given.text), *text};
  std::vector<std::string> lines;
  for (const std::string_view line : source.lines()) lines.emplace_back(line);
  return std::make_unique<step::listed_lines>(source.name, std::move(lines));
}

absl::Status run_given(stepper& on, const std::vector<step_arguments::given>& all) {
  for (const step_arguments::given& each : all) {
    if (on.quit) break;
    auto lines = lines_of(each);
    if (!lines.ok()) return lines.status();
    if (absl::Status status = run_script_lines(on, **lines); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool somebody_types(std::istream& in) {
  return &in == &std::cin && isatty(STDIN_FILENO) != 0;
}

}  // namespace

int run_step_command(const step_arguments& a, std::istream& in, std::ostream& out,
                     std::ostream& err) {
  const auto run = chosen_run(a.run);
  if (!run.ok()) return complain(err, run.status());
  const auto begun = stepper::begin(**run, out);
  if (!begun.ok()) return complain(err, begun.status());
  stepper& on = **begun;
  out << assumptions_text((*run)->assumed());
  if (absl::Status status = run_given(on, a.first); !status.ok()) return complain(err, status);
  if (a.batch || on.quit) return static_cast<int>(exit_code::good);
  if (!somebody_types(in)) {
    step::streamed_lines lines(in, standard_input_name);
    const absl::Status status = run_script_lines(on, lines);
    return status.ok() ? static_cast<int>(exit_code::good) : complain(err, status);
  }
  out << (*run)->title() << ". `help` lists the commands.\n" << std::flush;
  const auto complete = [&on](const std::string& text) { return complete_command(on, text); };
  const auto lines = isatty(STDOUT_FILENO) != 0 ? step::terminal_lines(in, out, complete)
                                                : std::make_unique<step::prompted_lines>(in, out);
  run_typed_lines(on, *lines, err);
  return static_cast<int>(exit_code::good);
}

namespace {

/// -x and -ex in the order in which they were given.
std::vector<step_arguments::given> given_to(const CLI::App& command) {
  std::vector<step_arguments::given> all;
  std::map<const CLI::Option*, size_t> taken;
  for (const CLI::Option* option : command.parse_order()) {
    const bool is_file = option->check_lname("command");
    if (!is_file && !option->check_lname("ex")) continue;
    all.push_back({is_file, option->results().at(taken[option]++)});
  }
  return all;
}

}  // namespace

void add_step_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<step_arguments>();
  CLI::App* const command =
      app.add_subcommand("step", "Go through a run event by event, forwards and backwards");
  const auto commands = std::make_shared<std::vector<const CLI::App*>>();
  const auto more = [&](CLI::App& one) {
    constexpr const char* group = "Stepper";
    commands->push_back(&one);
    one.add_option("-x,--command", "Do the stepper's commands in this file first")
        ->type_name("FILE")
        ->expected(1)
        ->take_all()
        ->group(group);
    one.add_option("--ex", "Do this command of the stepper's first; -ex is the same")
        ->type_name("COMMAND")
        ->expected(1)
        ->take_all()
        ->group(group);
    one.add_flag("--batch", a->batch, "End behind those commands")->group(group);
    one.footer(
        "Other commands come from standard input; `help` there lists them. Exit status: 0 good; 2 "
        "bad use or input, or a command of a script that cannot be done.");
  };
  add_run_choices(*command, a->run, more, [a, commands, &exit_status] {
    for (const CLI::App* each : *commands) {
      if (each->parsed()) a->first = given_to(*each);
    }
    exit_status = run_step_command(*a, std::cin, std::cout, std::cerr);
  });
}

}  // namespace iommulab
