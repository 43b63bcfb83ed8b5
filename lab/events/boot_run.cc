// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/events/boot_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/cmdline.h"
#include "core/panic.h"
#include "core/x86_options.h"
#include "intel/options.h"
#include "platform/vtd/spec/registers.h"

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

bool translation_asked_for(const std::string& text) {
  virtual_clock clock;
  tracer silent;
  printk_log log(clock, silent);
  const pr_prefix pr(log, "");
  intel_iommu_options options;
  x86_options x86;
  command_line line;
  add_x86_early_params(line, x86);
  line.setup("intel_iommu=", [&](std::string_view value) {
    intel_iommu_setup(value, pr, log, options);
    return 0;
  });
  line.dispatch(text, log);
  return !options.dmar_disabled && !x86.iommu.no_iommu && !x86.swiotlb_override();
}

bool translation_on(kernel& system) {
  bool any = false;
  for (const dmar_drhd_unit& drhd : system.driver().dmar_drhd_units) {
    if (drhd.ignored) continue;
    any = true;
    if (drhd.iommu == nullptr || !drhd.iommu->reg) return false;
    const auto status = drhd.iommu->reg.readl(vtd::gsts_reg);
    if (!vtd::gsts::tes.test(status)) return false;
  }
  return any;
}

}  // namespace iommulab
