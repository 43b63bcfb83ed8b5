// SPDX-License-Identifier: GPL-2.0-only
//
// The address space of a machine that somebody gathered files of: its memory, configuration windows
// and what its host bridges hand down.
#pragma once

#include <optional>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/listing/machine_files.h"
#include "platform/machine/machine.h"

namespace iommulab {

/// By the log's memory map, /proc/iomem and MCFG, or as machines have it; `machine` has its table
/// and root buses, and `assumed` gets a sentence for what nobody said. EINVAL for what does not
/// read.
absl::Status add_address_space(const machine_files& files, const std::optional<text_source>& log,
                               machine_config& machine);

}  // namespace iommulab
