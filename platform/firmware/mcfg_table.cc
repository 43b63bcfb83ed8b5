// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/mcfg_table.h"

#include <limits>

#include "absl/strings/str_format.h"
#include "platform/firmware/acpi_table.h"

namespace iommulab {
namespace {

constexpr size_t first_window = 44;  // behind eight reserved bytes
constexpr size_t window_size = 16;
constexpr le_field<uint64_t> window_base{0, "base_address"};
constexpr le_field<uint16_t> window_segment{8, "segment"};
constexpr le_field<uint8_t> window_first_bus{10, "start_bus"};
constexpr le_field<uint8_t> window_last_bus{11, "end_bus"};
constexpr uint64_t bytes_of_bus = uint64_t{1} << 20;
constexpr uint64_t bytes_of_segment = bytes_of_bus << 8;

}  // namespace

phys_addr mcfg_window::start() const {
  return base + first_bus * bytes_of_bus;
}
uint64_t mcfg_window::length() const {
  return (last_bus - first_bus + 1U) * bytes_of_bus;
}

absl::StatusOr<std::vector<mcfg_window>> decode_mcfg(const std::string& file,
                                                     absl::Span<const uint8_t> bytes) {
  const auto whole = whole_acpi_table(file, bytes, mcfg_signature);
  if (!whole.ok()) return whole.status();
  const auto refuse = [&](size_t at, std::string_view field, uint64_t value, const char* why) {
    return errno_status(
        EINVAL, absl::StrFormat("%s: offset 0x%x: %s is 0x%x: %s", file, at, field, value, why));
  };
  std::vector<mcfg_window> windows;
  for (size_t at = first_window; at < whole->size(); at += window_size) {
    const auto entry = whole->sub(at, window_size);
    if (!entry) {
      return refuse(at, "length", whole->size(), "the table ends within a window's 16 bytes");
    }
    const mcfg_window window{phys_addr(*entry->read(window_base)), *entry->read(window_segment),
                             *entry->read(window_first_bus), *entry->read(window_last_bus)};
    if (window.last_bus < window.first_bus) {
      return refuse(at + window_last_bus.offset, window_last_bus.name, window.last_bus,
                    "less than the window's first bus");
    }
    if (window.base.value() > std::numeric_limits<uint64_t>::max() - bytes_of_segment) {
      return refuse(at, window_base.name, window.base.value(), "the window ends beyond 64 bits");
    }
    windows.push_back(window);
  }
  return windows;
}

}  // namespace iommulab
