// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_command.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/fault/fault_report.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

void add_text(const text_source& source, fault_collector& faults) {
  size_t number = 0;
  for (const std::string_view line : source.lines()) {
    faults.add(line, absl::StrFormat("line %d of %s", ++number, source.name));
  }
  faults.finish();
}

/// A line that was given as an argument; what two arguments say may be one message.
absl::Status add_argument(const std::string& text, size_t number, fault_collector& faults) {
  const text_source lines{absl::StrFormat("argument %d", number), text};
  for (const std::string_view line : lines.lines()) {
    const auto parsed = parse_fault_line(line);
    if (!parsed.ok()) return parsed.status();
    if (*parsed) {
      if ((*parsed)->kind == fault_kind::foreign) {
        return errno_status(EINVAL, absl::StrFormat("%s is a line of %s, not of Intel VT-d, whose "
                                                    "faults are explained here",
                                                    iommulab::quoted(line), (*parsed)->subject));
      }
      faults.add(line, lines.name);
      continue;
    }
    if (lines.lines().size() > 1) continue;
    return errno_status(EINVAL,
                        absl::StrFormat("%s is neither a file nor a line about a DMAR fault",
                                        iommulab::quoted(line)));
  }
  if (text.empty()) return errno_status(EINVAL, "a line is empty");
  return absl::OkStatus();
}

absl::Status collect(const std::vector<std::string>& inputs, std::istream& in,
                     fault_collector& faults) {
  size_t number = 0;
  for (const std::string& input : inputs) {
    ++number;
    std::error_code ignored;
    if (input == "-") {
      const text_source source{"standard input",
                               std::string(std::istreambuf_iterator<char>(in), {})};
      add_text(source, faults);
    } else if (std::filesystem::exists(input, ignored)) {
      auto text = read_text_file(input);
      if (!text.ok()) return text.status();
      add_text({input, *std::move(text)}, faults);
    } else if (absl::Status status = add_argument(input, number, faults); !status.ok()) {
      return status;
    }
  }
  faults.finish();
  return absl::OkStatus();
}

bool all_known(const fault_collector& faults) {
  return std::all_of(faults.groups().begin(), faults.groups().end(), [](const fault_group& g) {
    const bool asks = g.fault.kind == fault_kind::dma || g.fault.kind == fault_kind::interrupt;
    if (!g.fault.reason) return !asks;
    return explain_reason(*g.fault.reason).known;
  });
}

int complain_of_nothing(const fault_collector& faults, std::ostream& err) {
  if (!faults.unreadable().empty()) {
    const unreadable_line& line = faults.unreadable().front();
    return complain(err, line.source + ": " + line.why);
  }
  if (!faults.foreign().empty()) {
    return complain(err,
                    "what is there are faults of " + *faults.foreign().begin() +
                        ", not of Intel VT-d, whose faults are explained here",
                    exit_code::finding);
  }
  return complain(err, "no line about a DMAR fault in what was read", exit_code::finding);
}

}  // namespace

int run_fault_command(const fault_arguments& arguments, std::istream& in, std::ostream& out,
                      std::ostream& err) {
  fault_collector faults;
  if (const absl::Status status = collect(arguments.inputs, in, faults); !status.ok()) {
    return complain(err, status);
  }
  system_facts facts = faults.log_facts();
  facts.source = "the log";
  if (!arguments.machine.empty()) {
    const auto machine = choose_machine(arguments.machine);
    if (!machine.ok()) return complain(err, machine.status());
    const auto kernel = choose_kernel({}, arguments.machine);
    if (!kernel.ok()) return complain(err, kernel.status());
    auto known = facts_of(**kernel, *machine);
    if (!known.ok()) return complain(err, known.status());
    facts = *std::move(known);
  }
  if (faults.empty()) return complain_of_nothing(faults, err);
  out << (arguments.json ? fault_json(faults, facts) : fault_text(faults, facts));
  const bool good = faults.unreadable().empty() && all_known(faults);
  return static_cast<int>(good ? exit_code::good : exit_code::finding);
}

void add_fault_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<fault_arguments>();
  CLI::App* const command = app.add_subcommand(
      "fault", "Explain a kernel's lines about DMAR faults: why, and where to look");
  command
      ->add_option(
          "LINE|FILE", a->inputs,
          "A line of the kernel's log, a file with a log (plain or .xz), or - for standard "
          "input")
      ->required();
  command
      ->add_option("--machine", a->machine,
                   "Built-in machine or a capture's folder: names the devices, checks reserved "
                   "regions; default what the log itself says")
      ->type_name("NAME|DIR");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "Exit status: 0 every fault is explained; 1 a file holds no fault of VT-d, or something in "
      "it "
      "is not known or does not read; 2 bad use or input, also a LINE that is no fault line.");
  command->callback(
      [a, &exit_status] { exit_status = run_fault_command(*a, std::cin, std::cout, std::cerr); });
}

}  // namespace iommulab
