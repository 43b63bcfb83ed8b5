// SPDX-License-Identifier: GPL-2.0-or-later
#include "platform/machine/dmar_description.h"

#include <numeric>
#include <string_view>

namespace iommulab {
namespace {

constexpr size_t length_offset = 4;
constexpr size_t checksum_offset = 9;
constexpr size_t scope_header = 6;

/// Remapping structure types (VT-d specification 8.2)
enum class structure : uint16_t { drhd = 0, rmrr = 1, atsr = 2, rhsa = 3 };

class table_writer {
 public:
  void number(uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void text(std::string_view value, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      bytes_.push_back(i < value.size() ? static_cast<uint8_t>(value[i]) : uint8_t{' '});
    }
  }
  void scopes(const std::vector<dmar_scope>& list) {
    for (const dmar_scope& scope : list) {
      number(static_cast<uint8_t>(scope.type), 1);
      number(scope_header + 2 * scope.path.size(), 1);
      number(0, 2);
      number(scope.enumeration_id, 1);
      number(scope.start_bus, 1);
      for (const auto& [device, function] : scope.path) {
        number(device, 1);
        number(function, 1);
      }
    }
  }
  /// Writes type and a length that finish() fills in.
  [[nodiscard]] size_t begin(structure type) {
    const size_t at = bytes_.size();
    number(static_cast<uint16_t>(type), 2);
    number(0, 2);
    return at;
  }
  void finish(size_t begun) { patch(begun + 2, bytes_.size() - begun, 2); }
  void patch(size_t offset, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
  }
  [[nodiscard]] std::vector<uint8_t> take() {
    patch(length_offset, bytes_.size(), 4);
    const unsigned sum = std::accumulate(bytes_.begin(), bytes_.end(), 0u);
    bytes_[checksum_offset] = static_cast<uint8_t>(0u - sum);
    return std::move(bytes_);
  }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace

std::vector<uint8_t> serialise(const dmar_description& description) {
  table_writer out;
  out.text("DMAR", 4);
  out.number(0, 4);  // length
  out.number(1, 1);  // revision
  out.number(0, 1);  // checksum
  out.text(description.oem_id, 6);
  out.text(description.oem_table_id, 8);
  out.number(1, 4);  // OEM revision
  out.text(description.creator_id, 4);
  out.number(1, 4);  // creator revision
  out.number(description.host_address_width - 1, 1);
  out.number(description.interrupt_remapping ? 1 : 0, 1);
  out.number(0, 8);
  out.number(0, 2);

  for (const dmar_unit& unit : description.units) {
    const size_t at = out.begin(structure::drhd);
    out.number(unit.include_all ? 1 : 0, 1);
    out.number(0, 1);
    out.number(unit.segment, 2);
    out.number(unit.base.value(), 8);
    out.scopes(unit.scopes);
    out.finish(at);
  }
  for (const dmar_reserved_region& region : description.regions) {
    const size_t at = out.begin(structure::rmrr);
    out.number(0, 2);
    out.number(region.segment, 2);
    out.number(region.first.value(), 8);
    out.number(region.last.value(), 8);
    out.scopes(region.scopes);
    out.finish(at);
  }
  for (const dmar_ats_ports& ports : description.ats) {
    const size_t at = out.begin(structure::atsr);
    out.number(ports.all_ports ? 1 : 0, 1);
    out.number(0, 1);
    out.number(ports.segment, 2);
    out.scopes(ports.scopes);
    out.finish(at);
  }
  for (const dmar_affinity& affinity : description.affinities) {
    const size_t at = out.begin(structure::rhsa);
    out.number(0, 4);
    out.number(affinity.base.value(), 8);
    out.number(affinity.proximity_domain, 4);
    out.finish(at);
  }
  return out.take();
}

}  // namespace iommulab
