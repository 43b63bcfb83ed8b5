// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/dmar_surroundings.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/firmware/dmar_check.h"

namespace iommulab {
namespace {

namespace layout = dmar_layout;
using memory_kind = memory_range::kind;

/// What the map says of a part of a region, first and last byte. No type: nothing.
struct map_part {
  uint64_t first = 0;
  uint64_t last = 0;
  std::optional<memory_kind> type;
};

/// How bad a part is, the worst last; 0 for one that is as it should be.
int badness(const map_part& part) {
  if (!part.type) return 3;
  switch (*part.type) {
    case memory_kind::reserved:
      return 0;
    case memory_kind::acpi_nvs:
      return 1;
    case memory_kind::acpi_data:
    case memory_kind::unusable:
      return 2;
    case memory_kind::ram:
      return 4;
  }
  return 0;
}

/// The first of the worst parts of the bytes from `first` to `last`.
map_part worst_part(absl::Span<const memory_range> map, uint64_t first, uint64_t last) {
  map_part worst{first, last, memory_kind::reserved};
  const auto look = [&worst](const map_part& part) {
    if (badness(part) > badness(worst)) worst = part;
  };
  auto range = std::partition_point(map.begin(), map.end(),
                                    [&](const memory_range& r) { return r.end() - 1 < first; });
  uint64_t at = first;
  for (; range != map.end() && range->start.value() <= last; ++range) {
    if (range->start.value() > at) look({at, range->start.value() - 1, std::nullopt});
    const uint64_t range_last = std::min(range->end() - 1, last);
    look({std::max(at, range->start.value()), range_last, range->type});
    if (range_last == last) return worst;
    at = range_last + 1;
  }
  look({at, last, std::nullopt});
  return worst;
}

dmar_diagnosis diagnosis_of(const map_part& part) {
  if (!part.type) return dmar_diagnosis::rmrr_in_memory_hole;
  if (*part.type == memory_kind::ram) return dmar_diagnosis::rmrr_in_usable_memory;
  if (*part.type == memory_kind::acpi_nvs) return dmar_diagnosis::rmrr_in_acpi_nvs;
  return dmar_diagnosis::rmrr_not_reserved;
}

std::string meaning_of(const map_part& part) {
  if (!part.type) return "which the firmware's memory map does not list";
  switch (*part.type) {
    case memory_kind::ram:
      return "which the firmware's memory map gives as usable, so that the system hands it out";
    case memory_kind::acpi_nvs:
      return "which the firmware's memory map gives as ACPI NVS and not as reserved";
    default:
      return absl::StrFormat("which the firmware's memory map gives as %s and not as reserved",
                             name(*part.type));
  }
}

void check_rmrr(dmar_table& table, const dmar_structure& structure, const dmar_rmrr& rmrr,
                absl::Span<const memory_range> map) {
  const map_part worst = worst_part(map, rmrr.base, rmrr.limit);
  if (badness(worst) == 0) return;
  const bool whole = worst.first == rmrr.base && worst.last == rmrr.limit;
  std::string sentence =
      absl::StrFormat("the region 0x%x-0x%x ", rmrr.base, rmrr.limit) +
      (whole ? std::string("is memory ")
             : absl::StrFormat("has 0x%x-0x%x in it, ", worst.first, worst.last)) +
      meaning_of(worst);
  // e820__get_entry_type(): the kernels that say so today take NVS for reserved.
  if (worst.type != memory_kind::acpi_nvs) {
    sentence += absl::StrFormat(
        "; Linux since 5.5 says \"[Firmware Bug]: No firmware reserved region can cover this RMRR "
        "[0x%016x-0x%016x], contact BIOS vendor for fixes\"",
        rmrr.base, rmrr.limit);
  }
  table.findings.push_back(make_dmar_finding(diagnosis_of(worst),
                                             structure.offset + layout::rmrr::base.offset,
                                             "rmrr.base_address", rmrr.base, std::move(sentence)));
}

void check_drhd(dmar_table& table, const dmar_structure& structure, const dmar_drhd& drhd,
                absl::Span<const memory_range> map) {
  const uint64_t last =
      drhd.register_base + std::min(~drhd.register_base, drhd.register_set_size() - 1);
  const map_part worst = worst_part(map, drhd.register_base, last);
  if (worst.type != memory_kind::ram) return;
  table.findings.push_back(make_dmar_finding(
      dmar_diagnosis::drhd_in_usable_memory, structure.offset + layout::drhd::register_base.offset,
      "drhd.register_base_address", drhd.register_base,
      absl::StrFormat(
          "the unit's registers 0x%x-0x%x are said to lie in memory that the firmware's "
          "map gives as usable",
          drhd.register_base, last)));
}

void sort_findings(dmar_table& table) {
  std::stable_sort(table.findings.begin(), table.findings.end(),
                   [](const dmar_finding& a, const dmar_finding& b) { return a.where < b.where; });
}

}  // namespace

void check_against_memory(dmar_table& table, absl::Span<const memory_range> map) {
  if (map.empty()) return;
  for (const dmar_structure& structure : table.structures) {
    if (!structure.complete) continue;
    const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body);
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (rmrr != nullptr && rmrr->base <= rmrr->limit) check_rmrr(table, structure, *rmrr, map);
    if (drhd != nullptr) check_drhd(table, structure, *drhd, map);
  }
  sort_findings(table);
}

void check_against_io_apics(dmar_table& table, absl::Span<const madt_io_apic> io_apics) {
  // Firmware that offers no remapping of interrupts owes no scopes.
  if (!layout::header::intr_remap.in(table.flags)) return;
  bool has_units = false;
  std::set<uint8_t> named;
  for (const dmar_structure& structure : table.structures) {
    // A structure that is cut may name what the rest of it would.
    if (!structure.complete) return;
    if (std::get_if<dmar_drhd>(&structure.body) == nullptr) continue;
    has_units = true;
    for (const dmar_device_scope& scope : structure.scopes) {
      if (scope.type == static_cast<uint8_t>(layout::scope_type::ioapic)) {
        named.insert(scope.enumeration_id);
      }
    }
  }
  if (!has_units) return;
  for (const madt_io_apic& apic : io_apics) {
    if (named.count(apic.id) != 0) continue;
    table.findings.push_back(make_dmar_finding(
        dmar_diagnosis::io_apic_without_scope, layout::header::size, "drhd", apic.id,
        absl::StrFormat("no DRHD has a scope for the I/O APIC of id %d, which the "
                        "machine's MADT lists at 0x%x",
                        apic.id, apic.address)));
  }
  sort_findings(table);
}

void check_against_units(dmar_table& table, absl::Span<const phys_addr> bases) {
  std::vector<bool> described(bases.size(), false);
  bool all_known = table.decodable;
  for (const dmar_structure& structure : table.structures) {
    all_known &= structure.complete;
    const auto* drhd = std::get_if<dmar_drhd>(&structure.body);
    if (drhd == nullptr || !structure.complete) continue;
    const auto unit = std::find(bases.begin(), bases.end(), phys_addr(drhd->register_base));
    if (unit != bases.end()) {
      described[static_cast<std::size_t>(unit - bases.begin())] = true;
      continue;
    }
    table.findings.push_back(
        make_dmar_finding(dmar_diagnosis::drhd_without_hardware,
                          structure.offset + layout::drhd::register_base.offset,
                          "drhd.register_base_address", drhd->register_base,
                          absl::StrFormat("the machine has no unit at 0x%x: nothing answers there",
                                          drhd->register_base)));
  }
  for (std::size_t i = 0; i < bases.size(); ++i) {
    if (described[i] || !all_known) continue;
    table.findings.push_back(make_dmar_finding(
        dmar_diagnosis::hardware_without_drhd, layout::header::size, "drhd", bases[i].value(),
        absl::StrFormat("no DRHD describes the machine's unit at 0x%x", bases[i].value())));
  }
  sort_findings(table);
}

}  // namespace iommulab
