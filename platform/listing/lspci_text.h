// SPDX-License-Identifier: GPL-2.0-only
//
// What `lspci -vvnn` printed, function by function: the ids, the bridges' bus numbers, the express
// port type, ACS and its neighbours, and, of `-x` to `-xxxx`, the bytes. The wording of
// pciutils 2.2 to 3.13.
#pragma once

#include <vector>

#include "core/status.h"
#include "core/text_source.h"
#include "platform/listing/listed_function.h"

namespace iommulab {

/// The functions in the order of the listing. EINVAL, with file, line, field and value, for a
/// listing without any, or without numeric ids, and for what does not read.
absl::StatusOr<std::vector<listed_function>> parse_lspci(const text_source& source);

}  // namespace iommulab
