// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/line_fields.h"

#include <array>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "cli/fault/reading/scanner.h"
#include "core/text_source.h"

namespace iommulab {
namespace {

/// The parts of "0000:00:02.0" as numbers; none when there are too many or one is no number.
struct device_parts {
  std::array<uint64_t, 4> values{};
  size_t count = 0;
};

std::optional<device_parts> split_device(std::string_view text) {
  device_parts parts;
  while (true) {
    const size_t end = text.find_first_of(":.");
    const std::string_view part = text.substr(0, end);
    const auto value = whole_hex(part);
    if (!value || parts.count == parts.values.size()) return std::nullopt;
    parts.values[parts.count++] = *value;
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

absl::Status unreadable_field(std::string_view field, std::string_view value,
                              std::string_view why) {
  return errno_status(EINVAL, absl::StrFormat("%s is %s: %s", field, quoted(value), why));
}

absl::Status read_device(std::string_view text, fault_line& fault) {
  constexpr size_t without_segment = 3;
  constexpr uint64_t largest_segment = 0xffffffff;
  const auto parts = split_device(trimmed(text));
  if (parts && parts->count >= without_segment) {
    const bool with_segment = parts->count > without_segment;
    const size_t first = with_segment ? 1 : 0;
    const uint64_t segment = with_segment ? parts->values[0] : 0;
    const uint64_t bus = parts->values[first];
    const uint64_t device = parts->values[first + 1];
    const uint64_t function = parts->values[first + 2];
    if (segment <= largest_segment && bus <= 0xff && device <= 0x1f && function <= 7) {
      source_id id;
      id.bus = static_cast<uint8_t>(bus);
      id.devfn = pci_devfn(static_cast<unsigned>(device), static_cast<unsigned>(function));
      if (segment <= 0xffff) id.segment = static_cast<uint16_t>(segment);
      fault.device = id;
      if (with_segment) fault.segment = static_cast<uint32_t>(segment);
      return absl::OkStatus();
    }
  }
  return unreadable_field("device", text, "not bus, device and function like 00:02.0");
}

void tell_interrupts_apart(fault_line& fault) {
  constexpr unsigned index_shift = 48;
  if (fault.kind != fault_kind::dma || !fault.reason || !fault.address) return;
  if (*fault.reason < 0x20 || *fault.reason > 0x2f) return;
  fault.kind = fault_kind::interrupt;
  fault.index = static_cast<uint32_t>(*fault.address >> index_shift);
}

}  // namespace iommulab
