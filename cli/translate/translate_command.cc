// SPDX-License-Identifier: GPL-2.0-only
#include "cli/translate/translate_command.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/kernels/command_line_words.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "cli/runs/run_options.h"
#include "cli/runs/script_choice.h"
#include "cli/translate/translate_report.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

/// The machine that was named; without a name, the one whose tables were dumped, as far as its
/// capture lies around the dump.
std::string machine_name(const translate_arguments& arguments) {
  if (!arguments.machine.empty()) return arguments.machine;
  if (!arguments.tables.empty() && !is_descriptor(arguments.tables)) {
    const std::filesystem::path folder = std::filesystem::path(arguments.tables).parent_path();
    if (source_exists((folder / "pci.txt").string())) {
      return folder.empty() ? std::string(".") : folder.string();
    }
  }
  return default_machine;
}

absl::StatusOr<translate_report> report_after_script(const translate_arguments& arguments) {
  if (!arguments.tables.empty()) {
    return refuse("--tables and --script both say which tables are walked: give one of them");
  }
  auto request = choose_script({arguments.script, arguments.kernel, arguments.machine,
                                arguments.dmar_file, arguments.command_line});
  if (!request.ok()) return request.status();
  return walk_after_script(*std::move(request), arguments.device, arguments.address,
                           arguments.write ? dma_access::write : dma_access::read);
}

absl::StatusOr<translate_report> report_of(const translate_arguments& arguments) {
  if (!arguments.script.empty()) return report_after_script(arguments);
  if (parse_script_place(arguments.address)) {
    return refuse(
        absl::StrFormat("ADDRESS is %s: buffers have handles in a script only; name it "
                        "with --script",
                        iommulab::quoted(arguments.address)));
  }
  translate_request request;
  const auto device = parse_device(arguments.device);
  if (!device.ok()) return device.status();
  const auto address = parse_dma_address(arguments.address);
  if (!address.ok()) return address.status();
  const std::string name = machine_name(arguments);
  auto machine = choose_machine(name, arguments.dmar_file);
  if (!machine.ok()) return machine.status();
  const auto kernel = choose_kernel(arguments.kernel, name);
  if (!kernel.ok()) return kernel.status();
  request.kernel = *kernel;
  request.machine = *std::move(machine);
  if (arguments.command_line) request.machine.command_line = *arguments.command_line;
  request.tables = arguments.tables;
  request.device = *device;
  request.address = *address;
  request.access = arguments.write ? dma_access::write : dma_access::read;
  return walk_of(std::move(request));
}

}  // namespace

int run_translate_command(const translate_arguments& arguments, std::ostream& out,
                          std::ostream& err) {
  const auto report = report_of(arguments);
  if (!report.ok()) return complain(err, report.status());
  note_words(err, *report->kernel, arguments.command_line.value_or(std::string()));
  out << (arguments.json ? translate_json(*report) : translate_text(*report));
  return static_cast<int>(report->walk.ok() ? exit_code::good : exit_code::finding);
}

void add_translate_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<translate_arguments>();
  CLI::App* const command = app.add_subcommand(
      "translate", "Follow one DMA address of a device through the tables, entry by entry");
  command->add_option("BDF", a->device, "The device: 00:1f.2, or with its segment 0000:00:1f.2")
      ->required();
  command
      ->add_option("ADDRESS", a->address,
                   "The address it puts on the bus: hexadecimal, as the kernel prints it, "
                   "with or without 0x")
      ->required();
  add_kernel_option(*command, a->kernel);
  command
      ->add_option(
          "--machine", a->machine,
          absl::StrCat(machine_option_words,
                       "; default the capture that the dump of --tables lies in, else q35"))
      ->type_name("NAME|DIR");
  add_dmar_option(*command, a->dmar_file);
  command
      ->add_option("--cmdline", a->command_line,
                   "The kernel's command line; default intel_iommu=on, or the capture's")
      ->type_name("TEXT");
  command
      ->add_option("--tables", a->tables,
                   "Walk this dump of tables (pt-MARK.txt of a capture) instead of those that "
                   "start-up makes")
      ->type_name("FILE");
  command
      ->add_option("--script", a->script,
                   "Run this script of DMA operations first (see `iommulab dma`) and walk the "
                   "tables that it leaves; BDF may then be the script's d0, ADDRESS its buffer h1 "
                   "or h1+OFFSET")
      ->type_name("FILE");
  command
      ->add_option_function<std::string>(
          "--access", [a](const std::string& access) { a->write = access == "write"; },
          "What the device does; default read")
      ->check(CLI::IsMember({"read", "write"}).description(""))
      ->type_name("read|write");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "Exit status: 0 the request reaches memory or is an interrupt; 1 it is blocked; 2 bad use or "
      "input.");
  command->callback(
      [a, &exit_status] { exit_status = run_translate_command(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
