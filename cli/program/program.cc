// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/program.h"

#include <utility>

#include "cli/boot/boot_command.h"
#include "cli/dma/dma_command.h"
#include "cli/dmar/dmar_command.h"
#include "cli/fault/fault_command.h"
#include "cli/groups/groups_command.h"
#include "cli/iova/iova_command.h"
#include "cli/kernels/kernels_command.h"
#include "cli/machines/machines_command.h"
#include "cli/pagetable/pagetable_command.h"
#include "cli/program/reference_command.h"
#include "cli/program/run_program.h"
#include "cli/serve/serve_command.h"
#include "cli/step/step_command.h"
#include "cli/tours/tour_command.h"
#include "cli/trace/trace_command.h"
#include "cli/translate/translate_command.h"
#include "cli/verify/verify_command.h"
#include "cli/vfio/vfio_command.h"
#include "cli/view/view_command.h"

namespace iommulab {
namespace {

constexpr const char* version_text = "iommulab " IOMMULAB_VERSION;

bool any_command(const CLI::App* /*command*/) {
  return true;
}

/// The placeholder lists the words already.
CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::IsMember(std::move(words)).description("");
}

/// An empty value is a variable of a script that was not set. A kernel's command line may be empty.
void refuse_empty_values(CLI::App& command) {
  const CLI::Validator not_empty(
      [](const std::string& value) {
        return std::string(value.empty() ? "the value is empty" : "");
      },
      "");
  for (CLI::Option* option : command.get_options()) {
    if (takes_value(*option) && !option->check_lname("cmdline")) option->check(not_empty);
  }
}

/// An option that may be repeated has one value each time: the word behind that is an argument.
void take_values_as_told(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    const bool is_fixed = option->get_items_expected_min() == option->get_items_expected_max();
    if (takes_value(*option) && is_fixed) option->allow_extra_args(false);
  }
}

void add_output_options(CLI::App& command, output_options& output) {
  constexpr const char* group = "Output";
  command
      .add_option_function<std::string>(
          "--color",
          [&output](const std::string& when) {
            output.colour = when == "always"  ? colour_choice::always
                            : when == "never" ? colour_choice::never
                                              : colour_choice::automatic;
          },
          "Colours; auto, the default: on a terminal, unless NO_COLOR is set")
      ->check(one_of({"auto", "always", "never"}))
      ->type_name("auto|always|never")
      ->group(group);
  command
      .add_flag_callback(
          "--no-pager", [&output] { output.page = false; },
          "Do not show long output on a terminal in $PAGER (less)")
      ->group(group);
}

/// The same option has the same placeholder in every command; an argument's name is its own.
void name_values(CLI::App& command) {
  static constexpr std::pair<const char*, const char*> placeholders[] = {
      {"--machine", "NAME|DIR"}, {"--kernel", "NAME"},   {"--cmdline", "TEXT"},
      {"--allocator", "NAME"},   {"--workload", "NAME"}, {"--output", "FILE"},
  };
  for (const auto& [name, placeholder] : placeholders) {
    CLI::Option* option = command.get_option_no_throw(name);
    if (option != nullptr && takes_value(*option)) option->type_name(placeholder);
  }
  for (CLI::Option* option : command.get_options()) {
    if (option->get_positional() && option->get_type_name() == "TEXT") option->type_name("");
  }
}

/// What every command has, down to the last.
void complete(CLI::App& command, output_options& output) {
  name_values(command);
  refuse_empty_values(command);
  take_values_as_told(command);
  if (command.get_option_no_throw("--version") == nullptr) {
    command.set_version_flag("--version", version_text, "Print the program's version and exit");
  }
  add_output_options(command, output);
  for (CLI::App* below : command.get_subcommands(any_command)) complete(*below, output);
}

}  // namespace

void describe_program(CLI::App& app, int& exit_status, output_options& output) {
  app.require_subcommand(1);
  add_boot_command(app, exit_status);
  add_dma_command(app, exit_status);
  add_dmar_command(app, exit_status);
  add_fault_command(app, exit_status);
  add_iova_command(app, exit_status);
  add_kernels_command(app, exit_status);
  add_groups_command(app, exit_status);
  add_machines_command(app, exit_status);
  add_pagetable_command(app, exit_status);
  add_step_command(app, exit_status);
  const auto program = [](std::vector<std::string> words) {
    output_options of_its_own;
    return run_program(std::move(words), of_its_own);
  };
  add_tour_command(app, exit_status, program);
  add_trace_command(app, exit_status);
  add_translate_command(app, exit_status);
  add_verify_command(app, exit_status);
  add_serve_command(app, exit_status);
  add_vfio_command(app, exit_status);
  add_view_command(app, exit_status, program);
  add_reference_command(app, exit_status);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.get_formatter()->label("Subcommands", "Commands");
  app.footer(
      "`iommulab help COMMAND` explains one. Exit status: 0 good; 1 a finding; 2 bad use or "
      "input.");
  complete(app, output);
}

std::vector<const CLI::App*> commands_of(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App* below) { return !below->get_group().empty(); });
}

std::string full_name(const CLI::App& command, const std::string& between) {
  const CLI::App* above = command.get_parent();
  return above == nullptr ? command.get_name()
                          : full_name(*above, between) + between + command.get_name();
}

std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  return command.get_options(
      [](const CLI::Option* o) { return o->nonpositional() && !o->get_group().empty(); });
}

std::vector<const CLI::Option*> arguments_of(const CLI::App& command) {
  return command.get_options(
      [](const CLI::Option* o) { return o->get_positional() && !o->get_group().empty(); });
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

}  // namespace iommulab
