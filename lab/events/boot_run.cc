// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/boot_run.h"

#include <utility>

#include "core/panic.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

/// By a look at the unit, which an access would not be.
bool translates(kernel& system, phys_addr base) {
  for (size_t i = 0; i < system.units().size(); ++i) {
    if (system.machine().units[i].base != base) continue;
    const auto status = static_cast<uint32_t>(system.units()[i]->peek(vtd_register::gsts));
    return vtd::gsts::tes.test(status);
  }
  return false;
}

std::vector<log_line> shown_log(const printk_log& log) {
  std::vector<log_line> shown;
  for (const log_line& line : log.lines()) {
    if (line.level != log_level::debug) shown.push_back(line);
  }
  return shown;
}

}  // namespace

absl::StatusOr<std::unique_ptr<kernel>> system_to_boot(const boot_request& request) {
  kernel_options options;
  options.profile = request.kernel;
  options.paced = true;
  options.command_line = request.command_line;
  options.sanitize = request.sanitize;
  return kernel::create(request.machine, std::move(options));
}

boot_outcome boot_to_the_end(kernel& system) {
  boot_outcome outcome = system.start_up();
  if (outcome.panic.empty()) {
    outcome.panic = run_guarded([&system] { system.finish_boot(); }).reason();
  }
  return outcome;
}

absl::StatusOr<std::unique_ptr<boot_run>> run_boot(boot_request request) {
  auto system = system_to_boot(request);
  if (!system.ok()) return system.status();

  auto run = std::make_unique<boot_run>(run_sink(request.classes, std::move(request.until)));
  run->command_line = std::move(request.command_line);
  run->system = std::move(*system);
  boot_run& r = *run;
  r.run = std::make_unique<held_run>([&r] { r.outcome = boot_to_the_end(*r.system); },
                                     [&r] { r.system->mute(); });
  r.sink.set_run(*r.run);
  tracer& trace = r.system->env().trace;
  if (r.sink.classes() != trace_class::none) {
    r.subscription = trace.subscribe(r.sink, r.sink.classes());
  }
  if (r.run->go_on()) {
    r.ending = boot_ending::stopped;
  } else if (!r.outcome.panic.empty()) {
    r.ending = boot_ending::panicked;
  }
  r.log = shown_log(r.system->env().log);
  return run;
}

bool translation_on(kernel& system) {
  bool any = false;
  for (const driven_unit& unit : system.generation().units()) {
    if (unit.ignored) continue;
    any = true;
    if (!translates(system, unit.registers)) return false;
  }
  return any;
}

}  // namespace iommulab
