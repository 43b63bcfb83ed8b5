// SPDX-License-Identifier: GPL-2.0-only
//
// How subcommands write JSON. Members stand in the order in which they were set. Addresses, sizes
// in an address space, register values and whatever else uses 64 bits are hexadecimal text; numbers
// are counts, indices and times, which stay below 2^53. Names of members are snake_case without
// blanks.
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
/// The same with its members behind it.
inline json json_document(std::string_view kind, const json& members) {
  json document = json_document(kind);
  document.update(members);
  return document;
}

/// The document as a subcommand prints it: indented, a newline at its end; bytes that are no UTF-8
/// replaced.
inline std::string json_text(const json& document) {
  constexpr int indent = 2;
  return document.dump(indent, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace iommulab
