// SPDX-License-Identifier: GPL-2.0-only
//
// The descriptors of the invalidation queue in words, all types of revision 5 of the VT-d
// specification (6.5.2.1 to 6.5.2.9): what platform/vtd/spec/descriptors.h lays out, and those of
// scalable mode.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/fault/lines/fault_line.h"

namespace iommulab {

/// Requester id of the device that the descriptor is sent to: of a device-TLB invalidation, with
/// or without PASID, and of a page group response.
std::optional<uint16_t> addressed_device(const queue_descriptor& descriptor);

}  // namespace iommulab
