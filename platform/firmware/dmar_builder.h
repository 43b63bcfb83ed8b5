// SPDX-License-Identifier: GPL-2.0-only
//
// Makes DMAR tables, for built-in machines and for tests. Structures come out in the order in
// which they were added. A builder does not judge: it writes what it is told, right or wrong;
// `bytes()` may be broken further by a test before `finish_acpi_table`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// A device scope to be written. The path holds one hop or more.
struct dmar_scope_spec {
  dmar_layout::scope_type type = dmar_layout::scope_type::pci_endpoint;
  uint8_t start_bus = 0;
  std::vector<dmar_path_hop> path;
  uint8_t enumeration_id = 0;
  uint8_t flags = 0;

  static dmar_scope_spec endpoint(uint8_t start_bus, std::vector<dmar_path_hop> path);
  static dmar_scope_spec bridge(uint8_t start_bus, std::vector<dmar_path_hop> path);
  static dmar_scope_spec ioapic(uint8_t id, uint8_t bus, dmar_path_hop hop);
  static dmar_scope_spec hpet(uint8_t number, uint8_t bus, dmar_path_hop hop);
  static dmar_scope_spec namespace_device(uint8_t number, uint8_t bus, dmar_path_hop hop);
};

/// What a table's header says about its maker. Text is cut or filled up with NULs.
struct acpi_identity {
  std::string_view oem_id = "BOCHS ";
  std::string_view oem_table_id = "BXPC    ";
  uint32_t oem_revision = 1;
  std::string_view creator_id = "BXPC";
  uint32_t creator_revision = 1;
};

class dmar_builder {
 public:
  using scopes = absl::Span<const dmar_scope_spec>;

  /// `host_address_bits` is the width itself; the header gets it less one.
  explicit dmar_builder(unsigned host_address_bits, uint8_t flags = 0, uint8_t revision = 1,
                        const acpi_identity& identity = {});

  dmar_builder& add_drhd(uint8_t flags, uint16_t segment, uint64_t register_base,
                         scopes devices = {}, uint8_t size = 0);
  /// `limit` is the last byte of the region.
  dmar_builder& add_rmrr(uint16_t segment, uint64_t base, uint64_t limit, scopes devices = {});
  dmar_builder& add_atsr(uint8_t flags, uint16_t segment, scopes root_ports = {});
  dmar_builder& add_rhsa(uint64_t register_base, uint32_t proximity_domain);
  /// The name gets its NUL here.
  dmar_builder& add_andd(uint8_t device_number, std::string_view name);
  dmar_builder& add_satc(uint8_t flags, uint16_t segment, scopes devices = {});
  dmar_builder& add_sidp(uint16_t segment, scopes devices = {});
  /// A structure of any type with any contents, for what no other function writes. `length`, when
  /// given, is written in place of the true one.
  dmar_builder& add_raw(uint16_t type, absl::Span<const uint8_t> contents,
                        std::optional<uint16_t> length = std::nullopt);

  /// Where the next structure will begin.
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  /// The table as it stands, length and checksum not yet fixed.
  std::vector<uint8_t>& bytes() { return bytes_; }
  /// The table with the length and checksum that it has to have.
  [[nodiscard]] std::vector<uint8_t> finish() const;

 private:
  template <typename T>
  void put(T value);
  void put_text(std::string_view text, std::size_t size);
  std::size_t begin(dmar_layout::structure_type type);
  dmar_builder& end(std::size_t start);
  void put_scopes(scopes devices);

  std::vector<uint8_t> bytes_;
};

}  // namespace iommulab
