// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/run_choice.h"

#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/iova/choice.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/complain.h"
#include "cli/runs/run_options.h"
#include "cli/runs/script_choice.h"
#include "iova/trace/recorded_end.h"
#include "iova/trace/trace_reader.h"
#include "lab/stepping/run_sources.h"

namespace iommulab {
namespace {

using made_run = absl::StatusOr<std::unique_ptr<repeatable_run>>;

std::string only(const std::vector<std::string>& values) {
  return values.empty() ? std::string() : values.front();
}

using option_values = std::pair<const char*, const std::vector<std::string>*>;

/// The options that say which system runs.
std::array<option_values, 4> options_of(const run_choice& c) {
  return {{{"--kernel", &c.kernels},
           {"--machine", &c.machines},
           {"--dmar", &c.dmar_files},
           {"--cmdline", &c.command_lines}}};
}

absl::Status check_single(const run_choice& c) {
  for (const auto& [option, given] : options_of(c)) {
    const std::vector<std::string>& values = *given;
    if (values.size() > 1) {
      return refuse(absl::StrFormat("%s is given twice: here is one run", option));
    }
  }
  return absl::OkStatus();
}

made_run boot_run_of(const run_choice& c) {
  const std::string name = c.machines.empty() ? default_machine : only(c.machines);
  auto machine = choose_machine(name, only(c.dmar_files));
  if (!machine.ok()) return machine.status();
  const auto kernel = choose_kernel(only(c.kernels), name);
  if (!kernel.ok()) return kernel.status();
  boot_request request;
  request.kernel = *kernel;
  request.machine = *std::move(machine);
  request.command_line =
      c.command_lines.empty() ? request.machine.command_line : only(c.command_lines);
  request.sanitize = c.sanitize;
  return boot_to_repeat(std::move(request));
}

made_run script_run_of(const run_choice& c) {
  script_choice choice{c.path, only(c.kernels), only(c.machines), only(c.dmar_files), std::nullopt};
  if (!c.command_lines.empty()) choice.command_line = only(c.command_lines);
  auto request = choose_script(choice);
  if (!request.ok()) return request.status();
  request->sanitize = c.sanitize;
  return script_to_repeat(*std::move(request));
}

made_run client_run_of(const run_choice& c) {
  client_choice choice{c.path,       only(c.kernels), only(c.machines), only(c.dmar_files),
                       std::nullopt, c.modules};
  if (!c.command_lines.empty()) choice.command_line = only(c.command_lines);
  auto request = choose_client(choice);
  if (!request.ok()) return request.status();
  request->sanitize = c.sanitize;
  return client_to_repeat(*std::move(request));
}

made_run iova_run_of(const run_choice& c) {
  auto trace = read_iova_trace(c.path);
  if (!trace.ok()) return trace.status();
  const auto end = check_recorded_end(trace->name, trace->end, trace->steps.size());
  if (!end.ok()) return end.status();
  const auto version = version_of_trace(*trace, only(c.kernels), "--kernel");
  if (!version.ok()) return version.status();
  return iova_replay_to_repeat(*std::move(trace), **version);
}

made_run capture_run_of(const run_choice& c) {
  const kernel_profile* kernel = nullptr;
  if (!c.kernels.empty()) {
    const auto chosen = choose_kernel(only(c.kernels));
    if (!chosen.ok()) return chosen.status();
    kernel = *chosen;
  }
  return capture_to_repeat(c.path, kernel);
}

}  // namespace

void add_run_choices(CLI::App& command, run_choice& choice, absl::FunctionRef<void(CLI::App&)> more,
                     const std::function<void()>& run) {
  command.require_subcommand(1);
  const auto complete = [&](CLI::App& one, run_kind kind) {
    more(one);
    one.callback([&choice, kind, run] {
      choice.kind = kind;
      run();
    });
  };
  const system_options options = {choice.kernels, choice.machines, choice.dmar_files,
                                  choice.command_lines};
  const char* sanitize = "Check the driver as well; what is wrong shows among the events";

  CLI::App* const boot = command.add_subcommand("boot", "A boot (see `iommulab boot`)");
  add_system_options(*boot, options, {"q35", "intel_iommu=on, or the capture's", "", ""});
  boot->add_flag("--sanitize", choice.sanitize, sanitize);
  complete(*boot, run_kind::boot);

  CLI::App* const dma =
      command.add_subcommand("dma", "A script of DMA operations (see `iommulab dma`)");
  dma->add_option("SCRIPT", choice.path, "The script, or a recorded ops.txt")->required();
  add_system_options(*dma, options,
                     {"the capture that the script lies in, else q35",
                      "the script's own, else the machine's", "", ""});
  dma->add_flag("--sanitize", choice.sanitize, sanitize);
  complete(*dma, run_kind::script);

  CLI::App* const client = command.add_subcommand(
      "vfio", "A program's script of VFIO and iommufd (see `iommulab vfio`)");
  client->add_option("SCRIPT", choice.path, "The script, or a recorded script.txt")->required();
  add_system_options(
      *client, options,
      {"the capture that the script lies in, else q35", "the machine's own", "", ""});
  add_client_module_options(*client, choice.modules);
  client->add_flag("--sanitize", choice.sanitize, sanitize);
  complete(*client, run_kind::client);

  CLI::App* const iova =
      command.add_subcommand("iova", "A recorded run of an allocator (see `iommulab iova replay`)");
  iova->require_subcommand(1);
  CLI::App* const replay =
      iova->add_subcommand("replay", "The allocator's functions, call by call");
  replay->add_option("FILE", choice.path, "The recorded run, plain or .xz")->required();
  replay
      ->add_option("--kernel,--version", choice.kernels,
                   "Kernel that it was recorded from, v4_4 or 4.4 …; default: as its first comment "
                   "or its folder says")
      ->expected(1)
      ->take_all();
  complete(*replay, run_kind::iova_replay);

  CLI::App* const capture = command.add_subcommand(
      "capture",
      "What a capture of a real kernel holds: its boot, and its drivers' calls after it");
  capture->add_option("FOLDER", choice.path, "The capture's folder")->type_name("DIR")->required();
  add_kernel_option(*capture, choice.kernels)->expected(1)->take_all();
  complete(*capture, run_kind::capture);
}

run_choice side_of(const run_choice& choice, size_t which) {
  const auto of = [which](const std::vector<std::string>& values) {
    std::vector<std::string> one;
    if (!values.empty()) one.push_back(value_for_run(values, which));
    return one;
  };
  run_choice side = choice;
  side.kernels = of(choice.kernels);
  side.machines = of(choice.machines);
  side.dmar_files = of(choice.dmar_files);
  side.command_lines = of(choice.command_lines);
  return side;
}

absl::Status check_two_runs(const run_choice& choice) {
  bool two = false;
  for (const auto& [option, values] : options_of(choice)) {
    if (values->size() > 2) {
      return refuse(
          absl::StrFormat("%s is given %d times: --diff has two runs", option, values->size()));
    }
    two = two || values->size() == 2;
  }
  if (two) return absl::OkStatus();
  return refuse("--diff needs two of --machine, --kernel, --dmar or --cmdline");
}

absl::StatusOr<std::unique_ptr<repeatable_run>> chosen_run(const run_choice& choice) {
  if (absl::Status status = check_single(choice); !status.ok()) return status;
  switch (choice.kind) {
    case run_kind::boot:
      return boot_run_of(choice);
    case run_kind::script:
      return script_run_of(choice);
    case run_kind::client:
      return client_run_of(choice);
    case run_kind::iova_replay:
      return iova_run_of(choice);
    case run_kind::capture:
      return capture_run_of(choice);
  }
  return refuse("no run was chosen");
}

}  // namespace iommulab
