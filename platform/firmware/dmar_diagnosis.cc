// SPDX-License-Identifier: GPL-2.0-or-later
//
// What Linux 4.4 does was observed: it was booted with a table of each kind. Where a case was not
// booted, the sentence follows from drivers/iommu/dmar.c and intel-iommu.c of that release.
#include "platform/firmware/dmar_diagnosis.h"

namespace iommulab {
namespace {

using enum dmar_diagnosis;
using enum dmar_severity;

constexpr dmar_diagnosis_info infos[] = {
    {bad_signature, error, "bad_signature",
     "Linux 4.4 asks ACPI for a table named DMAR, does not see this one, and runs without IOMMU."},
    {table_header_truncated, error, "table_header_truncated",
     "Linux 4.4 reads the missing fields from the bytes that follow the table."},
    {table_length_too_short, error, "table_length_too_short",
     "Linux 4.4 does not compare it with its own header: it finds no structure, or takes the host "
     "address width from behind the table and turns the IOMMU off."},
    {table_truncated, error, "table_truncated", ""},
    {bytes_behind_table, warning, "bytes_behind_table", ""},
    {bad_checksum, warning, "bad_checksum",
     "Linux 4.4 accepts a table in firmware memory with a wrong checksum; it refuses the same "
     "table as an override."},
    {host_address_width_invalid, error, "host_address_width_invalid",
     "Linux 4.4 refuses fields below 11 with \"Invalid DMAR haw\" and runs without IOMMU; it has "
     "no upper limit."},
    {no_drhd, error, "no_drhd",
     "Linux 4.4 says \"No DRHD structure found in DMAR table\" and runs without IOMMU."},
    {trailing_bytes, error, "trailing_bytes",
     "Linux 4.4 reads a structure's length from behind the table; when it finds 0 there after at "
     "least one unit, it loops forever in dmar_acpi_dev_scope_init()."},
    {reserved_not_zero, note, "reserved_not_zero", "Linux 4.4 does not look at it."},
    {unknown_structure_type, warning, "unknown_structure_type",
     "Linux 4.4 skips the structure, and says so only when debugging."},
    {structure_length_zero, error, "structure_length_zero", ""},
    {structure_too_short, error, "structure_too_short",
     "Linux 4.4 does not compare the length with the type: it takes the missing fields from the "
     "bytes that follow, even from behind the table."},
    {structure_overruns_table, error, "structure_overruns_table",
     "Linux 4.4 says \"Record passes table end\" and runs without IOMMU."},
    {structures_out_of_order, warning, "structures_out_of_order", "Linux 4.4 accepts any order."},
    {drhd_base_zero, error, "drhd_base_zero",
     "Linux 4.4 warns \"Your BIOS is broken; DMAR reported at address 0!\" and runs without IOMMU, "
     "whatever other units there are."},
    {drhd_base_unaligned, error, "drhd_base_unaligned",
     "Linux 4.4 does not check it: it maps the registers from this address on."},
    {duplicate_drhd, warning, "duplicate_drhd",
     "Linux 4.4 ignores the second, its scopes and flags included."},
    {drhd_base_in_two_segments, error, "drhd_base_in_two_segments",
     "Linux 4.4 says \"Can't reserve memory\" for the second and runs without IOMMU."},
    {drhd_without_scope, warning, "drhd_without_scope",
     "Linux 4.4 ignores a unit that has no device present in its scope."},
    {include_all_not_last, warning, "include_all_not_last",
     "Linux 4.4 accepts it: it moves INCLUDE_PCI_ALL units to the end of its own list."},
    {include_all_twice, warning, "include_all_twice",
     "Linux 4.4 accepts it: all devices go to the first of them."},
    {include_all_names_pci_device, note, "include_all_names_pci_device",
     "Linux 4.4 never matches a PCI device against such a scope."},
    {rmrr_end_below_base, error, "rmrr_end_below_base",
     "Linux 4.4 warns \"RMRR ends before it starts!\", does not map it, and goes on."},
    {rmrr_unaligned, warning, "rmrr_unaligned",
     "Linux 4.4 maps all pages that the region touches."},
    {rmrr_base_zero, warning, "rmrr_base_zero",
     "Linux 4.4 maps the region, the page at 0 included."},
    {rmrr_beyond_host_address_width, warning, "rmrr_beyond_host_address_width",
     "Linux 4.4 compares it with the domain's address width only."},
    {rmrr_without_scope, warning, "rmrr_without_scope",
     "Linux 4.4 accepts it and maps it for no device."},
    {rhsa_refers_to_no_unit, warning, "rhsa_refers_to_no_unit",
     "Linux 4.4 warns \"Your BIOS is broken; RHSA refers to non-existent DMAR unit\" and goes on."},
    {andd_name_unterminated, error, "andd_name_unterminated",
     "Linux 4.4 warns \"ANDD object name is not NUL-terminated\" and runs without IOMMU."},
    {andd_without_scope, note, "andd_without_scope",
     "Linux 4.4 says \"No IOMMU scope found for ANDD enumeration ID\" when the device exists."},
    {unknown_scope_type, warning, "unknown_scope_type",
     "Linux 4.4 says \"Unsupported device scope\" and ignores the entry."},
    {scope_length_zero, error, "scope_length_zero", ""},
    {scope_too_short, error, "scope_too_short", ""},
    {scope_overruns_structure, error, "scope_overruns_structure",
     "Linux 4.4 accepts it as the last entry; a path is read from behind the structure."},
    {scope_without_path, warning, "scope_without_path",
     "Linux 4.4 accepts the entry, which then matches no PCI device."},
    {scope_path_odd, warning, "scope_path_odd", "Linux 4.4 leaves the odd byte out of the path."},
    {scope_path_out_of_range, warning, "scope_path_out_of_range",
     "Linux 4.4 accepts the entry, which then matches no PCI device."},
    {scope_refers_to_no_andd, warning, "scope_refers_to_no_andd",
     "Linux 4.4 accepts the entry, which then stands for no device."},
    {scope_trailing_byte, error, "scope_trailing_byte",
     "Linux 4.4 takes the byte for a further entry whose length lies behind the structure."},
};

constexpr bool in_order() {
  std::size_t i = 0;
  for (const dmar_diagnosis_info& row : infos) {
    if (static_cast<std::size_t>(row.diagnosis) != i++) return false;
  }
  return i == static_cast<std::size_t>(scope_trailing_byte) + 1;
}
static_assert(in_order(), "a diagnosis has no row, or not in its place");

}  // namespace

absl::Span<const dmar_diagnosis_info> all_dmar_diagnoses() {
  return infos;
}

const dmar_diagnosis_info& describe(dmar_diagnosis diagnosis) {
  return infos[static_cast<std::size_t>(diagnosis)];
}

bool is_damage(dmar_diagnosis diagnosis) {
  switch (diagnosis) {
    case bad_signature:
    case table_header_truncated:
    case table_length_too_short:
    case table_truncated:
    case trailing_bytes:
    case structure_length_zero:
    case structure_too_short:
    case structure_overruns_table:
    case scope_length_zero:
    case scope_too_short:
    case scope_overruns_structure:
      return true;
    default:
      return false;
  }
}

std::string_view name(dmar_diagnosis diagnosis) {
  return describe(diagnosis).name;
}

std::string_view name(dmar_severity severity) {
  switch (severity) {
    case note:
      return "note";
    case warning:
      return "warning";
    case error:
      return "error";
  }
  return "error";
}

}  // namespace iommulab
