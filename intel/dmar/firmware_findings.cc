// SPDX-License-Identifier: GPL-2.0-only
//
// What Linux 4.4 does was observed: it was booted with a table of each kind. Where a case was not
// booted, the sentence follows from drivers/iommu/dmar.c and intel-iommu.c of that release; what
// later ones do, from theirs.
#include "intel/dmar/firmware_findings.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/str_replace.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {
namespace {

/// Those that do not depend on the rest of the table.
struct table_behaviours {
  using enum dmar_diagnosis;
  static constexpr table_behaviour rows[] = {
      {bad_signature,
       "%s asks ACPI for a table named DMAR, does not see this one, and runs without "
       "IOMMU."},
      {table_header_truncated, "%s reads the missing fields from the bytes that follow the table."},
      {table_length_too_short,
       "%s does not compare it with its own header: it finds no structure, or takes the "
       "host "
       "address width from behind the table and turns the IOMMU off."},
      {bad_checksum,
       "%s accepts a table in firmware memory with a wrong checksum; it refuses the same "
       "table as an override."},
      {host_address_width_invalid,
       "%s refuses fields below 11 with \"Invalid DMAR haw\" and runs without IOMMU; it has "
       "no upper limit."},
      {no_drhd, "%s says \"No DRHD structure found in DMAR table\" and runs without IOMMU."},
      {trailing_bytes,
       "%s reads a structure's length from behind the table; when it finds 0 there after at "
       "least one unit, it loops forever in dmar_acpi_dev_scope_init()."},
      {reserved_not_zero, "%s does not look at it."},
      {unknown_structure_type, "%s skips the structure, and says so only when debugging."},
      {structure_too_short,
       "%s does not compare the length with the type: it takes the missing fields from the "
       "bytes that follow, even from behind the table."},
      {structure_overruns_table, "%s says \"Record passes table end\" and runs without IOMMU."},
      {structures_out_of_order, "%s accepts any order."},
      {drhd_base_zero,
       "%s warns \"Your BIOS is broken; DMAR reported at address 0!\" and runs without "
       "IOMMU, "
       "whatever other units there are."},
      {drhd_base_unaligned, "%s does not check it: it maps the registers from this address on."},
      {duplicate_drhd, "%s ignores the second, its scopes and flags included."},
      {drhd_base_in_two_segments,
       "%s says \"Can't reserve memory\" for the second and runs without IOMMU."},
      {drhd_beyond_host_address_width,
       "%s does not compare it with the width: it maps the registers, and finds none."},
      {drhd_without_scope, "%s ignores a unit that has no device present in its scope."},
      {include_all_not_last,
       "%s accepts it: it moves INCLUDE_PCI_ALL units to the end of its own list."},
      {include_all_twice, "%s accepts it: all devices go to the first of them."},
      {include_all_names_pci_device, "%s never matches a PCI device against such a scope."},
      {rmrr_end_below_base,
       "%s warns \"RMRR ends before it starts!\", does not map it, and goes on."},
      {rmrr_unaligned, "%s maps all pages that the region touches."},
      {rmrr_base_zero, "%s maps the region, the page at 0 included."},
      {rmrr_beyond_host_address_width, "%s compares it with the domain's address width only."},
      {rmrr_without_scope, "%s accepts it and maps it for no device."},
      {rmrr_duplicate, "%s accepts it: it clears the region and maps it again."},
      {rmrr_overlap, "%s accepts it: what both have in common is cleared and mapped again."},
      {rmrr_in_interrupt_range,
       "%s maps it; requests to these addresses never come to the tables."},
      {rmrr_over_unit_registers, "%s maps it."},
      {segment_without_drhd,
       "%s finds no unit for devices of this segment and leaves them untranslated."},
      {rhsa_refers_to_no_unit,
       "%s warns \"Your BIOS is broken; RHSA refers to non-existent DMAR unit\" and goes "
       "on."},
      {andd_name_unterminated,
       "%s warns \"ANDD object name is not NUL-terminated\" and runs without IOMMU."},
      {andd_without_scope,
       "%s says \"No IOMMU scope found for ANDD enumeration ID\" when the device exists."},
      {unknown_scope_type, "%s says \"Unsupported device scope\" and ignores the entry."},
      {scope_overruns_structure,
       "%s accepts it as the last entry; a path is read from behind the structure."},
      {scope_without_path, "%s accepts the entry, which then matches no PCI device."},
      {scope_path_odd, "%s leaves the odd byte out of the path."},
      {scope_path_out_of_range, "%s accepts the entry, which then matches no PCI device."},
      {scope_refers_to_no_andd, "%s accepts the entry, which then stands for no device."},
      {scope_trailing_byte,
       "%s takes the byte for a further entry whose length lies behind the structure."},
      {rmrr_in_usable_memory,
       "%s does not look at the memory map: it maps the region and hands the memory out to "
       "others as well."},
      {rmrr_in_memory_hole, "%s does not look at the memory map and maps the region."},
      {rmrr_not_reserved, "%s does not look at the memory map and maps the region."},
      {drhd_in_usable_memory, "%s does not look at the memory map."},
      {drhd_without_hardware,
       "%s gives up on a unit whose capabilities read all ones (\"DMAR reported at address "
       "... returns all ones!\") or name no table width (\"Cannot get a valid agaw\")."},
      {hardware_without_drhd, "%s does not know of the unit."},
      {io_apic_without_scope,
       "%s says \"[Firmware Bug]: ioapic N has no mapping iommu, interrupt remapping will be "
       "disabled\" and leaves interrupts unremapped; DMA remapping is not touched by it."},
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
  const auto behind =
      std::partition_point(table.structures.begin(), table.structures.end(),
                           [&](const dmar_structure& s) { return s.offset <= offset; });
  return behind == table.structures.begin() ? nullptr : &*(behind - 1);
}

bool is_unit(const dmar_structure& structure) {
  return std::holds_alternative<dmar_drhd>(structure.body);
}

std::string_view on_structure_of_length_zero(const dmar_table& table, const dmar_structure& here) {
  const bool units_before =
      std::any_of(table.structures.begin(), table.structures.end(),
                  [&](const dmar_structure& s) { return s.offset < here.offset && is_unit(s); });
  return units_before ? "%s ends its first pass here, then loops forever on this structure "
                        "in dmar_acpi_dev_scope_init()."
                      : "%s takes this for the table's end, finds no unit before it, and "
                        "runs without IOMMU.";
}

/// Types that it does not know are skipped, and so are the scopes of an ATSR that names all ports.
bool scopes_are_walked(const table_reader_kernel& kernel, const dmar_structure& structure) {
  const auto* const atsr = std::get_if<dmar_atsr>(&structure.body);
  const bool is_satc = std::holds_alternative<dmar_satc>(structure.body);
  return (structure.type <= static_cast<uint16_t>(dmar_layout::structure_type::atsr) ||
          (is_satc && kernel.knows_satc)) &&
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

std::string_view on_short_scope(const table_reader_kernel& kernel, const dmar_table& table,
                                const dmar_structure& here, std::size_t length_at) {
  if (!scopes_are_walked(kernel, here)) return "%s does not read the scopes of this structure.";
  const std::size_t table_end = std::min<std::size_t>(table.bytes.size(), table.header.length);
  const std::size_t end = std::min(here.offset + here.length, table_end);
  return scope_walk_hangs(table, length_at - dmar_layout::scope::length.offset, end)
             ? "%s loops forever on it in dmar_alloc_dev_scope()."
             : "%s goes on from the middle of the entry.";
}

std::string_view sentence_about(const table_reader_kernel& kernel, const dmar_table& table,
                                const dmar_finding& finding) {
  using enum dmar_diagnosis;
  const dmar_structure* here = structure_at(table, finding.where);
  if (here != nullptr && finding.id == structure_length_zero) {
    return on_structure_of_length_zero(table, *here);
  }
  const bool short_scope = finding.id == scope_length_zero || finding.id == scope_too_short;
  if (here != nullptr && short_scope) return on_short_scope(kernel, table, *here, finding.where);
  for (const absl::Span<const table_behaviour> rows :
       {kernel.own, absl::MakeConstSpan(table_behaviours::rows)}) {
    for (const table_behaviour& known : rows) {
      if (known.diagnosis == finding.id) return known.sentence;
    }
  }
  return {};
}

}  // namespace

std::string kernel_behaviour(const table_reader_kernel& kernel, const dmar_table& table,
                             const dmar_finding& finding) {
  return absl::StrReplaceAll(std::string(sentence_about(kernel, table, finding)),
                             {{"%s", std::string(kernel.name)}});
}

}  // namespace iommulab
