// SPDX-License-Identifier: GPL-2.0-only
//
// A machine's DMAR table judged with all that is known of the machine.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "platform/firmware/dmar_table.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// `bytes` decoded as the table of this machine: findings of the decoder and against the machine's
/// memory map and units. An empty table has none.
dmar_table decode_dmar_of(absl::Span<const uint8_t> bytes, const machine_config& machine);

}  // namespace iommulab
