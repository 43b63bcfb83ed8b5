// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/boot_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace iommulab {
namespace {

// A run that is stopped ends in the middle of ported functions, which own what they hold there by
// plain pointers as the kernel does: that is not freed, and not a leak of theirs. Complete runs
// are looked at like everything else.
class stopped_run_leaks {
 public:
#ifdef __SANITIZE_ADDRESS__
  explicit stopped_run_leaks(bool expected) : expected_(expected) {
    if (expected_) __lsan_disable();
  }
  ~stopped_run_leaks() {
    if (expected_) __lsan_enable();
  }
  stopped_run_leaks(const stopped_run_leaks&) = delete;
  stopped_run_leaks& operator=(const stopped_run_leaks&) = delete;

 private:
  bool expected_;
#else
  explicit stopped_run_leaks(bool) {}
#endif
};

void run_phases(boot_run& run) {
  try {
    run.outcome = run.system->start_up();
    if (run.outcome.panic.empty()) run.system->finish_boot();
  } catch (const boot_stopped&) {
    run.ending = boot_ending::stopped;
    return;
  } catch (const kernel_panic& panic) {
    run.outcome.panic = panic.what();
  } catch (const kernel_bug& bug) {
    run.outcome.panic = absl::StrFormat("BUG: %s", bug.what());
  }
  // The function asked for may have been the last.
  if (run.sink.returned()) run.ending = boot_ending::stopped;
  if (!run.outcome.panic.empty()) run.ending = boot_ending::panicked;
}

std::vector<log_line> shown_log(const boot_run& run, const printk_log& log) {
  std::vector<log_line> shown;
  size_t count = log.lines().size();
  if (run.ending == boot_ending::stopped) count = std::min(count, run.sink.log_lines());
  for (size_t i = 0; i < count; ++i) {
    if (log.lines()[i].level != log_level::debug) shown.push_back(log.lines()[i]);
  }
  return shown;
}

}  // namespace

absl::StatusOr<std::unique_ptr<boot_run>> run_boot(boot_request request) {
  kernel_options options;
  options.command_line = request.command_line;
  options.classes = request.classes;
  options.sanitize = request.sanitize;
  if (!request.until.empty()) {
    options.classes = options.classes | trace_class::calls | trace_class::regs |
                      trace_class::tables | trace_class::log;
  }
  auto run = std::make_unique<boot_run>(boot_sink(request.classes, std::move(request.until)));
  run->command_line = std::move(request.command_line);
  if (options.classes != trace_class::none) options.sink = &run->sink;

  auto system = kernel::create(request.machine, std::move(options));
  if (!system.ok()) return system.status();
  run->system = std::move(*system);
  environment& env = run->system->env();
  run->sink.set_clock(&env.clock);
  const stopped_run_leaks expected(!run->sink.until().empty());
  run_phases(*run);
  env.trace.attach(nullptr);
  run->log = shown_log(*run, env.log);
  return run;
}

bool translation_on(kernel& system) {
  bool any = false;
  for (const driven_unit& unit : system.generation().units()) {
    if (unit.ignored) continue;
    any = true;
    if (!unit.translating) return false;
  }
  return any;
}

}  // namespace iommulab
