// SPDX-License-Identifier: GPL-2.0-only
#include "cli/kernels/kernel_choice.h"

#include <cerrno>
#include <string>

#include "absl/strings/str_format.h"
#include "platform/machine/builtin.h"

namespace iommulab {

absl::StatusOr<const kernel_profile*> kernel_of_option(std::string_view option,
                                                       const std::string& name) {
  if (const kernel_profile* found = find_kernel_profile(name)) return found;
  return errno_status(ENOENT, absl::StrFormat("%s '%s': no such kernel; there are %s", option, name,
                                              kernel_names()));
}

absl::StatusOr<const kernel_profile*> named_kernel(const std::string& name) {
  if (name.empty()) return nullptr;
  return kernel_of_option("--kernel", name);
}

absl::StatusOr<const kernel_profile*> choose_kernel(const std::string& name,
                                                    const std::string& capture,
                                                    const kernel_profile& otherwise) {
  auto named = named_kernel(name);
  if (!named.ok() || *named != nullptr) return named;
  const bool recorded = !capture.empty() && !builtin_machine(capture);
  if (!recorded) return &otherwise;
  const auto found = recorded_kernel(capture);
  return found.ok() && kernel_named_in(capture) == nullptr ? &otherwise : found;
}

const kernel_profile& kernel_about(const std::string& capture) {
  const bool recorded = !capture.empty() && !builtin_machine(capture);
  return recorded ? kernel_of_path(capture) : default_kernel_profile();
}

}  // namespace iommulab
