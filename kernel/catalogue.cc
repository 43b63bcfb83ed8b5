// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/catalogue.h"

#include <array>

#include "kernel/v4_4/profile.h"

namespace iommulab {

absl::Span<const kernel_profile* const> kernel_profiles() {
  static const std::array<const kernel_profile*, 1> profiles = {&v4_4::profile()};
  return profiles;
}

const kernel_profile* find_kernel_profile(std::string_view name) {
  for (const kernel_profile* profile : kernel_profiles()) {
    if (profile->name() == name) return profile;
  }
  return nullptr;
}

const kernel_profile& default_kernel_profile() {
  return v4_4::profile();
}

}  // namespace iommulab
