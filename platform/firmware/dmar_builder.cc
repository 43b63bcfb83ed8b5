// SPDX-License-Identifier: GPL-2.0-only
#include "platform/firmware/dmar_builder.h"

#include <limits>
#include <type_traits>
#include <utility>

#include "core/ensure.h"
#include "platform/firmware/acpi_table.h"

namespace iommulab {

namespace layout = dmar_layout;

dmar_scope_spec dmar_scope_spec::endpoint(uint8_t start_bus, std::vector<dmar_path_hop> path) {
  return {layout::scope_type::pci_endpoint, start_bus, std::move(path), 0, 0};
}
dmar_scope_spec dmar_scope_spec::bridge(uint8_t start_bus, std::vector<dmar_path_hop> path) {
  return {layout::scope_type::pci_sub_hierarchy, start_bus, std::move(path), 0, 0};
}
dmar_scope_spec dmar_scope_spec::ioapic(uint8_t id, uint8_t bus, dmar_path_hop hop) {
  return {layout::scope_type::ioapic, bus, {hop}, id, 0};
}
dmar_scope_spec dmar_scope_spec::hpet(uint8_t number, uint8_t bus, dmar_path_hop hop) {
  return {layout::scope_type::msi_capable_hpet, bus, {hop}, number, 0};
}
dmar_scope_spec dmar_scope_spec::namespace_device(uint8_t number, uint8_t bus, dmar_path_hop hop) {
  return {layout::scope_type::acpi_namespace_device, bus, {hop}, number, 0};
}

template <typename T>
void dmar_builder::put(T value) {
  static_assert(std::is_unsigned_v<T>);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes_.push_back(static_cast<uint8_t>(uint64_t{value} >> (8 * i)));
  }
}

void dmar_builder::put_text(std::string_view text, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes_.push_back(i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0});
  }
}

dmar_builder::dmar_builder(unsigned host_address_bits, uint8_t flags, uint8_t revision,
                           const acpi_identity& identity) {
  put_text(layout::signature, acpi_layout::signature.size);
  put(uint32_t{0});  // Length: finish() knows.
  put(revision);
  put(uint8_t{0});  // Checksum: likewise.
  put_text(identity.oem_id, acpi_layout::oem_id.size);
  put_text(identity.oem_table_id, acpi_layout::oem_table_id.size);
  put(identity.oem_revision);
  put_text(identity.creator_id, acpi_layout::creator_id.size);
  put(identity.creator_revision);
  put(static_cast<uint8_t>(host_address_bits - 1));
  put(flags);
  put_text("", layout::header::reserved.size);
  ensure(bytes_.size() == layout::header::size, "a DMAR table begins with its header");
}

std::size_t dmar_builder::begin(layout::structure_type type) {
  const std::size_t start = bytes_.size();
  put(static_cast<uint16_t>(type));
  put(uint16_t{0});  // Length: end() knows.
  return start;
}

dmar_builder& dmar_builder::end(std::size_t start) {
  const std::size_t length = bytes_.size() - start;
  ensure(length <= std::numeric_limits<uint16_t>::max(), "a structure's length fits its field");
  const std::size_t at = start + layout::structure::length.offset;
  bytes_[at] = static_cast<uint8_t>(length);
  bytes_[at + 1] = static_cast<uint8_t>(length >> 8);
  return *this;
}

void dmar_builder::put_scopes(scopes devices) {
  for (const dmar_scope_spec& scope : devices) {
    const std::size_t length = layout::scope::fixed_size + scope.path.size() * layout::path::size;
    ensure(length <= std::numeric_limits<uint8_t>::max(), "a scope's length fits its field");
    put(static_cast<uint8_t>(scope.type));
    put(static_cast<uint8_t>(length));
    put(scope.flags);
    put(uint8_t{0});
    put(scope.enumeration_id);
    put(scope.start_bus);
    for (const dmar_path_hop& hop : scope.path) {
      put(hop.device);
      put(hop.function);
    }
  }
}

dmar_builder& dmar_builder::add_drhd(uint8_t flags, uint16_t segment, uint64_t register_base,
                                     scopes devices, uint8_t size) {
  const std::size_t start = begin(layout::structure_type::drhd);
  put(flags);
  put(size);
  put(segment);
  put(register_base);
  put_scopes(devices);
  return end(start);
}

dmar_builder& dmar_builder::add_rmrr(uint16_t segment, uint64_t base, uint64_t limit,
                                     scopes devices) {
  const std::size_t start = begin(layout::structure_type::rmrr);
  put(uint16_t{0});
  put(segment);
  put(base);
  put(limit);
  put_scopes(devices);
  return end(start);
}

dmar_builder& dmar_builder::add_atsr(uint8_t flags, uint16_t segment, scopes root_ports) {
  const std::size_t start = begin(layout::structure_type::atsr);
  put(flags);
  put(uint8_t{0});
  put(segment);
  put_scopes(root_ports);
  return end(start);
}

dmar_builder& dmar_builder::add_rhsa(uint64_t register_base, uint32_t proximity_domain) {
  const std::size_t start = begin(layout::structure_type::rhsa);
  put(uint32_t{0});
  put(register_base);
  put(proximity_domain);
  return end(start);
}

dmar_builder& dmar_builder::add_andd(uint8_t device_number, std::string_view name) {
  const std::size_t start = begin(layout::structure_type::andd);
  put_text("", layout::andd::reserved.size);
  put(device_number);
  put_text(name, name.size() + 1);
  return end(start);
}

dmar_builder& dmar_builder::add_satc(uint8_t flags, uint16_t segment, scopes devices) {
  const std::size_t start = begin(layout::structure_type::satc);
  put(flags);
  put(uint8_t{0});
  put(segment);
  put_scopes(devices);
  return end(start);
}

dmar_builder& dmar_builder::add_sidp(uint16_t segment, scopes devices) {
  const std::size_t start = begin(layout::structure_type::sidp);
  put(uint16_t{0});
  put(segment);
  put_scopes(devices);
  return end(start);
}

dmar_builder& dmar_builder::add_raw(uint16_t type, absl::Span<const uint8_t> contents,
                                    std::optional<uint16_t> length) {
  const std::size_t start = bytes_.size();
  put(type);
  put(uint16_t{0});
  bytes_.insert(bytes_.end(), contents.begin(), contents.end());
  end(start);
  if (length) {
    const std::size_t at = start + layout::structure::length.offset;
    bytes_[at] = static_cast<uint8_t>(*length);
    bytes_[at + 1] = static_cast<uint8_t>(*length >> 8);
  }
  return *this;
}

std::vector<uint8_t> dmar_builder::finish() const {
  std::vector<uint8_t> table = bytes_;
  finish_acpi_table(table);
  return table;
}

}  // namespace iommulab
