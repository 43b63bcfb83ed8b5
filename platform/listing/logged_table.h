// SPDX-License-Identifier: GPL-2.0-only
//
// Whether a DMAR table is the one that a kernel's log tells of: files of a folder may be of two
// machines, or of two versions of one machine's firmware.
#pragma once

#include <string>
#include <vector>

#include "core/text_source.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// What the log's lines "DRHD base: 0x…" and "RMRR base: 0x… end: 0x…" and the table do not have in
/// common, a sentence for each kind of which the log has lines; none for a log that has none, and
/// for no table.
std::vector<std::string> differences_from_log(const dmar_table& table, const text_source& log);

}  // namespace iommulab
