// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dma/dma_command.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "cli/dma/divergences_met.h"
#include "cli/dma/dma_text.h"
#include "cli/kernels/command_line_words.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/kernels/kernels_report.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "core/counted.h"
#include "core/panic.h"
#include "core/text_source.h"
#include "core/trace.h"
#include "dma/debug/dma_debug.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/overwritten_memory.h"
#include "lab/script/script.h"
#include "lab/script/session.h"
#include "platform/machine/capture_loader.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

namespace iommulab {
namespace {

constexpr uint64_t arena_bytes = uint64_t{4} << 20;
constexpr int arenas = 2;

/// The folder of a script that lies in a capture; empty for any other.
std::string capture_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  return source_exists(folder + "/pci.txt") && source_exists(folder + "/cmdline") ? folder : "";
}

/// What a script leaves open: arenas anywhere, and as devices the machine's edu functions.
void complete(dmalab::script& script, const machine_config& machine) {
  if (script.arenas.empty()) script.arenas.resize(arenas, {0, std::nullopt, arena_bytes});
  if (!script.devices.empty()) return;
  for (const pci_function_config& f : machine.pci_functions) {
    if (is_edu(f)) script.devices.push_back({0, f.id, std::nullopt, std::nullopt});
  }
}

/// A system at the moment when a script begins.
absl::StatusOr<std::unique_ptr<kernel>> boot(const kernel_profile& profile,
                                             const machine_config& machine,
                                             const std::string& command_line,
                                             const std::string& capture, bool sanitize) {
  kernel_options options;
  options.profile = &profile;
  options.command_line = command_line;
  options.sanitize = sanitize;
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  const boot_outcome outcome = (*system)->start_up();
  if (!outcome.panic.empty()) {
    return errno_status(EIO,
                        absl::StrFormat("the kernel stops in its start-up: %s", outcome.panic));
  }
  if (capture.empty()) {
    (*system)->load_drivers();
    (*system)->finish_boot();
    (*system)->load_late_drivers();
    return system;
  }
  const auto folder = verify::capture_folder::open(capture);
  if (!folder.ok()) return folder.status();
  verify::replay_differences differences;
  verify::api_player player(**system, differences);
  if (absl::Status status = verify::play_to_boot_mark(**system, *folder, player); !status.ok()) {
    return status;
  }
  if (!differences.empty()) return differences.status();
  return system;
}

}  // namespace

int run_dma_command(const dma_arguments& a, std::ostream& out, std::ostream& err) {
  auto script = dmalab::read_script(a.script);
  if (!script.ok()) return complain(err, script.status());
  const std::string capture = a.machine.empty() ? capture_of(a.script) : std::string();
  const auto machine = capture.empty()
                           ? choose_machine(a.machine.empty() ? default_machine : a.machine)
                           : load_capture(capture);
  if (!machine.ok()) return complain(err, machine.status());
  const auto profile = choose_kernel(a.kernel, capture.empty() ? a.machine : capture);
  if (!profile.ok()) return complain(err, profile.status());
  complete(*script, *machine);
  const std::string command_line =
      a.command_line.value_or(script->command_line.value_or(machine->command_line));
  auto system = boot(**profile, *machine, command_line, capture, a.sanitize);
  if (!system.ok()) return complain(err, system.status());
  if (a.command_line) note_words(err, **profile, *a.command_line);

  std::string text;
  size_t compared = 0;
  size_t passed_over = 0;
  bool differs = false;
  verify::overwritten_memory spoiled;  // where 4.4 wrote by mistake
  trace_recorder recorder;             // of one operation at a time
  const trace_subscription recording =
      (*system)->env().trace.subscribe(recorder, trace_class::faults);
  dmalab::divergences_met divergences(**profile);
  dmalab::session_hooks hooks;
  hooks.begins = [&](const dmalab::operation&) { recorder.clear(); };
  hooks.ends = [&](const dmalab::outcome& o) {
    if (!a.quiet) text += dmalab::outcome_text(**system, o);
    const auto difference = dmalab::difference_text(**system, o);
    const auto* known =
        difference ? dmalab::known_difference_of(**system, o, recorder.events()) : nullptr;
    if (known != nullptr) {
      text += absl::StrFormat("  known difference: %s\n", known->reason);
      dmalab::add_overwritten(**system, o, spoiled);
    }
    divergences.take(*o.op, recorder.events(), known != nullptr || script->is_recording);
    const auto peeked = spoiled.peeked(*script, *o.op, o.result);
    if (difference && known == nullptr && peeked && peeked == o.op->result) {
      text += "  known difference: 4.4 wrote into this memory\n";
      ++passed_over;
      return true;
    }
    if (known != nullptr) ++passed_over;
    if (o.op->result && known == nullptr) ++compared;
    if (!difference || known != nullptr) return true;
    text += "\n" + *difference + dmalab::state_text(**system, *script, o);
    differs = true;
    return false;
  };
  const auto outcomes = dmalab::run_session(**system, *script, hooks);
  if (!outcomes.ok()) return complain(err, outcomes.status());
  if (!a.quiet) text += dmalab::log_behind(**system, *outcomes);
  const bool stopped = !outcomes->empty() && !outcomes->back().bug.empty();
  std::string verdict = compared == 0 ? "none" : absl::StrFormat("%d", compared);
  verdict += " compared with what the script says";
  if (compared != 0) verdict += differs && !stopped ? ": the last differs" : ": equal";
  if (stopped) verdict += "; the kernel stopped";
  if (passed_over != 0) verdict += absl::StrFormat("; %d known to differ", passed_over);
  out << "# " << kernel_text(**profile) << " on " << machine->name << "\n"
      << text << (text.empty() ? "" : "\n") << counted(outcomes->size(), "operation") << ", "
      << verdict << '\n';
  out << divergences.text();
  bool broken = divergences.findings() != 0;
  if (const vtd_sanitizer* sanitizer = (*system)->sanitizer(); sanitizer != nullptr) {
    out << '\n' << to_text(*sanitizer);
    broken = broken || sanitizer->log().errors() != 0;
  }
  if (const dma_debug* checks = (*system)->dma_debug(); checks != nullptr) {
    out << '\n' << to_text(checks->log());
    broken = broken || checks->log().errors() != 0;
  }
  return static_cast<int>(differs || broken ? exit_code::finding : exit_code::good);
}

void add_dma_command(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<dma_arguments>();
  CLI::App* const command =
      app.add_subcommand("dma", "Run a script of DMA operations and check its results");
  command
      ->add_option("SCRIPT", arguments->script,
                   "The script (cli/dma/README.md), or a recorded ops.txt")
      ->required();
  add_kernel_option(*command, arguments->kernel);
  command->add_option("--machine", arguments->machine,
                      "Built-in machine or capture folder (default: the capture that the script "
                      "lies in, else q35)");
  command->add_option("--cmdline", arguments->command_line, "The kernel's command line");
  command->add_flag("--quiet,-q", arguments->quiet, "Show only a difference and the last line");
  command->add_flag(
      "--sanitize", arguments->sanitize,
      "Check what the driver does to tables and caches, and how the script uses the DMA API; "
      "measure the deferred window");
  command->footer(
      "Exit status: 0 every result is what the script says; 1 one differs, the kernel stopped, "
      "Linux "
      "would have come to harm, or --sanitize found an error; 2 bad use, or a script that cannot "
      "be "
      "run.");
  command->callback([arguments, &exit_status] {
    exit_status = run_dma_command(*arguments, std::cout, std::cerr);
  });
}

}  // namespace iommulab
