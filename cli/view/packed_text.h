// SPDX-License-Identifier: GPL-2.0-only
//
// Text as it lies in a page: deflated, as a browser's DecompressionStream("deflate") takes it, and
// in base64.
#pragma once

#include <string>
#include <string_view>

namespace iommulab::view {

std::string packed_text(std::string_view text);

}  // namespace iommulab::view
