// SPDX-License-Identifier: GPL-2.0-only
//
// Text as XML may hold it, between tags and in attributes with double quotation marks.
#pragma once

#include <string>
#include <string_view>

namespace iommulab {

/// `text` in one line, with entities for what is markup and '?' for bytes that have no place in a
/// document (XML 1.0, 2.2), see plain_text().
std::string xml_text(std::string_view text);

}  // namespace iommulab
