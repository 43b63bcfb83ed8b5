// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/madt_table.h"

#include "absl/strings/str_format.h"
#include "platform/firmware/acpi_table.h"

namespace iommulab {
namespace {

constexpr size_t first_structure = 44;  // behind the local APIC's address and flags
constexpr le_field<uint8_t> structure_type{0, "type"};
constexpr le_field<uint8_t> structure_length{1, "length"};
constexpr uint8_t smallest_structure = 2;

constexpr uint8_t type_local_apic = 0;
constexpr le_field<uint32_t> local_apic_flags{4, "flags"};
constexpr uint8_t type_io_apic = 1;
constexpr le_field<uint8_t> io_apic_id{2, "io_apic_id"};
constexpr le_field<uint32_t> io_apic_address{4, "io_apic_address"};
constexpr le_field<uint32_t> io_apic_gsi_base{8, "global_system_interrupt_base"};
constexpr uint8_t type_local_x2apic = 9;
constexpr le_field<uint32_t> local_x2apic_flags{8, "flags"};
constexpr uint32_t enabled = 1;

/// One structure; false for one that ends before its fields.
bool take(byte_cursor structure, madt_table& table) {
  const uint8_t type = *structure.read(structure_type);
  if (type == type_io_apic) {
    const auto gsi_base = structure.read(io_apic_gsi_base);
    if (!gsi_base) return false;
    table.io_apics.push_back(
        {*structure.read(io_apic_id), *structure.read(io_apic_address), *gsi_base});
  }
  if (type != type_local_apic && type != type_local_x2apic) return true;
  const auto flags =
      structure.read(type == type_local_apic ? local_apic_flags : local_x2apic_flags);
  if (!flags) return false;
  table.processors += *flags & enabled;
  return true;
}

}  // namespace

absl::StatusOr<madt_table> decode_madt(const std::string& file, absl::Span<const uint8_t> bytes) {
  const auto whole = whole_acpi_table(file, bytes, madt_signature);
  if (!whole.ok()) return whole.status();
  madt_table table;
  for (size_t at = first_structure; at < whole->size();) {
    const auto length = whole->u8(at + structure_length.offset);
    const auto structure =
        length.value_or(0) < smallest_structure ? std::nullopt : whole->sub(at, *length);
    if (!structure || !take(*structure, table)) {
      return errno_status(
          EINVAL, absl::StrFormat("%s: offset 0x%x: length is %s: the structure there does not fit",
                                  file, at, length ? absl::StrFormat("%d", *length) : "cut off"));
    }
    at += *length;
  }
  return table;
}

}  // namespace iommulab
