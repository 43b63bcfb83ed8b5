// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/session/source_place.h"

#include "absl/strings/str_format.h"
#include "kernel/catalogue.h"
#include "kernel/kernel.h"

namespace iommulab::step {

const function_source* source_in(run_history& history, size_t position, std::string_view function) {
  const auto seen = history.look(position);
  kernel* const system = seen.ok() ? (*seen)->system() : nullptr;
  const kernel_profile& profile = system == nullptr ? default_kernel_profile() : system->profile();
  return source_of(function, profile.name());
}

std::string place_of(const function_source& source) {
  std::string text = absl::StrFormat("%s:%d", source.file, source.first_line);
  if (source.kernel_file.empty()) return text;
  return text + absl::StrFormat(", Linux %s %s: %s()", source.kernel_version, source.kernel_file,
                                source.kernel_function);
}

}  // namespace iommulab::step
