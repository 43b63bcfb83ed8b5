// SPDX-License-Identifier: GPL-2.0-only
//
// What an operation did to the unit, in the words of recorded clients:
//
//   CC device did=3 sid=0x18 fm=0
//   IOTLB page did=3 addr=0x200000 am=4 ih=1 dr=1 dw=1
//   FAULT sid=0x18 reason=6 addr=0x200000 write=0
//   W 0x34 0x83
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/trace_event.h"

namespace iommulab {

/// A descriptor that QEMU prints no event for; which of them stands where is not known.
inline constexpr std::string_view unseen_effect = "descriptor without an event";

/// What our run did meanwhile, as effects.txt has it. `device_writes`: the transfer that was asked
/// for is one to memory.
std::vector<std::string> effects_of_events(absl::Span<const trace_event> events,
                                           bool device_writes);

/// A descriptor as effects.txt has it: "CC device did=3 sid=0x18 fm=0"; empty for a wait.
std::string effect_of_descriptor(uint64_t low, uint64_t high);

}  // namespace iommulab
