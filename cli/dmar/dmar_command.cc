// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dmar/dmar_command.h"

#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/dmar/dmar_json.h"
#include "cli/dmar/dmar_text.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/assumptions.h"
#include "cli/output/complain.h"
#include "cli/output/write_file.h"
#include "core/status.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_surroundings.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/firmware_check.h"
#include "platform/machine/memory_map.h"

namespace iommulab {
namespace {

/// A table's bytes, what to call them, and what they are judged with.
struct table_input {
  std::string name;
  std::vector<uint8_t> bytes;
  std::optional<machine_config> machine;
  const kernel_profile* kernel = nullptr;
};

std::string why_without_table(const std::string& machine) {
  const auto files = found_files(machine);
  const bool is_hidden = files && files->hides_table(dmar_layout::signature);
  return is_hidden ? ": its DMAR table is for root alone" : ": its firmware offers no DMAR table";
}

absl::StatusOr<table_input> read_input(const dmar_arguments& a) {
  if (a.file.empty() && a.machine.empty()) {
    return refuse(
        "dmar takes a FILE (- for standard input), or --machine for that machine's table");
  }
  table_input input;
  const auto kernel = named_kernel(a.kernel);
  if (!kernel.ok()) return kernel.status();
  input.kernel = *kernel != nullptr ? *kernel : &kernel_about(a.file.empty() ? a.machine : a.file);
  if (!a.machine.empty()) {
    absl::StatusOr<machine_config> machine = choose_machine(a.machine);
    if (!machine.ok()) return machine.status();
    input.machine = *std::move(machine);
  }
  if (!a.memory_map.empty()) {
    absl::StatusOr<std::vector<memory_range>> map = read_memory_map(a.memory_map);
    if (!map.ok()) return map.status();
    if (!input.machine) input.machine.emplace();
    input.machine->firmware_map = *std::move(map);
  }
  if (a.file.empty()) {
    input.name = absl::StrFormat("machine %s", input.machine->name);
    input.bytes = input.machine->dmar_table;
    if (input.bytes.empty()) return refuse(input.name + why_without_table(a.machine));
    return input;
  }
  input.name = a.file == "-" ? "standard input" : a.file;
  absl::StatusOr<std::vector<uint8_t>> bytes = read_dmar_file(a.file);
  if (!bytes.ok()) return bytes.status();
  input.bytes = *std::move(bytes);
  return input;
}

/// With a machine all is known of it; of a memory map alone, where units are is not.
dmar_table judge(const table_input& input, bool units_known) {
  if (input.machine && units_known) return decode_dmar_of(input.bytes, *input.machine);
  dmar_table table = decode_dmar(input.bytes);
  if (input.machine && table.decodable) check_against_memory(table, input.machine->firmware_map);
  return table;
}

int write_out(const std::string& path, const std::vector<uint8_t>& bytes, std::ostream& out,
              std::ostream& err) {
  const std::string content(bytes.begin(), bytes.end());
  if (path == "-") {
    out << content;
    return static_cast<int>(exit_code::good);
  }
  const absl::Status written = write_file(path, content);
  return written.ok() ? static_cast<int>(exit_code::good) : complain(err, written);
}

}  // namespace

int run_dmar(const dmar_arguments& arguments, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<table_input> input = read_input(arguments);
  if (!input.ok()) return complain(err, input.status());

  const dmar_table table = judge(*input, !arguments.machine.empty());
  if (!table.decodable) return complain(err, refusal_of(input->name, table.findings.back()));
  if (!arguments.output.empty()) return write_out(arguments.output, input->bytes, out, err);

  const std::vector<std::string> assumed =
      input->machine ? input->machine->assumed : std::vector<std::string>();
  out << (arguments.json ? dmar_to_json(table, input->name, *input->kernel, assumed)
                         : dmar_to_text(table, input->name, *input->kernel));
  if (!arguments.json && !assumed.empty()) out << '\n' << assumptions_text(assumed);
  const auto damage =
      absl::c_find_if(table.findings, [](const dmar_finding& f) { return is_damage(f.id); });
  if (damage != table.findings.end()) return complain(err, refusal_of(input->name, *damage));
  return static_cast<int>(table.has(diagnosis_severity::warning) ? exit_code::finding
                                                                 : exit_code::good);
}

void add_dmar_command(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<dmar_arguments>();
  CLI::App* const command =
      app.add_subcommand("dmar", "Show a DMAR table field by field, and what is wrong with it");
  const auto not_empty = [](const std::string& value) {
    return std::string(value.empty() ? "the value is empty" : "");
  };
  command
      ->add_option(
          "FILE", arguments->file,
          "The table: raw, as the kernel's sysfs has it, or the text of acpidump; plain or "
          "compressed; - is standard input. Without it, the table of --machine")
      ->check(not_empty);
  add_kernel_option(*command, arguments->kernel);
  command
      ->add_option("--machine", arguments->machine,
                   absl::StrCat(machine_option_words,
                                "; the table is judged with its memory, units and I/O APICs"))
      ->check(not_empty)
      ->type_name("NAME|DIR");
  command
      ->add_option("--memory-map", arguments->memory_map,
                   "Judge the table with this memory map: a log with BIOS-e820 lines, or "
                   "/proc/iomem as root reads it")
      ->check(not_empty)
      ->type_name("FILE");
  command
      ->add_option("--output,-o", arguments->output,
                   "Write the table, raw, into this file instead of showing it; - is standard "
                   "output")
      ->check(not_empty)
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(
      "Exit status: 0 good; 1 decoded whole, with warnings or errors; 2 no DMAR table, or one that "
      "is cut short or whose lengths lead nowhere: what can be decoded is shown.");
  command->callback(
      [arguments, &exit_status] { exit_status = run_dmar(*arguments, std::cout, std::cerr); });
}

}  // namespace iommulab
