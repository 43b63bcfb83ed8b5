// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4 does was observed: it was booted with a table of each kind. Where a case was not
// booted, the sentence follows from drivers/iommu/dmar.c and intel-iommu.c of that release.
#include "intel/v4_4/firmware_findings.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/types/span.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab::v4_4 {
namespace {

struct table_behaviour {
  dmar_diagnosis diagnosis;
  std::string_view sentence;
};

/// Those that do not depend on the rest of the table.
struct table_behaviours {
  using enum dmar_diagnosis;
  static constexpr table_behaviour rows[] = {
      {bad_signature,
       "Linux 4.4 asks ACPI for a table named DMAR, does not see this one, and runs without "
       "IOMMU."},
      {table_header_truncated,
       "Linux 4.4 reads the missing fields from the bytes that follow the table."},
      {table_length_too_short,
       "Linux 4.4 does not compare it with its own header: it finds no structure, or takes the "
       "host "
       "address width from behind the table and turns the IOMMU off."},
      {bad_checksum,
       "Linux 4.4 accepts a table in firmware memory with a wrong checksum; it refuses the same "
       "table as an override."},
      {host_address_width_invalid,
       "Linux 4.4 refuses fields below 11 with \"Invalid DMAR haw\" and runs without IOMMU; it has "
       "no upper limit."},
      {no_drhd, "Linux 4.4 says \"No DRHD structure found in DMAR table\" and runs without IOMMU."},
      {trailing_bytes,
       "Linux 4.4 reads a structure's length from behind the table; when it finds 0 there after at "
       "least one unit, it loops forever in dmar_acpi_dev_scope_init()."},
      {reserved_not_zero, "Linux 4.4 does not look at it."},
      {unknown_structure_type, "Linux 4.4 skips the structure, and says so only when debugging."},
      {structure_too_short,
       "Linux 4.4 does not compare the length with the type: it takes the missing fields from the "
       "bytes that follow, even from behind the table."},
      {structure_overruns_table,
       "Linux 4.4 says \"Record passes table end\" and runs without IOMMU."},
      {structures_out_of_order, "Linux 4.4 accepts any order."},
      {drhd_base_zero,
       "Linux 4.4 warns \"Your BIOS is broken; DMAR reported at address 0!\" and runs without "
       "IOMMU, "
       "whatever other units there are."},
      {drhd_base_unaligned,
       "Linux 4.4 does not check it: it maps the registers from this address on."},
      {duplicate_drhd, "Linux 4.4 ignores the second, its scopes and flags included."},
      {drhd_base_in_two_segments,
       "Linux 4.4 says \"Can't reserve memory\" for the second and runs without IOMMU."},
      {drhd_beyond_host_address_width,
       "Linux 4.4 does not compare it with the width: it maps the registers, and finds none."},
      {drhd_without_scope, "Linux 4.4 ignores a unit that has no device present in its scope."},
      {include_all_not_last,
       "Linux 4.4 accepts it: it moves INCLUDE_PCI_ALL units to the end of its own list."},
      {include_all_twice, "Linux 4.4 accepts it: all devices go to the first of them."},
      {include_all_names_pci_device, "Linux 4.4 never matches a PCI device against such a scope."},
      {rmrr_end_below_base,
       "Linux 4.4 warns \"RMRR ends before it starts!\", does not map it, and goes on."},
      {rmrr_unaligned, "Linux 4.4 maps all pages that the region touches."},
      {rmrr_base_zero, "Linux 4.4 maps the region, the page at 0 included."},
      {rmrr_beyond_host_address_width,
       "Linux 4.4 compares it with the domain's address width only."},
      {rmrr_without_scope, "Linux 4.4 accepts it and maps it for no device."},
      {rmrr_duplicate, "Linux 4.4 accepts it: it clears the region and maps it again."},
      {rmrr_overlap, "Linux 4.4 accepts it: what both have in common is cleared and mapped again."},
      {rmrr_in_interrupt_range,
       "Linux 4.4 maps it; requests to these addresses never come to the tables."},
      {rmrr_over_unit_registers, "Linux 4.4 maps it."},
      {segment_without_drhd,
       "Linux 4.4 finds no unit for devices of this segment and leaves them untranslated."},
      {rhsa_refers_to_no_unit,
       "Linux 4.4 warns \"Your BIOS is broken; RHSA refers to non-existent DMAR unit\" and goes "
       "on."},
      {andd_name_unterminated,
       "Linux 4.4 warns \"ANDD object name is not NUL-terminated\" and runs without IOMMU."},
      {andd_without_scope,
       "Linux 4.4 says \"No IOMMU scope found for ANDD enumeration ID\" when the device exists."},
      {unknown_scope_type, "Linux 4.4 says \"Unsupported device scope\" and ignores the entry."},
      {scope_overruns_structure,
       "Linux 4.4 accepts it as the last entry; a path is read from behind the structure."},
      {scope_without_path, "Linux 4.4 accepts the entry, which then matches no PCI device."},
      {scope_path_odd, "Linux 4.4 leaves the odd byte out of the path."},
      {scope_path_out_of_range, "Linux 4.4 accepts the entry, which then matches no PCI device."},
      {scope_refers_to_no_andd, "Linux 4.4 accepts the entry, which then stands for no device."},
      {scope_trailing_byte,
       "Linux 4.4 takes the byte for a further entry whose length lies behind the structure."},
      {rmrr_in_usable_memory,
       "Linux 4.4 does not look at the memory map: it maps the region and hands the memory out to "
       "others as well."},
      {rmrr_in_memory_hole, "Linux 4.4 does not look at the memory map and maps the region."},
      {rmrr_not_reserved, "Linux 4.4 does not look at the memory map and maps the region."},
      {drhd_in_usable_memory, "Linux 4.4 does not look at the memory map."},
      {drhd_without_hardware,
       "Linux 4.4 gives up on a unit whose capabilities read all ones (\"DMAR reported at address "
       "... returns all ones!\") or name no table width (\"Cannot get a valid agaw\")."},
      {hardware_without_drhd, "Linux 4.4 does not know of the unit."},
  };
};

constexpr bool has_each_once(absl::Span<const table_behaviour> rows) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i - 1].diagnosis >= rows[i].diagnosis) return false;
  }
  return true;
}
static_assert(has_each_once(table_behaviours::rows),
              "a diagnosis is there twice, or not in its place");

/// The structure that the byte at `offset` belongs to; null for none.
const dmar_structure* structure_at(const dmar_table& table, std::size_t offset) {
  const auto behind = std::find_if(table.structures.begin(), table.structures.end(),
                                   [&](const dmar_structure& s) { return s.offset > offset; });
  return behind == table.structures.begin() ? nullptr : &*(behind - 1);
}

bool is_unit(const dmar_structure& structure) {
  return std::holds_alternative<dmar_drhd>(structure.body);
}

std::string_view on_structure_of_length_zero(const dmar_table& table, const dmar_structure& here) {
  const bool units_before =
      std::any_of(table.structures.begin(), table.structures.end(),
                  [&](const dmar_structure& s) { return s.offset < here.offset && is_unit(s); });
  return units_before ? "Linux 4.4 ends its first pass here, then loops forever on this structure "
                        "in dmar_acpi_dev_scope_init()."
                      : "Linux 4.4 takes this for the table's end, finds no unit before it, and "
                        "runs without IOMMU.";
}

/// Types that it does not know are skipped, and so are the scopes of an ATSR that names all ports.
bool scopes_are_walked(const dmar_structure& structure) {
  using dmar_layout::structure_type;
  const auto* const atsr = std::get_if<dmar_atsr>(&structure.body);
  return structure.type <= static_cast<uint16_t>(structure_type::atsr) &&
         (atsr == nullptr || !dmar_layout::atsr::all_ports.in(atsr->flags));
}

/// Steps through scopes by their lengths alone, to see whether one of length 0 stops the walk.
/// Bytes behind the file are unknown and end it.
bool scope_walk_hangs(const dmar_table& table, std::size_t start, std::size_t end) {
  const byte_cursor file(table.bytes);
  for (std::size_t at = start; at < end;) {
    const std::optional<uint8_t> length = file.u8(at + dmar_layout::scope::length.offset);
    if (!length) return false;
    if (*length == 0) return true;
    at += *length;
  }
  return false;
}

std::string_view on_short_scope(const dmar_table& table, const dmar_structure& here,
                                std::size_t length_at) {
  if (!scopes_are_walked(here)) return "Linux 4.4 does not read the scopes of this structure.";
  const std::size_t table_end = std::min<std::size_t>(table.bytes.size(), table.header.length);
  const std::size_t end = std::min(here.offset + here.length, table_end);
  return scope_walk_hangs(table, length_at - dmar_layout::scope::length.offset, end)
             ? "Linux 4.4 loops forever on it in dmar_alloc_dev_scope()."
             : "Linux 4.4 goes on from the middle of the entry.";
}

}  // namespace

std::string_view linux_4_4_behaviour(const dmar_table& table, const dmar_finding& finding) {
  using enum dmar_diagnosis;
  const dmar_structure* here = structure_at(table, finding.where);
  if (here != nullptr && finding.id == structure_length_zero) {
    return on_structure_of_length_zero(table, *here);
  }
  const bool short_scope = finding.id == scope_length_zero || finding.id == scope_too_short;
  if (here != nullptr && short_scope) return on_short_scope(table, *here, finding.where);
  for (const table_behaviour& known : table_behaviours::rows) {
    if (known.diagnosis == finding.id) return known.sentence;
  }
  return {};
}

}  // namespace iommulab::v4_4
