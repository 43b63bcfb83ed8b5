// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/table.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "intel/dmar/scope.h"
#include "intel/dmar/unit.h"
#include "intel/hw/memory.h"
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
constexpr std::array<size_t, dmar_handled_types> fixed_sizes = {
    dmar_layout::drhd::fixed_size, dmar_layout::rmrr::fixed_size, dmar_layout::atsr::fixed_size,
    dmar_layout::rhsa::fixed_size, dmar_layout::andd::fixed_size, dmar_layout::satc::fixed_size};

byte_cursor cursor_of(const remapping_structure& s) {
  return byte_cursor(s.bytes, s.table_offset);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_table_print_dmar_entry()
void dmar_table_print_dmar_entry(dmar_state& dmar, const remapping_structure& s, uint16_t type) {
  const byte_cursor c = cursor_of(s);
  switch (static_cast<structure_type>(type)) {
    case structure_type::drhd:
      dmar.pr.info("DRHD base: 0x%014x flags: 0x%x", *c.read(dmar_layout::drhd::register_base),
                   *c.read(dmar_layout::drhd::flags));
      return;
    case structure_type::rmrr:
      dmar.pr.info("RMRR base: 0x%014x end: 0x%014x", *c.read(dmar_layout::rmrr::base),
                   *c.read(dmar_layout::rmrr::limit));
      return;
    case structure_type::atsr:
      dmar.pr.info("ATSR flags: 0x%x", *c.read(dmar_layout::atsr::flags));
      return;
    case structure_type::rhsa:
      dmar.pr.info("RHSA base: 0x%014x proximity domain: 0x%x",
                   *c.read(dmar_layout::rhsa::register_base),
                   *c.read(dmar_layout::rhsa::proximity_domain));
      return;
    case structure_type::satc:
      dmar.pr.info("SATC flags: 0x%x", *c.read(dmar_layout::satc::flags));
      return;
    default:
      return;  // an ANDD is printed once its name was checked
  }
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_table_detect()
bool dmar_table_detect(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_table_detect");
  dmar.dmar_tbl = dmar.host.acpi_dmar_table ? dmar.host.acpi_dmar_table() : std::nullopt;
  return this_call.result(dmar.dmar_tbl.has_value());
}

absl::Span<const uint8_t> structures_of(absl::Span<const uint8_t> table) {
  return table.subspan(std::min(table.size(), dmar_layout::header::size));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_walk_dmar_table()
int dmar_walk_dmar_table(dmar_state& dmar, const dmar_res_callback& cb) {
  return dmar_walk_remapping_entries(dmar, structures_of(*dmar.dmar_tbl), dmar_layout::header::size,
                                     cb);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_parse_one_andd()
int dmar_parse_one_andd(dmar_state& dmar, const remapping_structure& s) {
  IOMMULAB_CALL(dmar.trace, "dmar_parse_one_andd", {"header", s});
  const auto name_begin = s.bytes.begin() + dmar_layout::andd::name_offset;
  if (std::find(name_begin, s.bytes.end(), uint8_t{0}) == s.bytes.end()) {
    warn_broken_bios(dmar, "ANDD object name is not NUL-terminated");
    dmar_report(dmar, table_refusal::andd_name_unterminated,
                s.table_offset + dmar_layout::andd::name_offset, s.bytes.size(),
                "ANDD object name has no NUL inside its structure");
    return this_call.result(-EINVAL);
  }
  dmar.pr.info("ANDD device: %x name: %s", *cursor_of(s).read(dmar_layout::andd::device_number),
               dmar_andd_name(s));
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: parse_dmar_table()
int parse_dmar_table(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "parse_dmar_table");
  dmar_table_detect(dmar);
  if (!dmar.dmar_tbl) return this_call.result(-ENODEV);

  // A table cut before this byte has it read from what follows; zero is refused just the same.
  const byte_cursor table(*dmar.dmar_tbl);
  const uint8_t width = table.read(dmar_layout::header::host_address_width).value_or(0);
  if (width < page_shift - 1) {
    dmar.pr.warn("Invalid DMAR haw");
    dmar_report(
        dmar, table_refusal::host_address_width_too_small,
        dmar_layout::header::host_address_width.offset, width,
        absl::StrFormat("host address width field is %d, less than %d", width, page_shift - 1));
    return this_call.result(-EINVAL);
  }
  dmar.pr.info("Host address width %d", width + 1);

  int drhd_count = 0;
  dmar_res_callback cb;
  cb.print_entry = true;
  cb.ignore_unhandled = true;
  cb.cb = dmar.callbacks.parse;
  cb.cb[index_of(structure_type::drhd)] = [&](const remapping_structure& s) {
    const int ret = dmar_parse_one_drhd(dmar, s);
    if (ret == 0) ++drhd_count;
    return ret;
  };
  cb.cb[index_of(structure_type::rhsa)] = [&](const remapping_structure& s) {
    return dmar_parse_one_rhsa(dmar, s);
  };
  cb.cb[index_of(structure_type::andd)] = [&](const remapping_structure& s) {
    return dmar_parse_one_andd(dmar, s);
  };
  const int ret = dmar_walk_dmar_table(dmar, cb);
  if (ret == 0 && drhd_count == 0) {
    dmar.pr.warn("[Firmware Bug]: No DRHD structure found in DMAR table");
    dmar_report(dmar, table_refusal::no_drhd, dmar_layout::header::size, 0,
                "the table has no DRHD structure");
  }
  return this_call.result(ret);
}

// What the one parse of the table comes to: 1, or a negative errno.
int parse_once(dmar_state& dmar) {
  const int ret = parse_dmar_table(dmar);
  if (ret < 0) {
    if (ret != -ENODEV) dmar.pr.info("Parse DMAR table failure.");
    return ret;
  }
  if (!dmar.dmar_drhd_units.empty()) return 1;
  dmar.pr.info("No DMAR devices found");
  return -ENODEV;
}

}  // namespace

std::string broken_bios(const dmar_state& dmar, std::string_view sentence) {
  return absl::StrFormat("Your BIOS is broken; %s\nBIOS vendor: %s; Ver: %s; Product Version: %s",
                         sentence, dmar.env.dmi.bios_vendor, dmar.env.dmi.bios_version,
                         dmar.env.dmi.product_version);
}

void warn_broken_bios(const dmar_state& dmar, std::string_view sentence) {
  const std::string text = broken_bios(dmar, sentence);
  if (dmar.kernel.firmware_findings_are_warnings) {
    dmar.pr.warn("[Firmware Bug]: %s", text);
  } else {
    dmar.env.log.warn(text);
  }
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_platform_optin()
bool dmar_platform_optin(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_platform_optin");
  const auto table = dmar.host.acpi_dmar_table ? dmar.host.acpi_dmar_table() : std::nullopt;
  if (!table) return this_call.result(false);
  const uint8_t flags = byte_cursor(*table).read(dmar_layout::header::flags).value_or(0);
  return this_call.result(dmar_layout::header::dma_ctrl_platform_opt_in.in(flags));
}

void dmar_report(dmar_state& dmar, table_refusal what, size_t offset, uint64_t value,
                 std::string sentence) {
  const auto& kernel_does = dmar.callbacks.kernel_behaviour;
  table_diagnosis& d = dmar.diagnoses.emplace_back();
  d.id = what;
  d.where = offset;
  d.value = value;
  d.sentence = std::move(sentence);
  if (kernel_does) d.kernel_does = kernel_does(what);
  dmar.trace.tell([&d] {
    events::diagnosis event = event_of(d);
    event.text = to_string(d);
    return event;
  });
}

void dmar_refuse(dmar_state& dmar, table_refusal what, size_t offset, uint64_t value,
                 std::string sentence) {
  dmar_report(dmar, what, offset, value, std::move(sentence));
  dmar.pr.warn("[Firmware Bug]: %s", to_string(dmar.diagnoses.back()));
}

std::string dmar_andd_name(const remapping_structure& andd) {
  const auto begin = andd.bytes.begin() + static_cast<std::ptrdiff_t>(std::min(
                                              andd.bytes.size(), dmar_layout::andd::name_offset));
  return std::string(begin, std::find(begin, andd.bytes.end(), uint8_t{0}));
}

int dmar_for_each_structure(dmar_state& dmar, absl::Span<const uint8_t> table,
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
          dmar, table_refusal::structure_header_cut, rest.origin(), rest.size(),
          absl::StrFormat("%d bytes follow the last structure, no header fits", rest.size()));
      return -EINVAL;
    }
    if (*length == 0) {
      dmar_refuse(dmar, table_refusal::structure_length_zero, rest.origin() + layout::length.offset,
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
int dmar_walk_remapping_entries(dmar_state& dmar, absl::Span<const uint8_t> bytes,
                                size_t table_offset, const dmar_res_callback& cb) {
  namespace layout = dmar_layout::structure;
  IOMMULAB_CALL(dmar.trace, "dmar_walk_remapping_entries", {"start", table_offset},
                {"len", bytes.size()});
  const byte_cursor cursor(bytes, table_offset);
  size_t at = 0;
  while (at < cursor.size()) {
    const byte_cursor rest = cursor.from(at);
    const auto type = rest.read(layout::type);
    const auto length = rest.read(layout::length);
    // A header that is cut reads as whatever follows the table; zero is what 4.4 was seen to find.
    if (!type || !length || *length == 0) {
      dmar.pr.debug("[Firmware Bug]: Invalid 0-length structure");
      return this_call.result(0);
    }
    if (*length > rest.size()) {
      dmar.pr.warn("[Firmware Bug]: Record passes table end");
      dmar_report(dmar, table_refusal::structure_passes_table_end,
                  rest.origin() + layout::length.offset, *length,
                  absl::StrFormat("structure length is 0x%x, %d bytes are left in the table",
                                  *length, rest.size()));
      return this_call.result(-EINVAL);
    }
    const auto span = rest.bytes().subspan(0, *length);
    const remapping_structure s{{span.begin(), span.end()}, rest.origin()};
    at += *length;

    if (*type >= dmar.kernel.type_reserved) {
      dmar.pr.debug("Unknown DMAR structure type %d", *type);
      continue;
    }
    if (s.bytes.size() < fixed_sizes[*type]) {
      dmar_refuse(dmar, table_refusal::structure_shorter_than_its_type,
                  s.table_offset + layout::length.offset, *length,
                  absl::StrFormat("structure of type %d is %d bytes long, its fields take %d",
                                  *type, *length, fixed_sizes[*type]));
      return this_call.result(-EINVAL);
    }
    if (cb.print_entry) dmar_table_print_dmar_entry(dmar, s, *type);
    if (cb.cb[*type]) {
      if (const int ret = cb.cb[*type](s); ret != 0) return this_call.result(ret);
    } else if (!cb.ignore_unhandled) {
      dmar.pr.warn("No handler for DMAR structure type %d", *type);
      return this_call.result(-EINVAL);
    }
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_table_init(). Interrupt and DMA remapping both ask for it;
// the second gets the first one's answer.
int dmar_table_init(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_table_init");
  if (dmar.dmar_table_initialized == 0) dmar.dmar_table_initialized = parse_once(dmar);
  return this_call.result(std::min(dmar.dmar_table_initialized, 0));
}

// Linux v4.4 drivers/iommu/dmar.c: warn_invalid_dmar()
void warn_invalid_dmar(dmar_state& dmar, uint64_t addr, std::string_view message) {
  if (std::exchange(dmar.warned_invalid_dmar, true)) return;
  warn_broken_bios(dmar, absl::StrFormat("DMAR reported at address %x%s!", addr, message));
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_validate_one_drhd()
int dmar_validate_one_drhd(dmar_state& dmar, const remapping_structure& entry) {
  IOMMULAB_CALL(dmar.trace, "dmar_validate_one_drhd", {"entry", entry});
  const uint64_t address = *cursor_of(entry).read(dmar_layout::drhd::register_base);
  const size_t offset = entry.table_offset + dmar_layout::drhd::register_base.offset;
  if (address == 0) {
    warn_invalid_dmar(dmar, 0, "");
    dmar_report(dmar, table_refusal::drhd_base_zero, offset, 0, "register base address is 0");
    return this_call.result(-EINVAL);
  }
  iomem regs(dmar.host.mmio.map(phys_addr(address), page_size), dmar.trace);
  const uint64_t cap = regs.readq(vtd::cap_reg);
  const uint64_t ecap = regs.readq(vtd::ecap_reg);
  if (cap == UINT64_MAX && ecap == UINT64_MAX) {
    warn_invalid_dmar(dmar, address, " returns all ones");
    dmar_report(dmar, table_refusal::drhd_reads_all_ones, offset, address,
                absl::StrFormat("no unit answers at register base address 0x%x", address));
    return this_call.result(-EINVAL);
  }
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: detect_intel_iommu()
int detect_intel_iommu(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "detect_intel_iommu");
  bool found = dmar_table_detect(dmar);
  if (found) {
    dmar_res_callback validate_drhd_cb;
    validate_drhd_cb.cb[index_of(structure_type::drhd)] = [&](const remapping_structure& s) {
      return dmar_validate_one_drhd(dmar, s);
    };
    validate_drhd_cb.ignore_unhandled = true;
    found = dmar_walk_dmar_table(dmar, validate_drhd_cb) == 0;
  }
  const auto required = [&dmar] {
    return dmar.callbacks.required ? dmar.callbacks.required()
                                   : !dmar.switches.no_iommu && !dmar.switches.dmar_disabled;
  };
  if (found && !dmar.switches.iommu_detected && required()) {
    dmar.switches.iommu_detected = true;
    dmar.host.pci.request_acs();
  }
  dmar.dmar_tbl.reset();
  const int ret = found ? 1 : -ENODEV;
  IOMMULAB_RESULT(dmar.trace, {"", ret}, {"iommu_detected", dmar.switches.iommu_detected},
                  {"x86_init.iommu.iommu_init", found ? "intel_iommu_init" : "iommu_init_noop"});
  return ret;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_find_dmaru()
dmar_drhd_unit* dmar_find_dmaru(dmar_state& dmar, const remapping_structure& drhd) {
  const byte_cursor c = cursor_of(drhd);
  const uint16_t segment = *c.read(dmar_layout::drhd::segment);
  const phys_addr base(*c.read(dmar_layout::drhd::register_base));
  for (dmar_drhd_unit& dmaru : dmar.dmar_drhd_units) {
    if (dmaru.segment == segment && dmaru.reg_base_addr == base) return &dmaru;
  }
  return nullptr;
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_parse_one_drhd()
int dmar_parse_one_drhd(dmar_state& dmar, const remapping_structure& header) {
  IOMMULAB_CALL(dmar.trace, "dmar_parse_one_drhd", {"header", header});
  if (dmar_find_dmaru(dmar, header) != nullptr) return this_call.result(0);
  kernel_ptr<dmar_drhd_unit> dmaru = kernel_new<dmar_drhd_unit>(dmar);
  if (dmaru == nullptr) return this_call.result(-ENOMEM);

  const byte_cursor c = cursor_of(header);
  dmaru->hdr = header;
  dmaru->reg_base_addr = phys_addr(*c.read(dmar_layout::drhd::register_base));
  dmaru->segment = *c.read(dmar_layout::drhd::segment);
  constexpr unsigned size_mask = (1U << dmar_layout::drhd::size_order_bits) - 1;
  dmaru->reg_size = page_size << (*c.read(dmar_layout::drhd::size) & size_mask);
  dmaru->include_all = dmar_layout::drhd::include_pci_all.in(*c.read(dmar_layout::drhd::flags));
  int ret = dmar_alloc_dev_scope(dmar, dmaru->hdr, dmar_layout::drhd::fixed_size, dmaru->devices);
  if (ret == 0) {
    ret = alloc_iommu(dmar, *dmaru);
    if (ret != 0) dmar_free_dev_scope(dmar, dmaru->devices);
  }
  if (ret != 0) return this_call.result(ret);
  // dmar_register_drhd_unit(): INCLUDE_ALL at the tail, so that a walk meets it last.
  drhd_list& units = dmar.dmar_drhd_units;
  const auto place = dmaru->include_all ? units.end() : units.begin();
  units.insert(place, *dmaru.release());
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_parse_one_rhsa()
int dmar_parse_one_rhsa(dmar_state& dmar, const remapping_structure& header) {
  if (!dmar.host.node_of_proximity_domain) return 0;  // a kernel without CONFIG_ACPI_NUMA
  IOMMULAB_CALL(dmar.trace, "dmar_parse_one_rhsa", {"header", header});
  const byte_cursor c = cursor_of(header);
  const uint64_t base = *c.read(dmar_layout::rhsa::register_base);
  const uint32_t proximity_domain = *c.read(dmar_layout::rhsa::proximity_domain);
  for (dmar_drhd_unit& drhd : dmar.dmar_drhd_units) {
    if (drhd.reg_base_addr.value() != base) continue;
    drhd.iommu->node = dmar.host.node_of_proximity_domain(proximity_domain);
    return this_call.result(0);
  }
  // The kernel prints the base of the list's head here, which is no unit; ours is the RHSA's.
  if (dmar.callbacks.diverges) dmar.callbacks.diverges(dmar_divergence::rhsa_without_unit);
  warn_broken_bios(dmar, absl::StrFormat("RHSA refers to non-existent DMAR unit at %x", base));
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_free_drhd()
void dmar_free_drhd(dmar_state& dmar, dmar_drhd_unit* dmaru) {
  IOMMULAB_CALL(dmar.trace, "dmar_free_drhd", {"dmaru", dmaru});
  if (!dmaru->devices.empty()) dmar_free_dev_scope(dmar, dmaru->devices);
  if (dmaru->iommu != nullptr) free_iommu(dmar, dmaru->iommu);
  kernel_delete(dmar, dmaru);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_free_unused_resources()
int dmar_free_unused_resources(dmar_state& dmar) {
  IOMMULAB_CALL(dmar.trace, "dmar_free_unused_resources");
  if (dmar.intel_iommu_enabled) return this_call.result(0);
  if (dmar.dmar_dev_scope_status != 1 && !dmar.dmar_drhd_units.empty()) {
    dmar_unregister_bus_notifier(dmar);
  }
  while (!dmar.dmar_drhd_units.empty()) {
    dmar_drhd_unit& dmaru = dmar.dmar_drhd_units.front();
    dmar.dmar_drhd_units.pop_front();
    dmar_free_drhd(dmar, &dmaru);
  }
  return this_call.result(0);
}

}  // namespace iommulab
