// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_command.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/fault/fault_inputs.h"
#include "cli/fault/fault_report.h"
#include "cli/fault/lines/explain.h"
#include "cli/fault/reading/byte_source.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"

namespace iommulab {
namespace {

bool all_explained(const fault_collector& faults) {
  if (!faults.unreadable().empty() || faults.unexplained_count() != 0) return false;
  return std::all_of(faults.groups().begin(), faults.groups().end(),
                     [](const fault_group& g) { return explain(g.fault).known; });
}

/// What --machine says; nothing without it.
absl::StatusOr<std::optional<system_facts>> facts_of_machine(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto machine = choose_machine(name);
  if (!machine.ok()) return machine.status();
  auto facts = facts_of(kernel_about(name), *machine);
  if (!facts.ok()) return facts.status();
  return std::optional(*std::move(facts));
}

/// Shows groups while they come: what nobody waits for the end of.
class live_text {
 public:
  live_text(const fault_arguments& arguments, fault_collector& faults,
            const std::optional<system_facts>& machine, std::ostream& out)
      : on_(!arguments.json), faults_(faults), machine_(machine), out_(out) {}

  [[nodiscard]] system_facts facts() const {
    if (machine_) return *machine_;
    system_facts known = faults_.log_facts();
    known.source = "the log";
    return known;
  }
  void show_new() {
    if (!on_) return;
    faults_.settle();
    const auto& groups = faults_.groups();
    if (shown_ == groups.size()) return;
    const system_facts known = facts();
    for (; shown_ < groups.size(); ++shown_) {
      out_ << fault_group_text(groups[shown_], faults_, known) << '\n';
    }
    out_.flush();
  }
  /// Whether something was shown before the end.
  [[nodiscard]] bool used() const { return shown_ != 0; }

 private:
  bool on_;
  fault_collector& faults_;
  const std::optional<system_facts>& machine_;
  std::ostream& out_;
  size_t shown_ = 0;
};

/// A line that is not understood may be about one.
std::string nothing_found(const fault_collector& faults, const fault_inputs& read) {
  const bool understood = faults.unexplained_count() == 0 && faults.unreadable().empty();
  return absl::StrFormat("no DMAR fault %sin %d %s\n", understood ? "" : "that can be read ",
                         read.lines, read.lines == 1 ? "line" : "lines");
}

/// Faults of other IOMMUs and nothing else.
bool is_foreign_alone(const fault_collector& faults) {
  return faults.empty() && faults.unreadable().empty() && faults.unexplained_count() == 0 &&
         !faults.foreign().empty();
}

std::string whole_text(const fault_collector& faults, const fault_inputs& read, live_text& live) {
  if (live.used()) {
    live.show_new();
    return fault_counts_text(faults) + fault_notes_text(faults, live.facts());
  }
  const std::string text = fault_text(faults, live.facts());
  return faults.empty() ? nothing_found(faults, read) + text : text;
}

}  // namespace

int run_fault_command(const fault_arguments& arguments, byte_source& in, std::ostream& out,
                      std::ostream& err) {
  const auto machine = facts_of_machine(arguments.machine);
  if (!machine.ok()) return complain(err, machine.status());
  fault_collector faults;
  live_text live(arguments, faults, *machine, out);
  const auto read = read_fault_inputs(arguments.inputs, in, faults, [&live] { live.show_new(); });
  if (!read.ok()) return complain(err, read.status());
  if (is_foreign_alone(faults)) {
    return complain(err,
                    "what is there are faults of " + *faults.foreign().begin() +
                        ", not of Intel VT-d, whose faults are explained here",
                    exit_code::finding);
  }
  out << (arguments.json ? fault_json(faults, live.facts(), read->lines)
                         : whole_text(faults, *read, live));
  return static_cast<int>(all_explained(faults) ? exit_code::good : exit_code::finding);
}

int run_fault_command(const fault_arguments& arguments, std::istream& in, std::ostream& out,
                      std::ostream& err) {
  stream_source source(in);
  return run_fault_command(arguments, source, out, err);
}

void add_fault_command(CLI::App& app, int& exit_status) {
  const auto a = std::make_shared<fault_arguments>();
  CLI::App* const command = app.add_subcommand(
      "fault", "Explain a kernel's lines about DMAR faults: why, and where to look");
  command
      ->add_option(
          "LINE|FILE", a->inputs,
          "A line of the kernel's log, a file with a log (plain, gzip or xz), or - for standard "
          "input")
      ->required();
  command
      ->add_option("--machine", a->machine,
                   absl::StrCat(machine_option_words,
                                "; it names the devices and checks reserved regions; default what "
                                "the log itself says"))
      ->type_name("NAME|DIR");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer(
      "Exit status: 0 every fault is explained, or there is none; 1 a reason or a line of the "
      "driver is not known or does not read, or the faults are another IOMMU's; 2 bad use or "
      "input, also a LINE that is no known line.");
  command->callback([a, &exit_status] {
    descriptor_source in(STDIN_FILENO);
    exit_status = run_fault_command(*a, in, std::cout, std::cerr);
  });
}

}  // namespace iommulab
