// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/profile/firmware.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/types.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {

std::vector<std::pair<uint64_t, uint64_t>> memory_pfn_ranges(const machine_config& machine) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const memory_range& r : machine.firmware_map) {
    if (r.type != memory_range::kind::ram) continue;
    const uint64_t first = std::max<uint64_t>(1, (r.start.value() + page_size - 1) >> page_shift);
    const uint64_t end = r.end() >> page_shift;
    if (first < end) ranges.emplace_back(first, end);
  }
  return ranges;
}

std::function<bool(uint64_t start, uint64_t end)> firmware_reserves(const machine_config& machine) {
  if (machine.firmware_map.empty()) return {};
  return [map = machine.firmware_map](uint64_t start, uint64_t end) {
    for (const memory_range& r : map) {
      if (r.start.value() >= end || r.end() <= start) continue;
      if (r.start.value() <= start) start = r.end();
      if (start >= end) {
        return r.type == memory_range::kind::reserved || r.type == memory_range::kind::acpi_nvs;
      }
    }
    return false;
  };
}

std::function<int(uint32_t)> node_of_proximity_domain(const machine_config& machine) {
  if (machine.proximity_domains.empty()) return {};
  return [domains = machine.proximity_domains](uint32_t domain) {
    const auto it = std::find(domains.begin(), domains.end(), domain);
    return it == domains.end() ? -1 : static_cast<int>(it - domains.begin());
  };
}

std::optional<absl::Span<const uint8_t>> acpi_dmar_table(const machine_config& machine) {
  const absl::Span<const uint8_t> bytes = machine.dmar_table;
  const std::string_view signature = dmar_layout::signature;
  if (bytes.size() < acpi_layout::header_size ||
      !std::equal(signature.begin(), signature.end(), bytes.begin())) {
    return std::nullopt;
  }
  const size_t length = *byte_cursor(bytes).read(acpi_layout::length);
  return bytes.subspan(0, std::min(length, bytes.size()));
}

std::optional<std::string> acpi_table_line(const machine_config& machine) {
  if (!acpi_dmar_table(machine)) return std::nullopt;
  const byte_cursor c(machine.dmar_table);
  // Bytes that cannot be printed show as question marks.
  const auto text = [&](const bytes_field& field) {
    std::string printed;
    for (size_t i = 0; i < field.size; ++i) {
      const char byte = static_cast<char>(machine.dmar_table[field.offset + i]);
      printed += byte >= ' ' && byte <= '~' ? byte : '?';
    }
    return printed;
  };
  return absl::StrFormat("ACPI: DMAR 0x%016X %06X (v%02d %s %s %08X %s %08X)",
                         machine.dmar_address.value(), *c.read(acpi_layout::length),
                         *c.read(acpi_layout::revision), text(acpi_layout::oem_id),
                         text(acpi_layout::oem_table_id), *c.read(acpi_layout::oem_revision),
                         text(acpi_layout::creator_id), *c.read(acpi_layout::creator_revision));
}

}  // namespace iommulab
