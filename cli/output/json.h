// SPDX-License-Identifier: GPL-2.0-only
//
// How subcommands write JSON: members in the order in which they were set, numbers that are
// addresses or register values as hexadecimal text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace iommulab {

using json = nlohmann::ordered_json;

/// "0x1f": JSON's own numbers are decimal, and readers may keep only 53 bits of them.
inline std::string hex(uint64_t value) {
  return absl::StrFormat("0x%x", value);
}

/// The head of every document: `schema` is what it is ("iommulab.boot"), `version` grows when a
/// member that was there changes its meaning or goes, `program` is who wrote it.
inline json json_document(std::string_view kind, int version = 1) {
  return {{"schema", absl::StrFormat("iommulab.%s", kind)},
          {"version", version},
          {"program", "iommulab " IOMMULAB_VERSION}};
}

/// The document as a subcommand prints it: indented, a newline at its end; bytes that are no UTF-8
/// replaced.
inline std::string json_text(const json& document) {
  constexpr int indent = 2;
  return document.dump(indent, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace iommulab
