// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify/known_differences.h"

#include <array>

namespace iommulab::verify {
namespace {

constexpr std::string_view zero_length_hang =
    "4.4 hangs in dmar_acpi_dev_scope_init() on a structure without a length; the table is refused "
    "there, and the log says so";
constexpr std::string_view scope_hang =
    "4.4 hangs in dmar_alloc_dev_scope() on a scope shorter than its header; the table is refused "
    "there, and the log says so";

constexpr std::array<known_difference, 8> differences = {{
    {"firmware/x2", "log", zero_length_hang},
    {"firmware/x2.calls", "log", zero_length_hang},
    {"firmware/x4c", "log", zero_length_hang},
    {"firmware/x4c.calls", "log", zero_length_hang},
    {"firmware/x6", "log", scope_hang},
    {"firmware/x6.calls", "log", scope_hang},
    {"firmware/x6b", "log", scope_hang},
    {"firmware/x6b.calls", "log", scope_hang},
}};

/// Whether `text` is `pattern` with each '*' replaced by some characters.
bool matches(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t at = star; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

}  // namespace

absl::Span<const known_difference> known_differences() {
  return differences;
}

const known_difference* find_known_difference(absl::Span<const known_difference> list,
                                              std::string_view capture, std::string_view name) {
  for (const known_difference& entry : list) {
    if (entry.name == name && matches(entry.capture, capture)) return &entry;
  }
  return nullptr;
}

}  // namespace iommulab::verify
