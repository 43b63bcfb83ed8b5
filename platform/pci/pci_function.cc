// SPDX-License-Identifier: GPL-2.0-only
#include "platform/pci/pci_function.h"

#include <utility>

#include "core/pci/acs_quirks.h"
#include "core/pci/registers.h"
#include "platform/pci/capability_layout.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

// Writable bits of registers that every function of the kind has (PCI Local Bus 3.0, 6.2;
// PCI-to-PCI Bridge 1.2, 3.2)
constexpr uint64_t command_writable = 0x0547;  ///< decoding, master, parity, SERR#, INTx disable
constexpr uint64_t bridge_control_writable = 0x0bff;
constexpr uint64_t window_writable = 0xfff0;
constexpr uint64_t io_window_writable = 0xf0;
constexpr uint16_t cache_line_size = 0x0c;
constexpr uint16_t latency_timer = 0x0d;
constexpr uint16_t secondary_latency_timer = 0x1b;

constexpr field8 window_is_wide{0};
constexpr size_t rom_resource = 6;

uint64_t lowest_bit(uint64_t value) {
  return value & (~value + 1);
}

}  // namespace

pci_function::pci_function(pci_function_config description)
    : description_(std::move(description)),
      bytes_(description_.config),
      writable_(description_.config.size(), 0),
      present_(description_.present) {
  build_write_mask();
}

uint8_t pci_function::read8(uint16_t offset) const {
  if (!present_ || offset >= bytes_.size()) return 0xff;
  return bytes_[offset];
}

void pci_function::write8(uint16_t offset, uint8_t value) {
  if (!present_ || offset >= bytes_.size()) return;
  const uint8_t mask = writable_[offset];
  const auto now = static_cast<uint8_t>((bytes_[offset] & ~mask) | (value & mask));
  if (now == bytes_[offset]) return;
  // Told by the 16-bit register that the byte is of, whose name is easily found.
  const auto word = static_cast<uint16_t>(offset & ~1u);
  const uint16_t before = read16(word);
  const uint8_t bus_before = secondary_bus();
  bytes_[offset] = now;
  if (offset == pci_reg::secondary_bus && renumbered_) renumbered_(bus_before);
  if (trace_ == nullptr) return;
  trace_->tell([&] {
    return events::config_change{to_string(description_.id), word, before, read16(word)};
  });
}

void pci_function::set_present(bool present) {
  if (present && !present_) {
    const uint8_t bus_before = secondary_bus();
    bytes_ = description_.config;
    if (secondary_bus() != bus_before && renumbered_) renumbered_(bus_before);
  }
  present_ = present;
}

bool pci_function::is_bridge() const {
  return initial(pci_reg::header_type, pci_reg::header_layout) ==
         static_cast<uint8_t>(pci_header_type::bridge);
}

uint8_t pci_function::secondary_bus() const {
  return bytes_[pci_reg::secondary_bus];
}

uint32_t pci_function::initial(uint16_t offset, unsigned bytes) const {
  return config_get(description_.config, offset, bytes);
}

void pci_function::allow(uint16_t offset, unsigned bytes, uint64_t mask) {
  for (unsigned i = 0; i < bytes && offset + i < writable_.size(); ++i) {
    writable_[offset + i] |= static_cast<uint8_t>((mask >> (8 * i)) & 0xff);
  }
}

void pci_function::build_write_mask() {
  allow(pci_reg::command, 2, command_writable);
  allow(cache_line_size, 1, 0xff);
  allow(latency_timer, 1, 0xff);
  allow(pci_reg::interrupt_line, 1, 0xff);
  const auto header =
      static_cast<pci_header_type>(initial(pci_reg::header_type, pci_reg::header_layout));
  if (header == pci_header_type::normal) allow_bases(6);
  if (header == pci_header_type::bridge) {
    allow_bases(2);
    allow_bridge_registers();
  }
  for_each_capability(description_.config,
                      [this](uint8_t id, uint16_t at) { allow_capability(id, at); });
  for_each_extended_capability(
      description_.config, [this](uint16_t id, uint16_t at) { allow_extended_capability(id, at); });
}

/// Bytes that the register's range covers, 0 when it is not implemented.
uint64_t pci_function::base_size(unsigned index, uint64_t address) const {
  if (description_.resources.has_value()) {
    const pci_resource& r = (*description_.resources)[index];
    if (r.end != 0) return r.end - r.start + 1;
  }
  return address == 0 ? 0 : lowest_bit(address);
}

void pci_function::allow_bases(unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const auto offset = static_cast<uint16_t>(pci_reg::base_address_0 + 4 * i);
    const uint32_t low = initial(offset, 4);
    const bool io = pci_reg::base_is_io.test(low);
    const bool wide = !io && pci_reg::base_type.get(low) == pci_reg::base_type_64;
    uint64_t address = (io ? pci_reg::base_io_flags : pci_reg::base_memory_flags).clear(low);
    if (wide) address |= uint64_t{initial(static_cast<uint16_t>(offset + 4), 4)} << 32;
    const uint64_t size = base_size(i, address);
    if (size != 0) allow(offset, wide ? 8 : 4, ~(size - 1));
    if (wide) ++i;
  }
  const uint16_t rom = is_bridge() ? pci_reg::rom_address_bridge : pci_reg::rom_address;
  const uint64_t size = base_size(rom_resource, initial(rom, 4) & pci_reg::rom_base.mask());
  if (size != 0) allow(rom, 4, ~(size - 1) | pci_reg::rom_enable.mask());
}

void pci_function::allow_bridge_registers() {
  allow(pci_reg::primary_bus, 3, 0xffffff);
  allow(secondary_latency_timer, 1, 0xff);
  allow(pci_reg::bridge_control, 2, bridge_control_writable);
  allow(pci_reg::memory_base, 2, window_writable);
  allow(pci_reg::memory_limit, 2, window_writable);
  allow(pci_reg::io_base, 1, io_window_writable);
  allow(pci_reg::io_limit, 1, io_window_writable);
  if (initial(pci_reg::io_base, window_is_wide) != 0) {
    allow(pci_reg::io_base_upper16, 4, 0xffffffff);
  }
  allow(pci_reg::pref_memory_base, 2, window_writable);
  allow(pci_reg::pref_memory_limit, 2, window_writable);
  if (initial(pci_reg::pref_memory_base, window_is_wide) != 0) {
    allow(pci_reg::pref_base_upper32, 8, ~uint64_t{0});
  }
}

void pci_function::allow_capability(uint8_t id, uint16_t at) {
  const auto reg = [at](uint16_t offset) { return static_cast<uint16_t>(at + offset); };
  switch (id) {
    case cap_layout::id_power_management:
      allow(reg(cap_layout::pm_control), 2, cap_layout::pm_writable);
      return;
    case pci_reg::capability_id_msi: {
      const bool wide = initial(reg(cap_layout::msi_control), cap_layout::msi_64bit) != 0;
      allow(reg(cap_layout::msi_control), 2, cap_layout::msi_writable);
      allow(reg(4), 4, ~uint64_t{3});
      if (wide) allow(reg(8), 4, ~uint64_t{0});
      allow(reg(wide ? 12 : 8), 2, 0xffff);
      if (initial(reg(cap_layout::msi_control), cap_layout::msi_masking) != 0) {
        allow(reg(wide ? 16 : 12), 4, ~uint64_t{0});
      }
      return;
    }
    case cap_layout::id_msi_x:
      allow(reg(cap_layout::msi_control), 2, cap_layout::msi_x_writable);
      return;
    case pci_reg::capability_id_express: {
      allow(reg(cap_layout::exp_device_control), 2, cap_layout::exp_device_writable);
      allow(reg(cap_layout::exp_link_control), 2, cap_layout::exp_link_writable);
      allow(reg(cap_layout::exp_slot_control), 2, cap_layout::exp_slot_writable);
      allow(reg(cap_layout::exp_root_control), 2, cap_layout::exp_root_writable);
      if (initial(reg(pci_reg::exp_flags), pci_reg::exp_flags_version) < 2) return;
      const bool ari = initial(reg(pci_reg::exp_devcap2), pci_reg::exp_devcap2_ari) != 0;
      allow(reg(pci_reg::exp_devctl2), 2,
            cap_layout::exp_device_2_writable | pci_reg::exp_devctl2_ari.make(ari ? 1 : 0));
      return;
    }
    default:
      return;
  }
}

void pci_function::allow_extended_capability(uint16_t id, uint16_t at) {
  const auto reg = [at](uint16_t offset) { return static_cast<uint16_t>(at + offset); };
  switch (id) {
    case pci_ext_cap_id_acs:
      if (has_wide_acs(static_cast<uint16_t>(initial(pci_reg::vendor_id, 2)),
                       static_cast<uint16_t>(initial(pci_reg::device_id, 2)))) {
        allow(reg(pci_reg::wide_acs_control), 4,
              initial(reg(pci_reg::acs_capability), cap_layout::acs_controllable));
        return;
      }
      allow(reg(pci_reg::acs_control), 2,
            initial(reg(pci_reg::acs_capability), cap_layout::acs_controllable));
      return;
    case pci_ext_cap_id_ats:
      allow(reg(pci_reg::ats_control), 2, cap_layout::ats_writable);
      return;
    case pci_ext_cap_id_pri:
      allow(reg(cap_layout::pri_control), 2, cap_layout::pri_writable);
      allow(reg(cap_layout::pri_allocation), 4, ~uint64_t{0});
      return;
    case pci_ext_cap_id_pasid:
      allow(reg(cap_layout::pasid_control), 2, cap_layout::pasid_writable);
      return;
    default:
      return;
  }
}

}  // namespace iommulab
