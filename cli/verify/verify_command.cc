// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_command.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "lab/replay/capture_run.h"
#include "lab/replay/comparison.h"
#include "lab/replay/dmalab_run.h"
#include "lab/replay/hotplug_run.h"
#include "lab/replay/workload_run.h"

namespace iommulab {
namespace {

constexpr int all_equal = 0;
constexpr int found_difference = 1;
constexpr int cannot_run = 2;

int complain(const absl::Status& status) {
  std::fprintf(stderr, "iommulab: %s\n", std::string(status.message()).c_str());
  return cannot_run;
}

int verify_folder(const std::string& path) {
  const auto folder = verify::capture_folder::open(path);
  if (!folder.ok()) return complain(folder.status());
  const auto run = verify::run_capture(*folder);
  if (!run.ok()) return complain(run.status());
  std::vector<verify::class_result> results = verify::compare_run(*folder, (*run)->result);
  if (verify::has_hotplug_steps(*folder)) {
    const auto hotplug = verify::verify_hotplug(*folder);
    if (!hotplug.ok()) return complain(hotplug.status());
    results.insert(results.end(), hotplug->begin(), hotplug->end());
  }
  if (verify::has_workload(*folder)) {
    const auto workload = verify::verify_workload(*folder);
    if (!workload.ok()) return complain(workload.status());
    results.insert(results.end(), workload->begin(), workload->end());
  }
  if (verify::has_dma_script(*folder)) {
    const auto script = verify::verify_dma_script(*folder);
    if (!script.ok()) return complain(script.status());
    results.insert(results.end(), script->begin(), script->end());
  }
  // One sentence for a damaged file, and nothing of a comparison that was not made.
  for (const verify::class_result& result : results) {
    if (result.status == verify::class_result::outcome::unreadable) {
      return complain(absl::InvalidArgumentError(result.report));
    }
  }
  std::printf("%s\n", folder->path().c_str());
  bool passes = true;
  for (const verify::class_result& result : results) {
    std::fputs(to_string(result).c_str(), stdout);
    passes = passes && result.passes();
  }
  return passes ? all_equal : found_difference;
}

}  // namespace

void add_verify_command(CLI::App& app, int& exit_status) {
  auto* command = app.add_subcommand(
      "verify", "Run what a capture of a real kernel holds and compare class by class");
  const auto folders = std::make_shared<std::vector<std::string>>();
  command->add_option("DIR", *folders, "Capture folders")->required();
  command->callback([folders, &exit_status] {
    for (const std::string& path : *folders) {
      exit_status = std::max(exit_status, verify_folder(path));
    }
  });
}

}  // namespace iommulab
