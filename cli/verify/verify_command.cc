// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_command.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/kernels/kernel_choice.h"
#include "lab/replay/capture_verification.h"

namespace iommulab {
namespace {

constexpr int all_equal = 0;
constexpr int found_difference = 1;
constexpr int cannot_run = 2;

int complain(const absl::Status& status) {
  std::fprintf(stderr, "iommulab: %s\n", std::string(status.message()).c_str());
  return cannot_run;
}

int verify_folder(const std::string& path, const kernel_profile* kernel,
                  verify::verification_summary& summary) {
  const auto done = verify::verify_capture(path, kernel);
  if (!done.ok()) {
    summary.add_failure();
    return complain(done.status());
  }
  std::fputs(to_string(*done).c_str(), stdout);
  summary.add(*done);
  return done->passes() ? all_equal : found_difference;
}

}  // namespace

void add_verify_command(CLI::App& app, int& exit_status) {
  auto* command = app.add_subcommand(
      "verify", "Run what a capture of a real kernel holds and compare class by class");
  const auto folders = std::make_shared<std::vector<std::string>>();
  command->add_option("DIR", *folders, "Capture folders")->required();
  const auto kernel_name = std::make_shared<std::string>();
  add_kernel_option(*command, *kernel_name);
  command->callback([folders, kernel_name, &exit_status] {
    const auto kernel = named_kernel(*kernel_name);
    if (!kernel.ok()) {
      exit_status = complain(kernel.status());
      return;
    }
    verify::verification_summary summary;
    for (const std::string& path : *folders) {
      exit_status = std::max(exit_status, verify_folder(path, *kernel, summary));
    }
    if (folders->size() > 1) std::printf("\n%s", summary.text().c_str());
  });
}

}  // namespace iommulab
