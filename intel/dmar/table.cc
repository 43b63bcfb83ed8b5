// SPDX-License-Identifier: GPL-2.0-or-later
#include "intel/dmar/table.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/unit.h"
#include "intel/iommu/rmrr.h"
#include "intel/memory.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_layout.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

using dmar_layout::structure_type;

constexpr size_t index_of(structure_type type) {
  return static_cast<size_t>(type);
}

// Fixed part of each known structure, by type.
constexpr std::array<size_t, dmar_type_reserved> fixed_sizes = {
    dmar_layout::drhd::fixed_size, dmar_layout::rmrr::fixed_size, dmar_layout::atsr::fixed_size,
    dmar_layout::rhsa::fixed_size, dmar_layout::andd::fixed_size};

byte_cursor cursor_of(const remapping_structure& s) {
  return byte_cursor(s.bytes, s.table_offset);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_table_print_dmar_entry()
void dmar_table_print_dmar_entry(intel_driver& drv, const remapping_structure& s, uint16_t type) {
  const byte_cursor c = cursor_of(s);
  switch (static_cast<structure_type>(type)) {
    case structure_type::drhd:
      drv.pr.info("DRHD base: 0x%014x flags: 0x%x", *c.read(dmar_layout::drhd::register_base),
                  *c.read(dmar_layout::drhd::flags));
      return;
    case structure_type::rmrr:
      drv.pr.info("RMRR base: 0x%014x end: 0x%014x", *c.read(dmar_layout::rmrr::base),
                  *c.read(dmar_layout::rmrr::limit));
      return;
    case structure_type::atsr:
      drv.pr.info("ATSR flags: 0x%x", *c.read(dmar_layout::atsr::flags));
      return;
    case structure_type::rhsa:
      drv.pr.info("RHSA base: 0x%014x proximity domain: 0x%x",
                  *c.read(dmar_layout::rhsa::register_base),
                  *c.read(dmar_layout::rhsa::proximity_domain));
      return;
    default:
      return;  // an ANDD is printed once its name was checked
  }
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_table_detect()
bool dmar_table_detect(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_table_detect");
  drv.dmar_tbl = drv.host.acpi_dmar_table ? drv.host.acpi_dmar_table() : std::nullopt;
  return drv.dmar_tbl.has_value();
}

absl::Span<const uint8_t> structures_of(absl::Span<const uint8_t> table) {
  return table.subspan(std::min(table.size(), dmar_layout::header::size));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_walk_dmar_table()
int dmar_walk_dmar_table(intel_driver& drv, const dmar_res_callback& cb) {
  return dmar_walk_remapping_entries(drv, structures_of(*drv.dmar_tbl), dmar_layout::header::size,
                                     cb);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_parse_one_andd()
int dmar_parse_one_andd(intel_driver& drv, const remapping_structure& s) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_andd");
  const auto name_begin = s.bytes.begin() + dmar_layout::andd::name_offset;
  if (std::find(name_begin, s.bytes.end(), uint8_t{0}) == s.bytes.end()) {
    drv.env.log.warn(broken_bios(drv, "ANDD object name is not NUL-terminated"));
    dmar_report(drv, table_refusal::andd_name_unterminated,
                s.table_offset + dmar_layout::andd::name_offset, s.bytes.size(),
                "ANDD object name has no NUL inside its structure");
    return -EINVAL;
  }
  drv.pr.info("ANDD device: %x name: %s", *cursor_of(s).read(dmar_layout::andd::device_number),
              dmar_andd_name(s));
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: parse_dmar_table()
int parse_dmar_table(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "parse_dmar_table");
  dmar_table_detect(drv);
  if (!drv.dmar_tbl) return -ENODEV;

  // A table cut before this byte has it read from what follows; zero is refused just the same.
  const byte_cursor table(*drv.dmar_tbl);
  const uint8_t width = table.read(dmar_layout::header::host_address_width).value_or(0);
  if (width < page_shift - 1) {
    drv.pr.warn("Invalid DMAR haw");
    dmar_report(
        drv, table_refusal::host_address_width_too_small,
        dmar_layout::header::host_address_width.offset, width,
        absl::StrFormat("host address width field is %d, less than %d", width, page_shift - 1));
    return -EINVAL;
  }
  drv.pr.info("Host address width %d", width + 1);

  int drhd_count = 0;
  dmar_res_callback cb;
  cb.print_entry = true;
  cb.ignore_unhandled = true;
  cb.cb[index_of(structure_type::drhd)] = [&](intel_driver& d, const remapping_structure& s) {
    const int ret = dmar_parse_one_drhd(d, s);
    if (ret == 0) ++drhd_count;
    return ret;
  };
  cb.cb[index_of(structure_type::rmrr)] = dmar_parse_one_rmrr;
  cb.cb[index_of(structure_type::atsr)] = dmar_parse_one_atsr;
  cb.cb[index_of(structure_type::rhsa)] = dmar_parse_one_rhsa;
  cb.cb[index_of(structure_type::andd)] = dmar_parse_one_andd;
  const int ret = dmar_walk_dmar_table(drv, cb);
  if (ret == 0 && drhd_count == 0) {
    drv.pr.warn("[Firmware Bug]: No DRHD structure found in DMAR table");
    dmar_report(drv, table_refusal::no_drhd, dmar_layout::header::size, 0,
                "the table has no DRHD structure");
  }
  return ret;
}

}  // namespace

std::string broken_bios(const intel_driver& drv, std::string_view sentence) {
  return absl::StrFormat("Your BIOS is broken; %s\nBIOS vendor: %s; Ver: %s; Product Version: %s",
                         sentence, drv.env.dmi.bios_vendor, drv.env.dmi.bios_version,
                         drv.env.dmi.product_version);
}

void dmar_report(intel_driver& drv, table_refusal what, size_t offset, uint64_t value,
                 std::string sentence) {
  drv.diagnoses.push_back({what, offset, value, std::move(sentence)});
  const table_diagnosis& d = drv.diagnoses.back();
  drv.trace.tell([&] {
    return events::diagnosis{
        .name = to_string(what), .address = offset, .value = value, .text = to_string(d)};
  });
}

void dmar_refuse(intel_driver& drv, table_refusal what, size_t offset, uint64_t value,
                 std::string sentence) {
  dmar_report(drv, what, offset, value, std::move(sentence));
  drv.pr.warn("[Firmware Bug]: %s", to_string(drv.diagnoses.back()));
}

std::string dmar_andd_name(const remapping_structure& andd) {
  const auto begin = andd.bytes.begin() + static_cast<std::ptrdiff_t>(std::min(
                                              andd.bytes.size(), dmar_layout::andd::name_offset));
  return std::string(begin, std::find(begin, andd.bytes.end(), uint8_t{0}));
}

int dmar_for_each_structure(intel_driver& drv, absl::Span<const uint8_t> table,
                            absl::FunctionRef<int(const remapping_structure&, uint16_t type)> fn) {
  namespace layout = dmar_layout::structure;
  const byte_cursor cursor(structures_of(table), dmar_layout::header::size);
  size_t at = 0;
  while (at < cursor.size()) {
    const byte_cursor rest = cursor.from(at);
    const auto type = rest.read(layout::type);
    const auto length = rest.read(layout::length);
    if (!type || !length) {
      dmar_refuse(
          drv, table_refusal::structure_header_cut, rest.origin(), rest.size(),
          absl::StrFormat("%d bytes follow the last structure, no header fits", rest.size()));
      return -EINVAL;
    }
    if (*length == 0) {
      dmar_refuse(drv, table_refusal::structure_length_zero, rest.origin() + layout::length.offset,
                  0, "structure length is 0");
      return -EINVAL;
    }
    const size_t inside = std::min<size_t>(*length, rest.size());
    const auto bytes = rest.bytes().subspan(0, inside);
    if (const int ret = fn({{bytes.begin(), bytes.end()}, rest.origin()}, *type); ret != 0) {
      return ret;
    }
    at += *length;
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_walk_remapping_entries()
int dmar_walk_remapping_entries(intel_driver& drv, absl::Span<const uint8_t> bytes,
                                size_t table_offset, const dmar_res_callback& cb) {
  namespace layout = dmar_layout::structure;
  IOMMULAB_CALL(drv.trace, "dmar_walk_remapping_entries");
  const byte_cursor cursor(bytes, table_offset);
  size_t at = 0;
  while (at < cursor.size()) {
    const byte_cursor rest = cursor.from(at);
    const auto type = rest.read(layout::type);
    const auto length = rest.read(layout::length);
    // A header that is cut reads as whatever follows the table; zero is what 4.4 was seen to find.
    if (!type || !length || *length == 0) {
      drv.pr.debug("[Firmware Bug]: Invalid 0-length structure");
      return 0;
    }
    if (*length > rest.size()) {
      drv.pr.warn("[Firmware Bug]: Record passes table end");
      dmar_report(drv, table_refusal::structure_passes_table_end,
                  rest.origin() + layout::length.offset, *length,
                  absl::StrFormat("structure length is 0x%x, %d bytes are left in the table",
                                  *length, rest.size()));
      return -EINVAL;
    }
    const auto span = rest.bytes().subspan(0, *length);
    const remapping_structure s{{span.begin(), span.end()}, rest.origin()};
    at += *length;

    if (*type >= dmar_type_reserved) {
      drv.pr.debug("Unknown DMAR structure type %d", *type);
      continue;
    }
    if (s.bytes.size() < fixed_sizes[*type]) {
      dmar_refuse(drv, table_refusal::structure_shorter_than_its_type,
                  s.table_offset + layout::length.offset, *length,
                  absl::StrFormat("structure of type %d is %d bytes long, its fields take %d",
                                  *type, *length, fixed_sizes[*type]));
      return -EINVAL;
    }
    if (cb.print_entry) dmar_table_print_dmar_entry(drv, s, *type);
    if (cb.cb[*type]) {
      if (const int ret = cb.cb[*type](drv, s); ret != 0) return ret;
    } else if (!cb.ignore_unhandled) {
      drv.pr.warn("No handler for DMAR structure type %d", *type);
      return -EINVAL;
    }
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_table_init()
int dmar_table_init(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_table_init");
  if (drv.dmar_table_initialized == 0) {
    int ret = parse_dmar_table(drv);
    if (ret < 0) {
      if (ret != -ENODEV) drv.pr.info("Parse DMAR table failure.");
    } else if (drv.dmar_drhd_units.empty()) {
      drv.pr.info("No DMAR devices found");
      ret = -ENODEV;
    }
    drv.dmar_table_initialized = ret < 0 ? ret : 1;
  }
  return std::min(drv.dmar_table_initialized, 0);
}

// Linux v4.4 drivers/iommu/dmar.c: warn_invalid_dmar()
void warn_invalid_dmar(intel_driver& drv, uint64_t addr, std::string_view message) {
  if (std::exchange(drv.warned_invalid_dmar, true)) return;
  drv.env.log.warn(
      broken_bios(drv, absl::StrFormat("DMAR reported at address %x%s!", addr, message)));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_validate_one_drhd()
int dmar_validate_one_drhd(intel_driver& drv, const remapping_structure& entry) {
  IOMMULAB_CALL(drv.trace, "dmar_validate_one_drhd");
  const uint64_t address = *cursor_of(entry).read(dmar_layout::drhd::register_base);
  const size_t offset = entry.table_offset + dmar_layout::drhd::register_base.offset;
  if (address == 0) {
    warn_invalid_dmar(drv, 0, "");
    dmar_report(drv, table_refusal::drhd_base_zero, offset, 0, "register base address is 0");
    return -EINVAL;
  }
  iomem regs(drv.host.mmio.map(phys_addr(address), page_size), drv.trace);
  const uint64_t cap = regs.readq(vtd::cap_reg);
  const uint64_t ecap = regs.readq(vtd::ecap_reg);
  if (cap == UINT64_MAX && ecap == UINT64_MAX) {
    warn_invalid_dmar(drv, address, " returns all ones");
    dmar_report(drv, table_refusal::drhd_reads_all_ones, offset, address,
                absl::StrFormat("no unit answers at register base address 0x%x", address));
    return -EINVAL;
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: detect_intel_iommu()
int detect_intel_iommu(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "detect_intel_iommu");
  bool found = dmar_table_detect(drv);
  if (found) {
    dmar_res_callback validate_drhd_cb;
    validate_drhd_cb.cb[index_of(structure_type::drhd)] = dmar_validate_one_drhd;
    validate_drhd_cb.ignore_unhandled = true;
    found = dmar_walk_dmar_table(drv, validate_drhd_cb) == 0;
  }
  if (found && !drv.options.no_iommu && !drv.options.iommu_detected && !drv.options.dmar_disabled) {
    drv.options.iommu_detected = true;
    drv.host.pci.request_acs();
  }
  drv.dmar_tbl.reset();
  return found ? 1 : -ENODEV;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_find_dmaru()
dmar_drhd_unit* dmar_find_dmaru(intel_driver& drv, const remapping_structure& drhd) {
  const byte_cursor c = cursor_of(drhd);
  const uint16_t segment = *c.read(dmar_layout::drhd::segment);
  const phys_addr base(*c.read(dmar_layout::drhd::register_base));
  for (dmar_drhd_unit& dmaru : drv.dmar_drhd_units) {
    if (dmaru.segment == segment && dmaru.reg_base_addr == base) return &dmaru;
  }
  return nullptr;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_parse_one_drhd()
int dmar_parse_one_drhd(intel_driver& drv, const remapping_structure& header) {
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_drhd");
  if (dmar_find_dmaru(drv, header) != nullptr) return 0;
  auto* dmaru = kernel_new<dmar_drhd_unit>(drv);
  if (dmaru == nullptr) return -ENOMEM;

  const byte_cursor c = cursor_of(header);
  dmaru->hdr = header;
  dmaru->reg_base_addr = phys_addr(*c.read(dmar_layout::drhd::register_base));
  dmaru->segment = *c.read(dmar_layout::drhd::segment);
  dmaru->include_all = dmar_layout::drhd::include_pci_all.in(*c.read(dmar_layout::drhd::flags));
  int ret = dmar_alloc_dev_scope(drv, dmaru->hdr, dmar_layout::drhd::fixed_size, dmaru->devices);
  if (ret == 0) {
    ret = alloc_iommu(drv, *dmaru);
    if (ret != 0) dmar_free_dev_scope(drv, dmaru->devices);
  }
  if (ret != 0) {
    kernel_delete(drv, dmaru);
    return ret;
  }
  // dmar_register_drhd_unit(): INCLUDE_ALL at the tail, so that a walk meets it last.
  if (dmaru->include_all) {
    drv.dmar_drhd_units.push_back(*dmaru);
  } else {
    drv.dmar_drhd_units.push_front(*dmaru);
  }
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_parse_one_rhsa()
int dmar_parse_one_rhsa(intel_driver& drv, const remapping_structure& header) {
  if (!drv.host.node_of_proximity_domain) return 0;  // a kernel without CONFIG_ACPI_NUMA
  IOMMULAB_CALL(drv.trace, "dmar_parse_one_rhsa");
  const byte_cursor c = cursor_of(header);
  const uint64_t base = *c.read(dmar_layout::rhsa::register_base);
  const uint32_t proximity_domain = *c.read(dmar_layout::rhsa::proximity_domain);
  for (dmar_drhd_unit& drhd : drv.dmar_drhd_units) {
    if (drhd.reg_base_addr.value() != base) continue;
    drhd.iommu->node = drv.host.node_of_proximity_domain(proximity_domain);
    return 0;
  }
  // The kernel prints the base of the list's head here, which is no unit; ours is the RHSA's.
  drv.env.log.warn(
      broken_bios(drv, absl::StrFormat("RHSA refers to non-existent DMAR unit at %x", base)));
  return 0;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_free_drhd()
void dmar_free_drhd(intel_driver& drv, dmar_drhd_unit* dmaru) {
  IOMMULAB_CALL(drv.trace, "dmar_free_drhd");
  if (!dmaru->devices.empty()) dmar_free_dev_scope(drv, dmaru->devices);
  if (dmaru->iommu != nullptr) free_iommu(drv, dmaru->iommu);
  kernel_delete(drv, dmaru);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_free_unused_resources()
int dmar_free_unused_resources(intel_driver& drv) {
  IOMMULAB_CALL(drv.trace, "dmar_free_unused_resources");
  if (drv.intel_iommu_enabled) return 0;
  if (drv.dmar_dev_scope_status != 1 && !drv.dmar_drhd_units.empty()) {
    dmar_unregister_bus_notifier(drv);
  }
  while (!drv.dmar_drhd_units.empty()) {
    dmar_drhd_unit& dmaru = drv.dmar_drhd_units.front();
    drv.dmar_drhd_units.pop_front();
    dmar_free_drhd(drv, &dmaru);
  }
  return 0;
}

}  // namespace iommulab
