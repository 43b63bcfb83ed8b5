// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/dmar_check.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/types.h"

namespace iommulab {
namespace {

namespace layout = dmar_layout;

/// A structure with its decoded body.
template <typename Body>
struct found {
  const dmar_structure* structure;
  const Body* body;

  [[nodiscard]] std::size_t at(std::size_t field_offset) const {
    return structure->offset + field_offset;
  }
};

class dmar_checker {
 public:
  explicit dmar_checker(dmar_table& table) : table_(table) {
    for (const dmar_structure& structure : table.structures) {
      keep(structure, drhds_);
      keep(structure, rmrrs_);
      keep(structure, rhsas_);
      keep(structure, andds_);
      // A unit that overruns the table still counts as one.
      if (structure.type == static_cast<uint16_t>(layout::structure_type::drhd)) ++units_;
    }
  }

  void check() {
    check_header();
    check_order();
    for (std::size_t i = 0; i < drhds_.size(); ++i) check_drhd(i);
    for (const auto& rmrr : rmrrs_) check_rmrr(rmrr);
    for (const auto& rhsa : rhsas_) check_rhsa(rhsa);
    check_namespace_devices();
    for (const dmar_structure& structure : table_.structures) {
      check_reserved(structure);
      for (const dmar_device_scope& scope : structure.scopes) check_scope(structure, scope);
    }
  }

 private:
  template <typename Body>
  static void keep(const dmar_structure& structure, std::vector<found<Body>>& list) {
    const auto* const body = std::get_if<Body>(&structure.body);
    if (body != nullptr && structure.complete) list.push_back({&structure, body});
  }
  void check_header();
  void check_order();
  void check_drhd(std::size_t index);
  void check_drhd_width(const found<dmar_drhd>& drhd);
  void check_drhd_against_earlier(std::size_t index);
  void check_drhd_scopes(const found<dmar_drhd>& drhd);
  void check_rmrr(const found<dmar_rmrr>& rmrr);
  void check_rhsa(const found<dmar_rhsa>& rhsa);
  void check_namespace_devices();
  void check_reserved(const dmar_structure& structure);
  void check_scope(const dmar_structure& structure, const dmar_device_scope& scope);
  void reserved(std::size_t offset, std::string field, uint64_t value) {
    if (value == 0) return;
    add(dmar_diagnosis::reserved_not_zero, offset, std::move(field), value,
        absl::StrFormat("reserved bits hold 0x%x", value));
  }
  void add(dmar_diagnosis diagnosis, std::size_t offset, std::string field, uint64_t value,
           std::string sentence) {
    table_.findings.push_back(
        make_dmar_finding(diagnosis, offset, std::move(field), value, std::move(sentence)));
  }

  dmar_table& table_;
  std::vector<found<dmar_drhd>> drhds_;
  std::vector<found<dmar_rmrr>> rmrrs_;
  std::vector<found<dmar_rhsa>> rhsas_;
  std::vector<found<dmar_andd>> andds_;
  std::map<uint64_t, std::set<uint16_t>> segments_of_base_;  ///< of the units looked at so far
  std::set<uint16_t> include_all_;                           ///< segments with such a unit so far
  std::size_t units_ = 0;
};

/// `flags` without the bits that have a meaning.
template <typename... Flag>
uint64_t without(uint64_t flags, Flag... known) {
  return flags & ~(uint64_t{0} | ... | uint64_t{known.mask()});
}

/// How many bits it takes to write the address.
unsigned address_bits_of(uint64_t address) {
  return static_cast<unsigned>(std::bit_width(address));
}

bool is_scope(const dmar_device_scope& scope, layout::scope_type type) {
  return scope.type == static_cast<uint8_t>(type);
}
bool is_pci_scope(const dmar_device_scope& scope) {
  return is_scope(scope, layout::scope_type::pci_endpoint) ||
         is_scope(scope, layout::scope_type::pci_sub_hierarchy);
}

void dmar_checker::check_header() {
  // A width below a page's makes no sense, nor one above what an address holds.
  constexpr unsigned address_bits = 64;
  const unsigned bits = table_.host_address_bits();
  if (bits < page_shift || bits > address_bits) {
    add(dmar_diagnosis::host_address_width_invalid, layout::header::host_address_width.offset,
        "host_address_width", table_.host_address_width,
        absl::StrFormat("the host address width is %d bits, outside %d to %d", bits, page_shift,
                        address_bits));
  }
  reserved(layout::header::flags.offset, "flags",
           without(table_.flags, layout::header::intr_remap, layout::header::x2apic_opt_out,
                   layout::header::dma_ctrl_platform_opt_in));
  for (std::size_t i = 0; i < layout::header::reserved.size; ++i) {
    const std::size_t offset = layout::header::reserved.offset + i;
    reserved(offset, "reserved", table_.bytes[offset]);
  }
  if (units_ == 0) {
    add(dmar_diagnosis::no_drhd, layout::header::size, "drhd", 0,
        "the table describes no remapping hardware unit");
  }
}

void dmar_checker::check_order() {
  uint16_t highest = 0;
  for (const dmar_structure& structure : table_.structures) {
    if (structure.type < highest) {
      add(dmar_diagnosis::structures_out_of_order, structure.offset, "structure.type",
          structure.type,
          absl::StrFormat("a structure of type %d follows one of type %d; types are to ascend",
                          structure.type, highest));
    }
    highest = std::max(highest, structure.type);
  }
}

void dmar_checker::check_drhd(std::size_t index) {
  const found<dmar_drhd>& drhd = drhds_[index];
  const std::size_t base_at = drhd.at(layout::drhd::register_base.offset);
  const uint64_t base = drhd.body->register_base;
  if (base == 0) {
    add(dmar_diagnosis::drhd_base_zero, base_at, "drhd.register_base_address", base,
        "the unit's registers are said to lie at address 0");
  } else if (base % page_size != 0) {
    add(dmar_diagnosis::drhd_base_unaligned, base_at, "drhd.register_base_address", base,
        absl::StrFormat("the unit's registers begin at 0x%x, not at a page boundary", base));
  }
  check_drhd_width(drhd);
  check_drhd_against_earlier(index);
  check_drhd_scopes(drhd);
}

void dmar_checker::check_drhd_width(const found<dmar_drhd>& drhd) {
  const unsigned allowed = table_.host_address_bits();
  if (allowed < page_shift) return;  // nothing is right then, and that has been said
  const uint64_t base = drhd.body->register_base;
  const uint64_t room = ~base;  // bytes behind the first, up to the last that there is
  const uint64_t last = base + std::min(room, drhd.body->register_set_size() - 1);
  if (address_bits_of(last) <= allowed) return;
  add(dmar_diagnosis::drhd_beyond_host_address_width, drhd.at(layout::drhd::register_base.offset),
      "drhd.register_base_address", base,
      absl::StrFormat(
          "the unit's registers 0x%x-0x%x need %d address bits, the table allows %d: no "
          "access reaches them",
          base, last, address_bits_of(last), allowed));
}

void dmar_checker::check_drhd_against_earlier(std::size_t index) {
  const found<dmar_drhd>& drhd = drhds_[index];
  const uint64_t base = drhd.body->register_base;
  const std::size_t base_at = drhd.at(layout::drhd::register_base.offset);
  const std::size_t flags_at = drhd.at(layout::drhd::flags.offset);
  const uint16_t segment = drhd.body->segment;
  std::set<uint16_t>& segments = segments_of_base_[base];
  const bool same_unit = segments.count(segment) != 0;
  const bool other_segment = segments.size() > (same_unit ? 1U : 0U);
  const bool behind_include_all = include_all_.count(segment) != 0;
  segments.insert(segment);
  if (drhd.body->include_all()) include_all_.insert(segment);
  if (same_unit) {
    add(dmar_diagnosis::duplicate_drhd, base_at, "drhd.register_base_address", base,
        absl::StrFormat("the unit at 0x%x of segment %d was described before", base,
                        drhd.body->segment));
    return;  // Its flags say nothing of their own.
  }
  if (other_segment) {
    add(dmar_diagnosis::drhd_base_in_two_segments, base_at, "drhd.register_base_address", base,
        absl::StrFormat("a unit at 0x%x was described before, for another segment", base));
  }
  if (!behind_include_all) return;
  if (drhd.body->include_all()) {
    add(dmar_diagnosis::include_all_twice, flags_at, "drhd.flags", drhd.body->flags,
        absl::StrFormat("an earlier unit of segment %d has INCLUDE_PCI_ALL already",
                        drhd.body->segment));
  } else {
    add(dmar_diagnosis::include_all_not_last, flags_at, "drhd.flags", drhd.body->flags,
        absl::StrFormat("an earlier unit of segment %d has INCLUDE_PCI_ALL, which belongs to the "
                        "last",
                        drhd.body->segment));
  }
}

void dmar_checker::check_drhd_scopes(const found<dmar_drhd>& drhd) {
  const std::vector<dmar_device_scope>& scopes = drhd.structure->scopes;
  if (!drhd.body->include_all()) {
    if (scopes.empty()) {
      add(dmar_diagnosis::drhd_without_scope, drhd.at(layout::structure::length.offset),
          "drhd.length", drhd.structure->length,
          "the unit neither includes all devices nor names one");
    }
    return;
  }
  for (const dmar_device_scope& scope : scopes) {
    if (!is_pci_scope(scope)) continue;
    add(dmar_diagnosis::include_all_names_pci_device, scope.offset, "scope.type", scope.type,
        "a unit that includes all PCI devices names one");
  }
}

void dmar_checker::check_rmrr(const found<dmar_rmrr>& rmrr) {
  const uint64_t base = rmrr.body->base;
  const uint64_t limit = rmrr.body->limit;
  const std::size_t base_at = rmrr.at(layout::rmrr::base.offset);
  const std::size_t limit_at = rmrr.at(layout::rmrr::limit.offset);
  if (limit < base) {
    add(dmar_diagnosis::rmrr_end_below_base, limit_at, "rmrr.limit_address", limit,
        absl::StrFormat("the region 0x%x-0x%x ends before it begins", base, limit));
  }
  if (base % page_size != 0) {
    add(dmar_diagnosis::rmrr_unaligned, base_at, "rmrr.base_address", base,
        absl::StrFormat("the region begins at 0x%x, not at a page boundary", base));
  }
  if (limit % page_size != page_size - 1) {
    add(dmar_diagnosis::rmrr_unaligned, limit_at, "rmrr.limit_address", limit,
        absl::StrFormat("the region's last byte is 0x%x, not the last of a page", limit));
  }
  if (base == 0) {
    add(dmar_diagnosis::rmrr_base_zero, base_at, "rmrr.base_address", base,
        "the region begins at address 0");
  }
  const unsigned allowed = table_.host_address_bits();
  const unsigned width = address_bits_of(std::max(base, limit));
  if (width > allowed) {
    const bool limit_too_high = address_bits_of(limit) > allowed;
    add(dmar_diagnosis::rmrr_beyond_host_address_width, limit_too_high ? limit_at : base_at,
        limit_too_high ? "rmrr.limit_address" : "rmrr.base_address", limit_too_high ? limit : base,
        absl::StrFormat("the region 0x%x-0x%x needs %d address bits, the table allows %d", base,
                        limit, width, allowed));
  }
  if (rmrr.structure->scopes.empty()) {
    add(dmar_diagnosis::rmrr_without_scope, rmrr.at(layout::structure::length.offset),
        "rmrr.length", rmrr.structure->length, "the region is reserved for no device");
  }
}

void dmar_checker::check_rhsa(const found<dmar_rhsa>& rhsa) {
  const uint64_t base = rhsa.body->register_base;
  const bool known = segments_of_base_.count(base) != 0;
  if (known) return;
  add(dmar_diagnosis::rhsa_refers_to_no_unit, rhsa.at(layout::rhsa::register_base.offset),
      "rhsa.register_base_address", base, absl::StrFormat("no unit lies at 0x%x", base));
}

void dmar_checker::check_namespace_devices() {
  std::set<uint8_t> declared;
  std::set<uint8_t> referred_to;
  for (const auto& andd : andds_) declared.insert(andd.body->device_number);
  for (const dmar_structure& structure : table_.structures) {
    for (const dmar_device_scope& scope : structure.scopes) {
      if (!scope.complete || !is_scope(scope, layout::scope_type::acpi_namespace_device)) continue;
      referred_to.insert(scope.enumeration_id);
      if (declared.contains(scope.enumeration_id)) continue;
      add(dmar_diagnosis::scope_refers_to_no_andd,
          scope.offset + layout::scope::enumeration_id.offset, "scope.enumeration_id",
          scope.enumeration_id,
          absl::StrFormat("no ANDD structure declares ACPI device %d", scope.enumeration_id));
    }
  }
  for (const auto& andd : andds_) {
    if (referred_to.contains(andd.body->device_number)) continue;
    add(dmar_diagnosis::andd_without_scope, andd.at(layout::andd::device_number.offset),
        "andd.acpi_device_number", andd.body->device_number,
        absl::StrFormat("no device scope refers to ACPI device %d", andd.body->device_number));
  }
}

void dmar_checker::check_reserved(const dmar_structure& structure) {
  const std::size_t at = structure.offset;
  if (const auto* drhd = std::get_if<dmar_drhd>(&structure.body)) {
    reserved(at + layout::drhd::flags.offset, "drhd.flags",
             without(drhd->flags, layout::drhd::include_pci_all));
    reserved(
        at + layout::drhd::size.offset, "drhd.size",
        uint64_t{drhd->size} >> layout::drhd::size_order_bits << layout::drhd::size_order_bits);
  } else if (const auto* rmrr = std::get_if<dmar_rmrr>(&structure.body)) {
    reserved(at + layout::rmrr::reserved.offset, "rmrr.reserved", rmrr->reserved);
  } else if (const auto* atsr = std::get_if<dmar_atsr>(&structure.body)) {
    reserved(at + layout::atsr::flags.offset, "atsr.flags",
             without(atsr->flags, layout::atsr::all_ports));
    reserved(at + layout::atsr::reserved.offset, "atsr.reserved", atsr->reserved);
  } else if (const auto* rhsa = std::get_if<dmar_rhsa>(&structure.body)) {
    reserved(at + layout::rhsa::reserved.offset, "rhsa.reserved", rhsa->reserved);
  } else if (const auto* satc = std::get_if<dmar_satc>(&structure.body)) {
    reserved(at + layout::satc::flags.offset, "satc.flags",
             without(satc->flags, layout::satc::atc_required));
    reserved(at + layout::satc::reserved.offset, "satc.reserved", satc->reserved);
  } else if (const auto* sidp = std::get_if<dmar_sidp>(&structure.body)) {
    reserved(at + layout::sidp::reserved.offset, "sidp.reserved", sidp->reserved);
  } else if (std::holds_alternative<dmar_andd>(structure.body)) {
    for (const dmar_field& field : structure.fields) {
      if (field.offset != at + layout::andd::reserved.offset) continue;
      for (std::size_t i = 0; i < field.size; ++i) {
        reserved(field.offset + i, "andd.reserved", table_.bytes[field.offset + i]);
      }
    }
  }
}

void dmar_checker::check_scope(const dmar_structure& structure, const dmar_device_scope& scope) {
  constexpr auto first_type = static_cast<uint8_t>(layout::scope_type::pci_endpoint);
  constexpr auto last_type = static_cast<uint8_t>(layout::scope_type::acpi_namespace_device);
  if (scope.type < first_type || scope.type > last_type) {
    add(dmar_diagnosis::unknown_scope_type, scope.offset, "scope.type", scope.type,
        absl::StrFormat("device scope type %d is not known", scope.type));
  }
  // Only a SIDP's scopes have flags.
  if (structure.type != static_cast<uint16_t>(layout::structure_type::sidp)) {
    reserved(scope.offset + layout::scope::flags.offset, "scope.flags", scope.flags);
  }
  reserved(scope.offset + layout::scope::reserved.offset, "scope.reserved", scope.reserved);
  if (!scope.complete) return;

  const std::size_t length_at = scope.offset + layout::scope::length.offset;
  if (scope.path.empty()) {
    add(dmar_diagnosis::scope_without_path, length_at, "scope.length", scope.length,
        "the device scope has no path: it names a bus and no device");
  }
  if ((scope.length - layout::scope::fixed_size) % layout::path::size != 0) {
    add(dmar_diagnosis::scope_path_odd, length_at, "scope.length", scope.length,
        absl::StrFormat("%d bytes of path are no whole number of hops",
                        scope.length - layout::scope::fixed_size));
  }
  constexpr unsigned devices_of_a_bus = 32;
  constexpr unsigned functions_of_a_device = 8;
  for (std::size_t i = 0; i < scope.path.size(); ++i) {
    const std::size_t hop_at = scope.offset + layout::scope::fixed_size + i * layout::path::size;
    const auto [device, function] = scope.path[i];
    if (device >= devices_of_a_bus) {
      add(dmar_diagnosis::scope_path_out_of_range, hop_at + layout::path::device.offset,
          "path.device", device, absl::StrFormat("no bus has a device %d", device));
    }
    if (function >= functions_of_a_device) {
      add(dmar_diagnosis::scope_path_out_of_range, hop_at + layout::path::function.offset,
          "path.function", function, absl::StrFormat("no device has a function %d", function));
    }
  }
}

}  // namespace

void check_dmar(dmar_table& table) {
  dmar_checker(table).check();
  check_regions(table);
}

}  // namespace iommulab
