// SPDX-License-Identifier: GPL-2.0-only
#include "platform/pci/function_builder.h"

#include "core/ensure.h"
#include "core/pci/acs.h"
#include "core/pci/registers.h"
#include "platform/pci/capability_layout.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

// IORESOURCE_* flags of a base address register besides its low bits
constexpr uint64_t ioresource_prefetch = 0x2000;
constexpr uint64_t ioresource_sizealign = 0x40000;
constexpr uint64_t ioresource_mem_64 = 0x100000;
constexpr size_t memory_window_resource = 14;

constexpr uint16_t interrupt_pin = 0x3d;
constexpr unsigned express_length = 0x3c;
constexpr uint16_t express_version = 2;

uint16_t base_address(unsigned index) {
  return static_cast<uint16_t>(pci_reg::base_address_0 + 4 * index);
}

}  // namespace

function_builder::function_builder(source_id id, uint16_t vendor, uint16_t device,
                                   uint32_t class_code) {
  function_.id = id;
  function_.config.resize(256);
  function_.resources.emplace();
  put(pci_reg::vendor_id, 2, vendor);
  put(pci_reg::device_id, 2, device);
  put(pci_reg::class_revision, 4, class_code << 8);
}

void function_builder::put(uint16_t offset, unsigned count, uint32_t value) {
  config_put(absl::MakeSpan(function_.config), offset, count, value);
}

uint32_t function_builder::get(uint16_t offset, unsigned count) const {
  return config_get(function_.config, offset, count);
}

function_builder& function_builder::revision(uint8_t value) {
  put(pci_reg::class_revision, 1, value);
  return *this;
}

function_builder& function_builder::multifunction() {
  put(pci_reg::header_type, 1, get(pci_reg::header_type, 1) | pci_reg::header_multifunction.mask());
  return *this;
}

function_builder& function_builder::subsystem(uint16_t vendor, uint16_t device) {
  put(pci_reg::subsystem_vendor_id, 2, vendor);
  put(pci_reg::subsystem_id, 2, device);
  return *this;
}

function_builder& function_builder::interrupt(uint8_t pin, uint8_t line) {
  put(interrupt_pin, 1, pin);
  put(pci_reg::interrupt_line, 1, line);
  return *this;
}

function_builder& function_builder::command(uint16_t value) {
  put(pci_reg::command, 2, value);
  return *this;
}

function_builder& function_builder::status(uint16_t value) {
  put(pci_reg::status, 2, get(pci_reg::status, 2) | value);
  return *this;
}

function_builder& function_builder::device_register(uint16_t offset, unsigned count,
                                                    uint32_t value) {
  put(offset, count, value);
  return *this;
}

function_builder& function_builder::memory_bar(unsigned index, uint32_t address, uint32_t size) {
  put(base_address(index), 4, address);
  (*function_.resources)[index] = {address, uint64_t{address} + size - 1,
                                   ioresource_mem | ioresource_sizealign};
  return *this;
}

function_builder& function_builder::memory_bar_64(unsigned index, uint64_t address, uint64_t size,
                                                  bool prefetchable) {
  const uint32_t bits = pci_reg::base_type.make(pci_reg::base_type_64) |
                        pci_reg::base_prefetchable.make(prefetchable ? 1 : 0);
  put(base_address(index), 4, static_cast<uint32_t>(address & 0xffffffff) | bits);
  put(base_address(index + 1), 4, static_cast<uint32_t>(address >> 32));
  (*function_.resources)[index] = {address, address + size - 1,
                                   bits | ioresource_mem | ioresource_sizealign |
                                       ioresource_mem_64 |
                                       (prefetchable ? ioresource_prefetch : 0)};
  return *this;
}

function_builder& function_builder::io_bar(unsigned index, uint16_t address, uint16_t size) {
  put(base_address(index), 4, address | pci_reg::base_is_io.mask());
  (*function_.resources)[index] = {
      address, uint64_t{address} + size - 1,
      ioresource_io | ioresource_sizealign | pci_reg::base_is_io.mask()};
  return *this;
}

function_builder& function_builder::bridge(uint8_t primary, uint8_t secondary,
                                           uint8_t subordinate) {
  const uint32_t flags = get(pci_reg::header_type, 1) & pci_reg::header_multifunction.mask();
  put(pci_reg::header_type, 1, flags | static_cast<uint32_t>(pci_header_type::bridge));
  put(pci_reg::primary_bus, 1, primary);
  put(pci_reg::secondary_bus, 1, secondary);
  put(pci_reg::subordinate_bus, 1, subordinate);
  // Windows that forward nothing: base above limit
  put(pci_reg::io_base, 1, 0xf0);
  put(pci_reg::memory_base, 2, 0xfff0);
  put(pci_reg::pref_memory_base, 2, 0xfff0);
  return *this;
}

function_builder& function_builder::firmware(pci_firmware_properties properties) {
  function_.firmware = properties;
  return *this;
}

function_builder& function_builder::memory_window(uint32_t first, uint32_t last) {
  put(pci_reg::memory_base, 2, first >> 16);
  put(pci_reg::memory_limit, 2, (last >> 16) & 0xfff0);
  (*function_.resources)[memory_window_resource] = {first, last, ioresource_mem};
  return *this;
}

function_builder& function_builder::capability(uint8_t id, uint8_t at, unsigned length) {
  if (last_capability_ == 0) {
    put(pci_reg::capability_list, 1, at);
    status(pci_reg::status_cap_list.mask());
  } else {
    put(static_cast<uint16_t>(last_capability_ + 1), 1, at);
  }
  for (unsigned i = 0; i < length; ++i) put(static_cast<uint16_t>(at + i), 1, 0);
  put(at, 1, id);
  last_capability_ = at;
  return *this;
}

function_builder& function_builder::express(pci_exp_type type, uint8_t at, bool ari_forwarding) {
  capability(pci_reg::capability_id_express, at, express_length);
  put(static_cast<uint16_t>(at + pci_reg::exp_flags), 2,
      pci_reg::exp_flags_version.make(express_version) |
          pci_reg::exp_flags_type.make(static_cast<uint16_t>(type)));
  if (ari_forwarding) {
    put(static_cast<uint16_t>(at + pci_reg::exp_devcap2), 4, pci_reg::exp_devcap2_ari.mask());
  }
  return *this;
}

function_builder& function_builder::extended_capability(uint16_t id, uint8_t version, uint16_t at) {
  ensure(last_extended_ != 0 || at == pci_reg::first_extended_capability,
         "extended capabilities begin at 100h");
  function_.config.resize(4096);
  if (last_extended_ != 0)
    put(last_extended_, 4, get(last_extended_, 4) | pci_reg::extended_next.make(at));
  put(at, 4, id | pci_reg::extended_version.make(version));
  last_extended_ = at;
  return *this;
}

function_builder& function_builder::acs(uint16_t at, uint16_t capabilities) {
  extended_capability(pci_ext_cap_id_acs, 1, at);
  put(static_cast<uint16_t>(at + pci_reg::acs_capability), 2, capabilities);
  return *this;
}

function_builder& function_builder::ats(uint16_t at, uint8_t queue_depth) {
  extended_capability(pci_ext_cap_id_ats, 1, at);
  // A depth of 32 is written as 0.
  put(static_cast<uint16_t>(at + pci_reg::ats_capability), 2,
      pci_reg::ats_queue_depth.make(queue_depth));
  return *this;
}

}  // namespace iommulab
