// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/resource.h"

#include "core/pci/registers.h"

namespace iommulab {
namespace {

// IORESOURCE_* of include/linux/ioport.h
constexpr uint64_t ioresource_prefetch = 0x2000;
constexpr uint64_t ioresource_readonly = 0x4000;
constexpr uint64_t ioresource_sizealign = 0x40000;
constexpr uint64_t ioresource_mem_64 = 0x100000;

// Bridge windows (PCI-to-PCI Bridge 1.2, 3.2.5.6 to 3.2.5.10)
constexpr uint64_t io_window_size = 0x1000;
constexpr uint64_t memory_window_size = 0x100000;

constexpr size_t rom_resource = 6;
constexpr size_t bridge_resources = 13;

struct probed {
  uint32_t value;  ///< what was programmed
  uint32_t size;   ///< what reads back after ones were written
};

probed probe(pci_config_space& config, uint16_t offset, uint32_t ones) {
  const uint32_t value = config.read32(offset);
  config.write32(offset, value | ones);
  const uint32_t size = config.read32(offset);
  config.write32(offset, value);
  // All ones is what an absent register reads: no size, no address.
  return {value == 0xffffffff ? 0 : value, size == 0xffffffff ? 0 : size};
}

/// Length minus one of the range whose address bits `sized` reports, 0 when there is none.
uint64_t extent(uint64_t base, uint64_t sized, uint64_t mask) {
  const uint64_t bits = sized & mask;
  if (bits == 0) return 0;
  const uint64_t last = (bits & ~(bits - 1)) - 1;
  // A read-only "register" reads back its own value instead of a size.
  if (base == sized && ((base | last) & mask) != mask) return 0;
  return last;
}

/// Returns how many registers the range took: 1, or 2 for a 64-bit one.
size_t read_base(pci_config_space& config, uint16_t offset, pci_resource& res) {
  const probed low = probe(config, offset, 0xffffffff);
  if (pci_reg::base_is_io.test(low.value)) {
    const uint64_t mask = 0xfffc;
    const uint64_t last = extent(low.value & mask, low.size & mask, mask);
    if (last == 0) return 1;
    const uint64_t start = pci_reg::base_io_flags.clear(low.value);
    res = {start, start + last,
           pci_reg::base_io_flags.get(low.value) | ioresource_io | ioresource_sizealign};
    return 1;
  }
  const bool wide = pci_reg::base_type.get(low.value) == pci_reg::base_type_64;
  uint64_t start = pci_reg::base_memory_flags.clear(low.value);
  uint64_t sized = pci_reg::base_memory_flags.clear(low.size);
  uint64_t mask = pci_reg::base_memory_flags.clear(0xffffffff);
  if (wide) {
    const probed high = probe(config, static_cast<uint16_t>(offset + 4), 0xffffffff);
    start |= uint64_t{high.value} << 32;
    // The upper half of a large range reads back all ones, which is a size here.
    const uint32_t high_size = low.size == 0 || high.size != 0 ? high.size : 0xffffffff;
    sized |= uint64_t{high_size} << 32;
    mask |= uint64_t{0xffffffff} << 32;
  }
  const uint64_t last = extent(start, sized, mask);
  if (last == 0) return wide ? 2 : 1;
  uint64_t flags =
      pci_reg::base_memory_flags.get(low.value) | ioresource_mem | ioresource_sizealign;
  if (pci_reg::base_prefetchable.test(low.value)) flags |= ioresource_prefetch;
  if (wide) flags |= ioresource_mem_64;
  res = {start, start + last, flags};
  return wide ? 2 : 1;
}

void read_rom(pci_config_space& config, uint16_t offset, pci_resource& res) {
  const uint64_t mask = pci_reg::rom_base.mask();
  const probed rom = probe(config, offset, pci_reg::rom_base.mask());
  const uint64_t start = rom.value & mask;
  const uint64_t last = extent(start, rom.size & mask, mask);
  if (last == 0) return;
  res = {start, start + last,
         pci_reg::rom_enable.get(rom.value) | ioresource_mem | ioresource_prefetch |
             ioresource_readonly | ioresource_sizealign};
}

// A base above the limit is a window that is shut. One that begins at 0 is given up when resources
// are claimed (arch/x86/pci/i386.c: pcibios_allocate_bridge_resources()); registers that are
// hardwired to zero are no window at all.
void set_window(pci_resource& res, uint64_t base, uint64_t limit, uint64_t block, uint64_t flags) {
  if (base == 0 || base > limit) return;
  res = {base, limit + block - 1, flags};
}

void read_io_window(const pci_config_space& config, pci_resource& res) {
  const uint8_t base_low = config.read8(pci_reg::io_base);
  const uint64_t type = pci_reg::window_type.get(base_low);
  const auto address = [](uint8_t low) { return uint64_t{pci_reg::window_type.clear(low)} << 8; };
  uint64_t base = address(base_low);
  uint64_t limit = address(config.read8(pci_reg::io_limit));
  if (type == pci_reg::window_type_wide) {
    base |= uint64_t{config.read16(pci_reg::io_base_upper16)} << 16;
    limit |= uint64_t{config.read16(pci_reg::io_limit_upper16)} << 16;
  }
  set_window(res, base, limit, io_window_size, type | ioresource_io);
}

uint64_t memory_address(uint16_t low) {
  return uint64_t{pci_reg::window_type.clear(low)} << 16;
}

void read_memory_window(const pci_config_space& config, pci_resource& res) {
  const uint16_t base_low = config.read16(pci_reg::memory_base);
  const uint64_t type = pci_reg::window_type.get(base_low);
  set_window(res, memory_address(base_low), memory_address(config.read16(pci_reg::memory_limit)),
             memory_window_size, type | ioresource_mem);
}

void read_prefetchable_window(const pci_config_space& config, pci_resource& res) {
  const uint16_t base_low = config.read16(pci_reg::pref_memory_base);
  const uint64_t type = pci_reg::window_type.get(base_low);
  const bool wide = type == pci_reg::window_type_wide;
  uint64_t base = memory_address(base_low);
  uint64_t limit = memory_address(config.read16(pci_reg::pref_memory_limit));
  const uint64_t base_high = wide ? config.read32(pci_reg::pref_base_upper32) : 0;
  const uint64_t limit_high = wide ? config.read32(pci_reg::pref_limit_upper32) : 0;
  // Upper halves the wrong way round are taken for ones that the firmware never set.
  if (base_high <= limit_high) {
    base |= base_high << 32;
    limit |= limit_high << 32;
  }
  set_window(res, base, limit, memory_window_size,
             type | ioresource_mem | ioresource_prefetch | (wide ? ioresource_mem_64 : 0));
}

// Linux v4.4 drivers/pci/probe.c: pci_read_bridge_bases()
void read_bridge_windows(const pci_config_space& config, pci_resource* res) {
  read_io_window(config, res[0]);
  read_memory_window(config, res[1]);
  read_prefetchable_window(config, res[2]);
}

}  // namespace

void pci_read_resources(pci_dev& pdev) {
  pci_config_space& config = *pdev.config;
  const bool bridge = pdev.hdr_type == pci_header_type::bridge;
  const size_t count = bridge ? 2 : pdev.hdr_type == pci_header_type::normal ? 6 : 1;

  const uint16_t command = config.read16(pci_reg::command);
  constexpr uint16_t decoding = mask_of(pci_reg::command_io, pci_reg::command_memory);
  if ((command & decoding) != 0) {
    config.write16(pci_reg::command, static_cast<uint16_t>(command & ~decoding));
  }
  for (size_t i = 0; i < count;) {
    i +=
        read_base(config, static_cast<uint16_t>(pci_reg::base_address_0 + 4 * i), pdev.resource[i]);
  }
  if (pdev.hdr_type != pci_header_type::cardbus) {
    read_rom(config, bridge ? pci_reg::rom_address_bridge : pci_reg::rom_address,
             pdev.resource[rom_resource]);
  }
  if ((command & decoding) != 0) config.write16(pci_reg::command, command);
  if (bridge) read_bridge_windows(config, &pdev.resource[bridge_resources]);
}

}  // namespace iommulab
