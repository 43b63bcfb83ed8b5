// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/profile/kernel_profile.h"

namespace iommulab {

std::string_view type_word(const device_domain& domain) {
  return domain.type ? name(*domain.type) : "none";
}

}  // namespace iommulab
