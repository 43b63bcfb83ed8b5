// SPDX-License-Identifier: GPL-2.0-only
//
// A DMAR table decoded: for looking at one, and for judging it. The driver does not use this; it
// walks the bytes by its own, the kernel's, rules.
//
// Decoding never fails outright, never reads outside the bytes given and always ends. It goes on
// for as long as the next structure can be found, and keeps what it could not use as findings.
// A decoded table owns a copy of its bytes and changes no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_diagnosis.h"
#include "platform/firmware/dmar_layout.h"

namespace iommulab {

/// One field, where it lies in the table and what it holds.
struct dmar_field {
  enum class kind { number, text, bytes };

  std::size_t offset = 0;  ///< From the table's start.
  std::size_t size = 0;    ///< In bytes.
  std::string_view name;
  kind shown_as = kind::number;
  uint64_t value = 0;  ///< Of a number; 0 for text and bytes, which `dmar_table::raw` yields.
};

struct dmar_path_hop {
  uint8_t device = 0;
  uint8_t function = 0;
  bool operator==(const dmar_path_hop&) const = default;
};

/// 8.3.1. `type` and `length` are raw: they may hold anything.
struct dmar_device_scope {
  std::size_t offset = 0;
  uint8_t type = 0;
  uint8_t length = 0;
  uint8_t flags = 0;
  uint8_t reserved = 0;
  uint8_t enumeration_id = 0;
  uint8_t start_bus = 0;
  std::vector<dmar_path_hop> path;
  std::vector<dmar_field> fields;
  bool complete = false;  ///< All of its bytes lie inside the structure.
};

struct dmar_drhd {
  uint8_t flags = 0;
  uint8_t size = 0;  ///< Raw byte 5.
  uint16_t segment = 0;
  uint64_t register_base = 0;

  [[nodiscard]] bool include_all() const { return dmar_layout::drhd::include_pci_all.in(flags); }
  /// Of the register set, in bytes.
  [[nodiscard]] uint64_t register_set_size() const;
};
struct dmar_rmrr {
  uint16_t reserved = 0;
  uint16_t segment = 0;
  uint64_t base = 0;
  uint64_t limit = 0;  ///< The last byte.
};
struct dmar_atsr {
  uint8_t flags = 0;
  uint8_t reserved = 0;
  uint16_t segment = 0;
};
struct dmar_rhsa {
  uint32_t reserved = 0;
  uint64_t register_base = 0;
  uint32_t proximity_domain = 0;
};
struct dmar_andd {
  uint8_t device_number = 0;
  std::string name;  ///< Up to the NUL, or all bytes when there is none.
};
struct dmar_satc {
  uint8_t flags = 0;
  uint8_t reserved = 0;
  uint16_t segment = 0;
};
struct dmar_sidp {
  uint16_t reserved = 0;
  uint16_t segment = 0;
};
struct dmar_unknown_structure {};

/// One remapping structure.
struct dmar_structure {
  std::size_t offset = 0;
  uint16_t type = 0;    ///< Raw.
  uint16_t length = 0;  ///< Raw.
  /// All its bytes lie inside the table and its fixed fields inside them. Where it is not so, the
  /// missing members of `body` are 0 and `fields` lists only those that are there.
  bool complete = false;
  std::variant<dmar_unknown_structure, dmar_drhd, dmar_rmrr, dmar_atsr, dmar_rhsa, dmar_andd,
               dmar_satc, dmar_sidp>
      body;
  std::vector<dmar_field> fields;
  std::vector<dmar_device_scope> scopes;
};

struct dmar_table {
  /// The file or memory given, whole.
  std::vector<uint8_t> bytes;
  /// Whether it is a DMAR table with a whole header of 48 bytes. If not, only `fields` and
  /// `findings` are filled in, and the last finding says why.
  bool decodable = false;
  acpi_header header;
  uint8_t host_address_width = 0;  ///< Raw: bits less one.
  uint8_t flags = 0;
  std::vector<dmar_field> fields;  ///< Those of the header.
  std::vector<dmar_structure> structures;
  std::vector<dmar_finding> findings;  ///< By offset.

  [[nodiscard]] unsigned host_address_bits() const { return host_address_width + 1U; }
  /// The bytes of a field of this table.
  [[nodiscard]] absl::Span<const uint8_t> raw(const dmar_field& field) const;
  /// Whether a finding is at least this severe.
  [[nodiscard]] bool has(diagnosis_severity at_least) const;
};

/// The DMAR table of a file, "-" for standard input: see read_table_file().
absl::StatusOr<std::vector<uint8_t>> read_dmar_file(const std::string& path);

/// A finding as EINVAL in a sentence about `file`.
absl::Status refusal_of(const std::string& file, const dmar_finding& why);
/// Whether all bytes are there that the table's header claims; else EINVAL. What else may be wrong
/// with a table is the kernel's to find.
absl::Status check_dmar_is_whole(const std::string& file, absl::Span<const uint8_t> bytes);
/// Whether it is a DMAR table at all; else EINVAL.
absl::Status check_dmar_signature(const std::string& file, absl::Span<const uint8_t> bytes);
/// read_dmar_file() of a table that is one, and whole.
absl::StatusOr<std::vector<uint8_t>> read_whole_dmar_file(const std::string& path);

dmar_table decode_dmar(absl::Span<const uint8_t> bytes);

/// Whether the type is one that carries device scopes.
bool dmar_structure_has_scopes(uint16_t type);
/// "DRHD", or "unknown".
std::string_view dmar_structure_name(uint16_t type);
/// "DMA Remapping Hardware Unit Definition", or "unknown structure".
std::string_view dmar_structure_title(uint16_t type);
/// "PCI endpoint", "I/O APIC" …, or "unknown".
std::string_view dmar_scope_type_name(uint8_t type);

}  // namespace iommulab
