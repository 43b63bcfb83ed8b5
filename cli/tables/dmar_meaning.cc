// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tables/dmar_meaning.h"

#include <initializer_list>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

namespace layout = dmar_layout;

/// "INCLUDE_PCI_ALL (all devices …)", the set flags in turn, or "no flag set".
std::string flags_text(uint64_t bits, std::initializer_list<layout::flag> known) {
  std::string result;
  const auto append = [&](const std::string& part) {
    if (!result.empty()) result += ", ";
    result += part;
  };
  uint64_t unknown = bits;
  for (const layout::flag& flag : known) {
    unknown &= ~uint64_t{flag.mask()};
    if (flag.in(bits)) append(absl::StrFormat("%s (%s)", flag.name, flag.meaning));
  }
  if (unknown != 0) append(absl::StrFormat("reserved 0x%x", unknown));
  return result.empty() ? "no flag set" : result;
}

std::string bytes_text(uint64_t count) {
  return absl::StrFormat("%d byte%s", count, count == 1 ? "" : "s");
}

std::string flags_of(const dmar_structure& structure, uint64_t bits) {
  if (std::holds_alternative<dmar_drhd>(structure.body)) {
    return flags_text(bits, {layout::drhd::include_pci_all});
  }
  if (std::holds_alternative<dmar_atsr>(structure.body)) {
    return flags_text(bits, {layout::atsr::all_ports});
  }
  return flags_text(bits, {layout::satc::atc_required});
}

std::string region_size_text(const dmar_rmrr& rmrr) {
  if (rmrr.limit < rmrr.base) return "the last byte; before the first";
  return absl::StrFormat("the last byte; the region has %s",
                         bytes_text(rmrr.limit - rmrr.base + 1));
}

}  // namespace

std::string header_field_meaning(const dmar_table& table, const dmar_field& field) {
  if (field.name == acpi_layout::length.name) return bytes_text(field.value);
  if (field.name == acpi_layout::checksum.name) {
    if (table.header.length > table.bytes.size()) return "bytes are missing";
    const bool good = acpi_sum(absl::MakeSpan(table.bytes).first(table.header.length)) == 0;
    return good ? "good" : "wrong";
  }
  if (field.name == layout::header::host_address_width.name) {
    return absl::StrFormat("%d bits", field.value + 1);
  }
  if (field.name == layout::header::flags.name) {
    return flags_text(field.value, {layout::header::intr_remap, layout::header::x2apic_opt_out,
                                    layout::header::dma_ctrl_platform_opt_in});
  }
  return "";
}

std::string structure_field_meaning(const dmar_structure& structure, const dmar_field& field) {
  if (field.name == layout::structure::type.name) {
    return std::string(dmar_structure_name(structure.type));
  }
  if (field.name == layout::structure::length.name) return bytes_text(field.value);
  if (field.name == layout::drhd::flags.name) return flags_of(structure, field.value);
  if (field.name == layout::drhd::size.name) {
    if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
      return "registers of " + bytes_text(drhd->register_set_size());
    }
  }
  if (field.name == layout::rmrr::limit.name) {
    if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body)) {
      return region_size_text(*rmrr);
    }
  }
  return "";
}

std::string scope_field_meaning(const dmar_device_scope& scope, const dmar_field& field) {
  if (field.name == layout::scope::type.name) {
    return std::string(dmar_scope_type_name(scope.type));
  }
  if (field.name == layout::scope::length.name) return bytes_text(field.value);
  if (field.name != layout::scope::enumeration_id.name) return "";
  switch (static_cast<layout::scope_type>(scope.type)) {
    case layout::scope_type::ioapic:
      return absl::StrFormat("I/O APIC id %d", field.value);
    case layout::scope_type::msi_capable_hpet:
      return absl::StrFormat("HPET number %d", field.value);
    case layout::scope_type::acpi_namespace_device:
      return absl::StrFormat("ACPI device number %d", field.value);
    default:
      return "";
  }
}

std::string dmar_path_text(const dmar_device_scope& scope) {
  std::string result = absl::StrFormat("%02x", scope.start_bus);
  char separator = ':';
  for (const dmar_path_hop& hop : scope.path) {
    result += absl::StrFormat("%c%02x.%x", separator, hop.device, hop.function);
    separator = '/';
  }
  return result;
}

std::string dmar_value_text(const dmar_table& table, const dmar_field& field) {
  std::string result;
  switch (field.shown_as) {
    case dmar_field::kind::number:
      return absl::StrFormat("0x%0*x", static_cast<int>(2 * field.size), field.value);
    case dmar_field::kind::text:
      for (const uint8_t byte : table.raw(field)) result.push_back(static_cast<char>(byte));
      return '"' + printable(result) + '"';
    case dmar_field::kind::bytes:
      for (const uint8_t byte : table.raw(field)) {
        if (!result.empty()) result += ' ';
        result += absl::StrFormat("%02x", byte);
      }
      return result;
  }
  return result;
}

}  // namespace iommulab
