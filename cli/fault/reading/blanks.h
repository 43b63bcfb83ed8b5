// SPDX-License-Identifier: GPL-2.0-only
//
// Blanks in and around words.
#pragma once

#include <string>
#include <string_view>

#include "platform/machine/parse.h"  // IWYU pragma: export

namespace iommulab {

/// Runs of blanks and tabs made one blank; bytes 0 too.
std::string squeezed(std::string_view text);

}  // namespace iommulab
