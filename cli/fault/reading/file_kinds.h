// SPDX-License-Identifier: GPL-2.0-only
//
// What a file is, by its first bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace iommulab {

/// A sentence without a subject for what is no log that can be read here: "is a zip archive: unpack
/// it first". Empty for anything else.
std::string_view unreadable_kind(std::string_view head);

enum class text_kind : uint8_t { bytes, utf8_marked, utf16_little, utf16_big };

/// By its mark, or by where the zeros of UTF-16's Latin letters are.
text_kind text_kind_of(std::string_view head);

}  // namespace iommulab
