// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/dmar_table.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "core/status.h"
#include "platform/firmware/dmar_check.h"

namespace iommulab {
namespace {

namespace layout = dmar_layout;

struct structure_kind {
  std::string_view name;
  std::string_view title;
  std::size_t fixed_size;
  bool has_scopes;
};

// Indexed by type.
constexpr structure_kind kinds[] = {
    {"DRHD", "DMA Remapping Hardware Unit Definition", layout::drhd::fixed_size, true},
    {"RMRR", "Reserved Memory Region Reporting", layout::rmrr::fixed_size, true},
    {"ATSR", "Root Port ATS Capability Reporting", layout::atsr::fixed_size, true},
    {"RHSA", "Remapping Hardware Static Affinity", layout::rhsa::fixed_size, false},
    {"ANDD", "ACPI Name-space Device Declaration", layout::andd::fixed_size, false},
    {"SATC", "SoC Integrated Address Translation Cache", layout::satc::fixed_size, true},
    {"SIDP", "SoC Integrated Device Property", layout::sidp::fixed_size, true},
};
static_assert(std::size(kinds) == layout::first_unknown_structure_type);

constexpr structure_kind unknown_kind = {"unknown", "unknown structure",
                                         layout::structure::header_size, false};

const structure_kind& kind_of(uint16_t type) {
  return type < std::size(kinds) ? kinds[type] : unknown_kind;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// Reads the fields of one structure and keeps a record of each. A field that lies outside reads
/// as 0 and leaves no record.
class field_reader {
 public:
  field_reader(byte_cursor at, std::vector<dmar_field>& fields) : at_(at), fields_(fields) {}

  template <typename T>
  T number(le_field<T> field) {
    const std::optional<T> value = at_.read(field);
    if (!value) return 0;
    fields_.push_back(
        {at_.origin() + field.offset, sizeof(T), field.name, dmar_field::kind::number, *value});
    return *value;
  }
  void run(bytes_field field, dmar_field::kind kind) {
    if (!at_.covers(field.offset, field.size)) return;
    fields_.push_back({at_.origin() + field.offset, field.size, field.name, kind, 0});
  }

 private:
  byte_cursor at_;
  std::vector<dmar_field>& fields_;
};

class dmar_decoder {
 public:
  explicit dmar_decoder(dmar_table& table) : table_(table), file_(table.bytes) {}

  void decode();

 private:
  bool decode_header();
  void check_extent();
  /// Where the next structure begins, or nothing when it cannot be known.
  std::optional<std::size_t> decode_structure(std::size_t start);
  void decode_body(byte_cursor at, dmar_structure& structure);
  dmar_andd decode_andd(byte_cursor at, field_reader& read, dmar_structure& structure);
  void decode_scopes(byte_cursor at, dmar_structure& structure);
  std::optional<std::size_t> decode_scope(byte_cursor structure_at, std::size_t start,
                                          dmar_structure& structure);
  void decode_path(byte_cursor at, dmar_device_scope& scope, field_reader& read);

  [[nodiscard]] std::string in_structure(uint16_t type, std::string_view field) const {
    return absl::StrFormat("%s.%s", lower(kind_of(type).name), field);
  }
  void add(dmar_diagnosis diagnosis, std::size_t offset, std::string field, uint64_t value,
           std::string sentence) {
    table_.findings.push_back(
        make_dmar_finding(diagnosis, offset, std::move(field), value, std::move(sentence)));
  }

  dmar_table& table_;
  byte_cursor file_;
  byte_cursor at_;  // The table: the file, cut to the length in its header.
};

void dmar_decoder::decode() {
  if (!decode_header()) return;
  table_.decodable = true;
  check_extent();
  std::optional<std::size_t> next = layout::header::size;
  while (next && *next < at_.size()) next = decode_structure(*next);
  check_dmar(table_);
  std::stable_sort(table_.findings.begin(), table_.findings.end(),
                   [](const dmar_finding& a, const dmar_finding& b) { return a.where < b.where; });
}

bool dmar_decoder::decode_header() {
  field_reader read(file_, table_.fields);
  using kind = dmar_field::kind;
  read.run(acpi_layout::signature, kind::text);
  read.number(acpi_layout::length);
  read.number(acpi_layout::revision);
  read.number(acpi_layout::checksum);
  read.run(acpi_layout::oem_id, kind::text);
  read.run(acpi_layout::oem_table_id, kind::text);
  read.number(acpi_layout::oem_revision);
  read.run(acpi_layout::creator_id, kind::text);
  read.number(acpi_layout::creator_revision);
  table_.host_address_width = read.number(layout::header::host_address_width);
  table_.flags = read.number(layout::header::flags);
  read.run(layout::header::reserved, kind::bytes);

  const std::optional<std::string> signature = read_text(file_, acpi_layout::signature);
  if (signature && *signature != layout::signature) {
    add(dmar_diagnosis::bad_signature, 0, "signature", *file_.u32(0),
        absl::StrFormat("the signature is \"%s\", not \"%s\"", printable(*signature),
                        layout::signature));
    return false;
  }
  if (file_.size() < layout::header::size) {
    const std::size_t whole =
        table_.fields.empty() ? 0 : table_.fields.back().offset + table_.fields.back().size;
    add(dmar_diagnosis::table_header_truncated, whole, "table_size", file_.size(),
        absl::StrFormat("there are %d bytes, but the header alone has %d", file_.size(),
                        layout::header::size));
    return false;
  }
  table_.header = *read_acpi_header(file_);
  if (table_.header.length < layout::header::size) {
    add(dmar_diagnosis::table_length_too_short, acpi_layout::length.offset, "length",
        table_.header.length,
        absl::StrFormat("the table claims a length of %d bytes, but its header alone has %d",
                        table_.header.length, layout::header::size));
    return false;
  }
  return true;
}

void dmar_decoder::check_extent() {
  const std::size_t length = table_.header.length;
  at_ = *file_.sub(0, std::min(length, file_.size()));
  if (length > file_.size()) {
    add(dmar_diagnosis::table_truncated, acpi_layout::length.offset, "length", length,
        absl::StrFormat("the table claims a length of %d bytes, of which %d are there", length,
                        file_.size()));
    return;  // Without all bytes there is no checksum to compare.
  }
  if (length < file_.size()) {
    add(dmar_diagnosis::bytes_behind_table, acpi_layout::length.offset, "length", length,
        absl::StrFormat("the table claims a length of %d bytes, and %d more follow", length,
                        file_.size() - length));
  }
  if (acpi_sum(at_.bytes()) != 0) {
    add(dmar_diagnosis::bad_checksum, acpi_layout::checksum.offset, "checksum",
        table_.header.checksum,
        absl::StrFormat("the checksum is 0x%02x and would have to be 0x%02x",
                        table_.header.checksum, acpi_checksum(at_.bytes())));
  }
}

std::optional<std::size_t> dmar_decoder::decode_structure(std::size_t start) {
  const std::optional<byte_cursor> head = at_.sub(start, layout::structure::header_size);
  if (!head) {
    const std::size_t left = at_.remaining(start);
    add(dmar_diagnosis::trailing_bytes, start, "table_end", left,
        absl::StrFormat("the table ends %d bytes into a structure header", left));
    return std::nullopt;
  }
  const uint16_t type = *head->read(layout::structure::type);
  const uint16_t length = *head->read(layout::structure::length);
  const structure_kind& kind = kind_of(type);
  const std::size_t length_at = start + layout::structure::length.offset;

  dmar_structure& structure = table_.structures.emplace_back();
  structure.offset = start;
  structure.type = type;
  structure.length = length;

  const bool overruns = length > at_.remaining(start);
  if (length == 0) {
    add(dmar_diagnosis::structure_length_zero, length_at, in_structure(type, "length"), 0,
        absl::StrFormat("the %s structure has length 0: what follows cannot be found", kind.name));
  } else if (overruns) {
    add(dmar_diagnosis::structure_overruns_table, length_at, in_structure(type, "length"), length,
        absl::StrFormat("the %s structure has length %d, but only %d bytes of the table are left",
                        kind.name, length, at_.remaining(start)));
  } else if (length < kind.fixed_size) {
    add(dmar_diagnosis::structure_too_short, length_at, in_structure(type, "length"), length,
        absl::StrFormat("the %s structure has length %d, but its fixed fields take %d", kind.name,
                        length, kind.fixed_size));
  }
  if (kind_of(type).name == unknown_kind.name) {
    add(dmar_diagnosis::unknown_structure_type, start, in_structure(type, "type"), type,
        absl::StrFormat("structure type %d is not known", type));
  }
  structure.complete = !overruns && length >= kind.fixed_size;

  // The head is always shown, whatever the length says; the rest only as far as it reaches.
  const std::size_t shown =
      std::clamp<std::size_t>(length, layout::structure::header_size, at_.remaining(start));
  decode_body(*at_.sub(start, shown), structure);
  // With less than a header's length, the next structure would begin inside this one.
  if (overruns || length < layout::structure::header_size) return std::nullopt;
  return start + length;
}

void dmar_decoder::decode_body(byte_cursor at, dmar_structure& structure) {
  field_reader read(at, structure.fields);
  read.number(layout::structure::type);
  read.number(layout::structure::length);
  if (structure.type >= std::size(kinds)) {
    const std::size_t left = at.remaining(layout::structure::header_size);
    if (left > 0) {
      read.run({layout::structure::header_size, left, "contents"}, dmar_field::kind::bytes);
    }
    return;
  }
  switch (static_cast<layout::structure_type>(structure.type)) {
    case layout::structure_type::drhd: {
      dmar_drhd drhd;
      drhd.flags = read.number(layout::drhd::flags);
      drhd.size = read.number(layout::drhd::size);
      drhd.segment = read.number(layout::drhd::segment);
      drhd.register_base = read.number(layout::drhd::register_base);
      structure.body = drhd;
      break;
    }
    case layout::structure_type::rmrr: {
      dmar_rmrr rmrr;
      rmrr.reserved = read.number(layout::rmrr::reserved);
      rmrr.segment = read.number(layout::rmrr::segment);
      rmrr.base = read.number(layout::rmrr::base);
      rmrr.limit = read.number(layout::rmrr::limit);
      structure.body = rmrr;
      break;
    }
    case layout::structure_type::atsr: {
      dmar_atsr atsr;
      atsr.flags = read.number(layout::atsr::flags);
      atsr.reserved = read.number(layout::atsr::reserved);
      atsr.segment = read.number(layout::atsr::segment);
      structure.body = atsr;
      break;
    }
    case layout::structure_type::rhsa: {
      dmar_rhsa rhsa;
      rhsa.reserved = read.number(layout::rhsa::reserved);
      rhsa.register_base = read.number(layout::rhsa::register_base);
      rhsa.proximity_domain = read.number(layout::rhsa::proximity_domain);
      structure.body = rhsa;
      break;
    }
    case layout::structure_type::andd:
      structure.body = decode_andd(at, read, structure);
      break;
    case layout::structure_type::satc: {
      dmar_satc satc;
      satc.flags = read.number(layout::satc::flags);
      satc.reserved = read.number(layout::satc::reserved);
      satc.segment = read.number(layout::satc::segment);
      structure.body = satc;
      break;
    }
    case layout::structure_type::sidp: {
      dmar_sidp sidp;
      sidp.reserved = read.number(layout::sidp::reserved);
      sidp.segment = read.number(layout::sidp::segment);
      structure.body = sidp;
      break;
    }
  }
  const structure_kind& kind = kind_of(structure.type);
  if (kind.has_scopes) {
    decode_scopes(at, structure);
  } else if (structure.type == static_cast<uint16_t>(layout::structure_type::rhsa) &&
             at.remaining(kind.fixed_size) > 0) {
    read.run({kind.fixed_size, at.remaining(kind.fixed_size), "contents"}, dmar_field::kind::bytes);
  }
}

dmar_andd dmar_decoder::decode_andd(byte_cursor at, field_reader& read, dmar_structure& structure) {
  dmar_andd andd;
  read.run(layout::andd::reserved, dmar_field::kind::bytes);
  andd.device_number = read.number(layout::andd::device_number);
  const byte_cursor text = at.from(layout::andd::name_offset);
  const auto* const end = std::find(text.bytes().begin(), text.bytes().end(), 0);
  const auto length = static_cast<std::size_t>(end - text.bytes().begin());
  andd.name.assign(text.bytes().begin(), end);
  if (length == text.size()) {
    if (length > 0) read.run({layout::andd::name_offset, length, "name"}, dmar_field::kind::text);
    if (structure.complete) {
      add(dmar_diagnosis::andd_name_unterminated, text.origin(), "andd.name", text.size(),
          absl::StrFormat("the name has no NUL among its %d bytes", text.size()));
    }
    return andd;
  }
  // The NUL belongs to the name; what may follow pads the structure.
  read.run({layout::andd::name_offset, length + 1, "name"}, dmar_field::kind::text);
  const std::size_t padding = layout::andd::name_offset + length + 1;
  if (at.remaining(padding) > 0) {
    read.run({padding, at.remaining(padding), "padding"}, dmar_field::kind::bytes);
  }
  return andd;
}

void dmar_decoder::decode_scopes(byte_cursor at, dmar_structure& structure) {
  std::optional<std::size_t> next = kind_of(structure.type).fixed_size;
  while (next && *next < at.size()) next = decode_scope(at, *next, structure);
}

std::optional<std::size_t> dmar_decoder::decode_scope(byte_cursor structure_at, std::size_t start,
                                                      dmar_structure& structure) {
  const std::size_t offset = structure_at.origin() + start;
  const std::optional<uint8_t> type = structure_at.u8(start + layout::scope::type.offset);
  const std::optional<uint8_t> length = structure_at.u8(start + layout::scope::length.offset);
  const std::size_t length_at = offset + layout::scope::length.offset;
  // Of a structure that the table cuts short, the last scope is cut short as well: said already.
  const bool cut = structure.length > structure_at.size();
  if (!type || !length) {
    if (!cut) {
      add(dmar_diagnosis::scope_trailing_byte, offset, "scope.type", *type,
          "one byte follows the last device scope of the structure: too few for a scope");
    }
    field_reader(structure_at.from(start), structure.fields)
        .run({0, structure_at.remaining(start), "contents"}, dmar_field::kind::bytes);
    return std::nullopt;
  }
  dmar_device_scope& scope = structure.scopes.emplace_back();
  scope.offset = offset;
  const bool overruns = *length > structure_at.remaining(start);
  if (*length < layout::scope::fixed_size) {
    if (*length == 0) {
      add(dmar_diagnosis::scope_length_zero, length_at, "scope.length", 0,
          "the device scope has length 0: what follows cannot be found");
    } else {
      add(dmar_diagnosis::scope_too_short, length_at, "scope.length", *length,
          absl::StrFormat("the device scope has length %d, but its fixed fields take %d", *length,
                          layout::scope::fixed_size));
    }
  } else if (overruns && !cut) {
    add(dmar_diagnosis::scope_overruns_structure, length_at, "scope.length", *length,
        absl::StrFormat("the device scope has length %d, but only %d bytes of the structure are "
                        "left",
                        *length, structure_at.remaining(start)));
  }
  const std::size_t shown = std::clamp<std::size_t>(*length, 2, structure_at.remaining(start));
  const byte_cursor at = *structure_at.sub(start, shown);
  field_reader read(at, scope.fields);
  scope.complete = !overruns && *length >= layout::scope::fixed_size;
  scope.type = read.number(layout::scope::type);
  scope.length = read.number(layout::scope::length);
  scope.flags = read.number(layout::scope::flags);
  scope.reserved = read.number(layout::scope::reserved);
  scope.enumeration_id = read.number(layout::scope::enumeration_id);
  scope.start_bus = read.number(layout::scope::start_bus);
  decode_path(at, scope, read);
  if (overruns || *length < layout::scope::fixed_size) return std::nullopt;
  return start + *length;
}

void dmar_decoder::decode_path(byte_cursor at, dmar_device_scope& scope, field_reader& read) {
  std::size_t hop = layout::scope::fixed_size;
  for (; at.covers(hop, layout::path::size); hop += layout::path::size) {
    le_field<uint8_t> device = layout::path::device;
    le_field<uint8_t> function = layout::path::function;
    device.offset += hop;
    function.offset += hop;
    scope.path.push_back({read.number(device), read.number(function)});
  }
  if (at.remaining(hop) > 0) {
    read.run({hop, at.remaining(hop), "path_remainder"}, dmar_field::kind::bytes);
  }
}

}  // namespace

dmar_finding make_dmar_finding(dmar_diagnosis diagnosis, std::size_t offset, std::string field,
                               uint64_t value, std::string sentence) {
  return {{diagnosis, describe(diagnosis).severity, offset, value, std::move(sentence)},
          std::move(field)};
}

uint64_t dmar_drhd::register_set_size() const {
  const unsigned order = size & ((1U << dmar_layout::drhd::size_order_bits) - 1);
  return uint64_t{4096} << order;
}

absl::Span<const uint8_t> dmar_table::raw(const dmar_field& field) const {
  const auto part = byte_cursor(bytes).sub(field.offset, field.size);
  return part ? part->bytes() : absl::Span<const uint8_t>();
}

bool dmar_table::has(diagnosis_severity at_least) const {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const dmar_finding& f) { return f.severity >= at_least; });
}

absl::Status refusal_of(const std::string& file, const dmar_finding& why) {
  return input_error(file, why.where, why.field, absl::StrFormat("0x%x", why.value), why.sentence);
}

absl::Status check_dmar_is_whole(const std::string& file, absl::Span<const uint8_t> bytes) {
  const auto header = read_acpi_header(byte_cursor(bytes));
  // A table may be shorter than a DMAR table's header: the kernel sees what it makes of that.
  if (header && header->length <= bytes.size()) return absl::OkStatus();
  return refusal_of(file, decode_dmar(bytes).findings.front());
}

absl::Status check_dmar_signature(const std::string& file, absl::Span<const uint8_t> bytes) {
  const dmar_table table = decode_dmar(bytes);
  for (const dmar_finding& f : table.findings) {
    if (f.id == dmar_diagnosis::bad_signature) return refusal_of(file, f);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint8_t>> read_dmar_file(const std::string& path) {
  return read_table_file(path, dmar_layout::signature);
}

dmar_table decode_dmar(absl::Span<const uint8_t> bytes) {
  dmar_table table;
  table.bytes.assign(bytes.begin(), bytes.end());
  dmar_decoder(table).decode();
  return table;
}

bool dmar_structure_has_scopes(uint16_t type) {
  return kind_of(type).has_scopes;
}
std::string_view dmar_structure_name(uint16_t type) {
  return kind_of(type).name;
}
std::string_view dmar_structure_title(uint16_t type) {
  return kind_of(type).title;
}

std::string_view dmar_scope_type_name(uint8_t type) {
  using enum dmar_layout::scope_type;
  static constexpr auto names = enum_names<dmar_layout::scope_type>({
      {pci_endpoint, "PCI endpoint"},
      {pci_sub_hierarchy, "PCI sub-hierarchy"},
      {ioapic, "I/O APIC"},
      {msi_capable_hpet, "MSI-capable HPET"},
      {acpi_namespace_device, "ACPI namespace device"},
  });
  return names(static_cast<dmar_layout::scope_type>(type));
}

absl::StatusOr<std::vector<uint8_t>> read_whole_dmar_file(const std::string& path) {
  absl::StatusOr<std::vector<uint8_t>> table = read_dmar_file(path);
  if (!table.ok()) return table.status();
  if (absl::Status status = check_dmar_signature(path, *table); !status.ok()) return status;
  if (absl::Status status = check_dmar_is_whole(path, *table); !status.ok()) return status;
  return table;
}

}  // namespace iommulab
