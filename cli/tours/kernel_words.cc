// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/kernel_words.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "kernel/catalogue.h"

namespace iommulab::tours {
namespace {

/// The commands that run a kernel, and take --kernel.
constexpr std::array<std::string_view, 4> with_a_kernel = {"boot", "dma", "trace", "translate"};

}  // namespace

std::string kernel_words(std::string_view profile) {
  if (profile == default_kernel_profile().name()) return {};
  return absl::StrFormat(" --kernel %s", profile);
}

std::string with_kernel(const std::string& command, const std::string& kernel) {
  if (kernel.empty() || command.find("--kernel") != std::string::npos) return command;
  const std::vector<std::string> words = absl::StrSplit(command, ' ', absl::SkipEmpty());
  const size_t verb = words[0] == "iommulab" ? 1 : 0;
  if (words.size() <= verb) return command;
  const bool runs_one =
      std::find(with_a_kernel.begin(), with_a_kernel.end(), words[verb]) != with_a_kernel.end();
  return runs_one ? command + kernel : command;
}

}  // namespace iommulab::tours
