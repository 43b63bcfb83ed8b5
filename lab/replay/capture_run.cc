// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/capture_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status.h"
#include "lab/replay/recorded_pages.h"
#include "platform/machine/capture_loader.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::verify {
namespace {

/// The type in front of a device scope's length, which is at `offset`.
std::optional<uint8_t> scope_type_before(absl::Span<const uint8_t> table, size_t offset) {
  if (offset == 0 || offset > table.size()) return std::nullopt;
  return table[offset - 1];
}

/// What the simulated machine says knows of no file.
absl::Status of_folder(const capture_folder& folder, std::string_view what,
                       const absl::Status& status) {
  return errno_status(status_errno(status),
                      absl::StrCat(folder.path(), ": ", std::string(what), ": ", status.message()));
}

}  // namespace

std::optional<phys_addr> latched_root_table(const vtd_unit& unit) {
  const auto status = static_cast<uint32_t>(unit.peek(vtd_register::gsts));
  if (!vtd::gsts::rtps.test(status)) return std::nullopt;
  return phys_addr(unit.peek(vtd_register::rtaddr) & vtd::rtaddr::rta.mask());
}

absl::StatusOr<std::unique_ptr<capture_run>> run_capture(const capture_folder& folder,
                                                         const std::vector<page_block>& held_back,
                                                         const system_watcher& watcher) {
  auto config = load_capture(folder.path());
  if (!config.ok()) return config.status();

  auto run = std::make_unique<capture_run>();
  kernel_options options;
  options.profile = &folder.kernel();
  options.command_line = config->command_line;
  run->result.interrupt_remapping =
      std::any_of(config->units.begin(), config->units.end(),
                  [](const remapping_unit_config& u) { return u.ecap.interrupt_remapping(); });
  if (folder.has_recorded_calls()) {
    auto pages = recorded_pages(folder);
    if (!pages.ok()) return pages.status();
    for (const recorded_page& page : *pages) {
      if (!page.after_start_up) options.recorded_pages.emplace_back(page.address);
    }
    run->result.pages_replayed = !options.recorded_pages.empty();
  }
  auto system = kernel::create(*config, std::move(options));
  if (!system.ok()) {
    return of_folder(folder, "no machine is as qemu.args and pci.txt say", system.status());
  }
  run->system = std::move(*system);
  if (watcher) watcher(*run->system);
  trace_subscription recording = run->system->env().trace.subscribe(run->recorder, compared_events);
  for (const page_block& block : held_back) {
    absl::Status status = run->system->pages().hold_back(block.start, block.length);
    if (!status.ok()) return of_folder(folder, "memory of its call trees", status);
  }
  run->outcome = run->system->start_up();
  recording.end();

  run_result& result = run->result;
  for (const trace_event& event : run->recorder.events()) {
    // The captures recorded the unit's accesses: reads of an address where none answers are not
    // among them.
    const events::reg_access* access = event.access();
    if (access == nullptr || !access->unit.empty()) result.events.push_back(event);
  }
  for (const log_line& line : run->system->env().log.lines()) {
    if (line.level != log_level::debug) result.log.push_back(line.text);
  }
  result.sysfs = &run->system->sysfs();
  result.memory = &run->system->memory();
  for (const auto& unit : run->system->units()) {
    result.units.push_back({unit->config().name, true, latched_root_table(*unit)});
  }
  for (const table_diagnosis& d : run->system->generation().diagnoses()) {
    result.refusals.push_back({std::string(name(d.id)),
                               absl::StrCat("DMAR: [Firmware Bug]: ", to_string(d)),
                               scope_type_before(config->dmar_table, d.where)});
  }
  result.stopped = run->outcome.panic;
  return run;
}

}  // namespace iommulab::verify
