// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/sysfs_units.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "core/text_source.h"
#include "platform/machine/logged_units.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t most_of_a_version = 0xf;

absl::StatusOr<uint64_t> hex_in(const fs::path& file) {
  const auto text = read_text_file(file.string());
  if (!text.ok()) return text.status();
  const auto value = parse_hex(trimmed(*text));
  if (!value) return line_error(file.string(), 1, "value", trimmed(*text), "no hexadecimal number");
  return *value;
}

/// "1:0"
absl::StatusOr<uint32_t> version_in(const fs::path& file) {
  const auto text = read_text_file(file.string());
  if (!text.ok()) return text.status();
  const std::vector<std::string_view> parts = split_at(trimmed(*text), ':');
  const auto major = parse_hex(parts.front());
  const auto minor = parse_hex(parts.back());
  if (parts.size() != 2 || !major || !minor || *major > most_of_a_version ||
      *minor > most_of_a_version) {
    return line_error(file.string(), 1, "version", trimmed(*text), "not of the form 1:0");
  }
  return static_cast<uint32_t>(*major << 4 | *minor);
}

}  // namespace

absl::StatusOr<std::vector<remapping_unit_config>> units_of_sysfs(const std::string& folder) {
  std::error_code failed;
  fs::directory_iterator entries(folder, failed);
  std::vector<remapping_unit_config> units;
  if (failed) return units;
  for (const fs::directory_entry& entry : entries) {
    const fs::path registers = entry.path() / "intel-iommu";
    if (!fs::is_directory(registers, failed)) continue;  // another vendor's
    const auto base = hex_in(registers / "address");
    if (!base.ok()) return base.status();
    const auto version = version_in(registers / "version");
    if (!version.ok()) return version.status();
    const auto cap = hex_in(registers / "cap");
    if (!cap.ok()) return cap.status();
    const auto ecap = hex_in(registers / "ecap");
    if (!ecap.ok()) return ecap.status();
    units.push_back(unit_with(phys_addr(*base), *version, *cap, *ecap));
  }
  std::sort(units.begin(), units.end(),
            [](const auto& one, const auto& other) { return one.base < other.base; });
  return units;
}

}  // namespace iommulab
