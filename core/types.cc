// SPDX-License-Identifier: GPL-2.0-only
#include "core/types.h"

#include "absl/strings/str_format.h"

namespace iommulab {

std::string to_string(source_id id) {
  return absl::StrFormat("%04x:%02x:%02x.%x", id.segment, id.bus, id.device(), id.function());
}

std::string to_short_string(source_id id) {
  return absl::StrFormat("%02x:%02x.%x", id.bus, id.device(), id.function());
}

}  // namespace iommulab
