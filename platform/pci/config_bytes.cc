// SPDX-License-Identifier: GPL-2.0-only
#include "platform/pci/config_bytes.h"

#include <utility>
#include <vector>

#include "core/pci/pci.h"
#include "core/pci/registers.h"
#include "platform/pci/capability_layout.h"

namespace iommulab {
namespace {

constexpr int max_capabilities = 48;
constexpr int max_extended_capabilities = (4096 - 256) / 8;

}  // namespace

uint32_t config_get(absl::Span<const uint8_t> bytes, uint16_t offset, unsigned count) {
  uint32_t value = 0;
  for (unsigned i = 0; i < count && offset + i < bytes.size(); ++i) {
    value |= uint32_t{bytes[offset + i]} << (8 * i);
  }
  return value;
}

void config_put(absl::Span<uint8_t> bytes, uint16_t offset, unsigned count, uint32_t value) {
  for (unsigned i = 0; i < count && offset + i < bytes.size(); ++i) {
    bytes[offset + i] = static_cast<uint8_t>((value >> (8 * i)) & 0xff);
  }
}

void for_each_capability(absl::Span<const uint8_t> bytes,
                         absl::FunctionRef<void(uint8_t id, uint16_t offset)> fn) {
  if (config_get(bytes, pci_reg::status, pci_reg::status_cap_list) == 0) return;
  const bool cardbus = config_get(bytes, pci_reg::header_type, pci_reg::header_layout) ==
                       static_cast<uint8_t>(pci_header_type::cardbus);
  uint32_t at =
      config_get(bytes, cardbus ? pci_reg::cardbus_capability_list : pci_reg::capability_list, 1);
  for (int left = max_capabilities; left > 0; --left) {
    at &= ~3u;
    if (at < pci_reg::first_capability) return;
    const auto offset = static_cast<uint16_t>(at);
    const auto id = static_cast<uint8_t>(config_get(bytes, offset, 1));
    if (id == 0xff) return;
    fn(id, offset);
    at = config_get(bytes, static_cast<uint16_t>(offset + 1), 1);
  }
}

void for_each_extended_capability(absl::Span<const uint8_t> bytes,
                                  absl::FunctionRef<void(uint16_t id, uint16_t offset)> fn) {
  if (bytes.size() <= pci_reg::first_extended_capability) return;
  uint16_t at = pci_reg::first_extended_capability;
  for (int left = max_extended_capabilities; left > 0; --left) {
    const uint32_t header = config_get(bytes, at, 4);
    if (header == 0 || header == 0xffffffff) return;
    fn(static_cast<uint16_t>(pci_reg::extended_id.get(header)), at);
    at = static_cast<uint16_t>(pci_reg::extended_next.get(header) & ~3u);
    if (at < pci_reg::first_extended_capability) return;
  }
}

void reset_controls(absl::Span<uint8_t> bytes) {
  const auto clear = [&bytes](uint16_t offset, uint32_t mask) {
    config_put(bytes, offset, 2, config_get(bytes, offset, 2) & ~mask);
  };
  // The chains themselves do not change, but the bytes do: collect first.
  std::vector<std::pair<uint16_t, uint16_t>> found;
  for_each_capability(bytes, [&](uint8_t id, uint16_t at) { found.emplace_back(id, at); });
  for (const auto& [id, at] : found) {
    const auto reg = [at = at](uint16_t offset) { return static_cast<uint16_t>(at + offset); };
    if (id == pci_reg::capability_id_msi)
      clear(reg(cap_layout::msi_control), cap_layout::msi_enable.mask());
    if (id == cap_layout::id_msi_x)
      clear(reg(cap_layout::msi_control), cap_layout::msi_x_enable.mask());
    if (id == pci_reg::capability_id_express &&
        config_get(bytes, reg(pci_reg::exp_flags), pci_reg::exp_flags_version) >= 2) {
      clear(reg(pci_reg::exp_devctl2), pci_reg::exp_devctl2_ari.mask());
    }
  }
  found.clear();
  for_each_extended_capability(bytes,
                               [&](uint16_t id, uint16_t at) { found.emplace_back(id, at); });
  for (const auto& [id, at] : found) {
    const auto reg = [at = at](uint16_t offset) { return static_cast<uint16_t>(at + offset); };
    if (id == pci_ext_cap_id_acs) clear(reg(pci_reg::acs_control), 0xffff);
    if (id == pci_ext_cap_id_ats) clear(reg(pci_reg::ats_control), cap_layout::ats_writable);
    if (id == pci_ext_cap_id_pri) clear(reg(cap_layout::pri_control), cap_layout::pri_writable);
    if (id == pci_ext_cap_id_pasid)
      clear(reg(cap_layout::pasid_control), cap_layout::pasid_writable);
  }
}

}  // namespace iommulab
