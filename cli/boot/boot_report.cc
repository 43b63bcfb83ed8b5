// SPDX-License-Identifier: GPL-2.0-only
#include "cli/boot/boot_report.h"

#include <algorithm>
#include <string_view>

#include "cli/runs/structure_dump.h"
#include "cli/tables/finding_text.h"
#include "core/enum_names.h"
#include "dma/debug/dma_debug.h"
#include "lab/events/register_words.h"
#include "platform/machine/firmware_check.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

std::string_view name(boot_ending ending) {
  static constexpr auto names = enum_names<boot_ending>({
      {boot_ending::complete, "complete"},
      {boot_ending::stopped, "stopped"},
      {boot_ending::panicked, "panic"},
  });
  return names(ending);
}

std::string without_prefix(std::string_view text, std::string_view prefix) {
  return std::string(text.starts_with(prefix) ? text.substr(prefix.size()) : text);
}

unit_state state_of(const vtd_unit& unit, phys_addr base) {
  unit_state state;
  state.name = unit.config().name;
  state.base = base;
  const auto status = static_cast<uint32_t>(unit.peek(vtd_register::gsts));
  state.translation = vtd::gsts::tes.test(status);
  state.queue = vtd::gsts::qies.test(status);
  state.interrupt_remapping = vtd::gsts::ires.test(status);
  if (vtd::gsts::rtps.test(status)) {
    state.root_table = phys_addr(unit.peek(vtd_register::rtaddr) & vtd::rtaddr::rta.mask());
  }
  const std::vector<register_row> rows = register_rows(unit.config());
  for (size_t i = 0; i < rows.size(); ++i) {
    const register_row& row = rows[i];
    if (!row.implemented) continue;
    const uint64_t value = unit.peek(static_cast<vtd_register>(i));
    state.registers.push_back(
        {std::string(row.name), row.offset, value, row.size, register_fields(row.name, value)});
  }
  return state;
}

/// What is wrong with the table and no kernel says.
void add_silent_findings(const machine_config& machine, boot_report& report) {
  for (const dmar_finding& f : decode_dmar_of(machine.dmar_table, machine).findings) {
    if (!is_silent(f.id)) continue;
    report.diagnoses.push_back(
        {"DMAR table", std::string(name(f.id)), finding_sentence(f), f.severity});
  }
}

/// Where the kernel would have come to harm and the port did not, and who freed pages wrongly. What
/// is said of the table already is not said twice.
void add_port_diagnoses(kernel& system, boot_report& report) {
  const auto add = [&](std::string_view source, std::string_view name, const std::string& text) {
    const auto& known = report.diagnoses;
    const bool of_table = std::any_of(known.begin(), known.end(), [&](const auto& d) {
      return d.source == "DMAR table" && d.name == name;
    });
    if (of_table) return;
    report.diagnoses.push_back(
        {std::string(source), std::string(name), text, diagnosis_severity::error});
  };
  for (const events::diagnosis& d : system.env().divergences.kept()) add("driver", d.name, d.text);
  for (const page_diagnosis& d : system.pages().diagnoses()) {
    if (is_about_freeing(d.id)) add("pages", iommulab::name(d.id), d.sentence);
  }
}

}  // namespace

bool boot_report::finding() const {
  const bool missing = ending != "stopped" && translation_asked_for && !translation_on;
  const bool error = std::any_of(diagnoses.begin(), diagnoses.end(),
                                 [](const reported_diagnosis& d) { return d.error(); });
  return ending == "panic" || missing || error || sanitizer_errors > 0;
}

boot_report report_of(boot_run& run, const std::string& dump) {
  kernel& system = *run.system;
  boot_report report;
  report.kernel = &system.profile();
  report.machine = system.machine().name;
  report.assumed = system.machine().assumed;
  report.command_line = run.command_line;
  report.ending = name(run.ending);
  report.panic = run.outcome.panic;
  if (run.ending == boot_ending::stopped) report.stopped_behind = run.sink.until();
  report.table_detected = run.outcome.table_detected;
  report.intel_iommu_init = run.outcome.intel_iommu_init;
  report.translation_asked_for = system.profile().translation_asked_for(run.command_line);
  report.translation_on = translation_on(system);

  for (size_t i = 0; i < system.units().size(); ++i) {
    report.units.push_back(state_of(*system.units()[i], system.machine().units[i].base));
  }
  for (const auto& group : system.iommu().groups()) {
    group_state state{group->id, {}};
    for (const iommu_group::member& member : group->devices) {
      state.devices.push_back(member.dev->name);
    }
    report.groups.push_back(std::move(state));
  }
  std::sort(report.groups.begin(), report.groups.end(),
            [](const group_state& a, const group_state& b) { return a.id < b.id; });

  report.devices = device_states(system);
  if (!dump.empty()) report.structures = chosen_structures(system, dump);

  for (const command_line_note& n : system.profile().notes_on(run.command_line)) {
    const bool is_error = n.severity == diagnosis_severity::error;
    report.asked_for_in_vain |= is_error;
    report.diagnoses.push_back(
        {command_line_source, std::string(name(n.id)), n.sentence, n.severity});
  }
  for (const table_diagnosis& d : system.generation().diagnoses()) {
    report.diagnoses.push_back({"DMAR table", std::string(name(d.id)),
                                without_prefix(to_string(d), std::string(name(d.id)) + ": "),
                                d.severity});
  }
  add_silent_findings(system.machine(), report);
  for (const auto& unit : system.units()) {
    const diagnosis_log& log = unit->diagnoses();
    for (const diagnosis_entry& d : log.entries()) {
      report.diagnoses.push_back({unit->config().name, std::string(name(d.id)),
                                  without_prefix(d.sentence, unit->config().name + ": "),
                                  d.severity, d.severity != diagnosis_severity::error});
    }
    report.diagnoses_beyond_capacity += log.total() - log.entries().size();
  }
  add_port_diagnoses(system, report);
  if (system.sanitizer() != nullptr) report.sanitizer_errors = system.sanitizer()->log().errors();
  if (system.dma_debug() != nullptr) report.sanitizer_errors += system.dma_debug()->log().errors();
  return report;
}

}  // namespace iommulab
