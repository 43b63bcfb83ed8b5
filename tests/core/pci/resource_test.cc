// SPDX-License-Identifier: GPL-2.0-only
//
// The ranges that a function claims, read from its registers. What to expect is arithmetic of the
// registers' layout (PCI Local Bus 3.0, 6.2.5; PCI-to-PCI Bridge 1.2, 3.2.5) with the kernel's
// flags (include/linux/ioport.h).
#include "core/pci/resource.h"

#include <gtest/gtest.h>

#include <ostream>
#include <utility>

#include "test_system.h"

namespace iommulab {

bool operator==(const pci_resource& a, const pci_resource& b) {
  return a.start == b.start && a.end == b.end && a.flags == b.flags;
}
// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const pci_resource& r, std::ostream* out) {
  *out << std::hex << r.start << '-' << r.end << " flags " << r.flags;
}

}  // namespace iommulab

namespace iommulab::resource_test {
namespace {

constexpr uint64_t flag_io = 0x100;
constexpr uint64_t flag_mem = 0x200;
constexpr uint64_t flag_prefetch = 0x2000;
constexpr uint64_t flag_readonly = 0x4000;
constexpr uint64_t flag_sizealign = 0x40000;
constexpr uint64_t flag_mem_64 = 0x100000;

constexpr pci_resource none = {};
constexpr size_t rom = 6;
constexpr size_t io_window = 13;
constexpr size_t memory_window = 14;
constexpr size_t prefetchable_window = 15;

using resources = decltype(pci_dev::resource);

resources resources_of(const function_builder& builder) {
  pci_function function(builder.build());
  pci_dev dev;
  dev.config = &function;
  if (function.is_bridge()) dev.hdr_type = pci_header_type::bridge;
  pci_read_resources(dev);
  return dev.resource;
}

TEST(pci_resources, of_base_address_registers_are_sized_by_what_reads_back) {
  const auto found = resources_of(endpoint(at(0, 1))
                                      .memory_bar(0, 0xfeb00000, 0x20000)
                                      .io_bar(1, 0xc0a0, 0x20)
                                      .memory_bar_64(2, 0x3800000000, uint64_t{8} << 30, true)
                                      .memory_bar_64(4, 0xfe000000, 0x4000));
  EXPECT_EQ(found[0], (pci_resource{0xfeb00000, 0xfeb1ffff, flag_mem | flag_sizealign}));
  EXPECT_EQ(found[1], (pci_resource{0xc0a0, 0xc0bf, flag_io | flag_sizealign | 1}));
  EXPECT_EQ(found[2], (pci_resource{0x3800000000, 0x39ffffffff,
                                    flag_mem | flag_sizealign | flag_prefetch | flag_mem_64 | 0xc}))
      << "more than 4 GiB: the lower half reads back no size bits";
  EXPECT_EQ(found[3], none) << "the upper half of the one before";
  EXPECT_EQ(found[4],
            (pci_resource{0xfe000000, 0xfe003fff, flag_mem | flag_sizealign | flag_mem_64 | 4}));
  EXPECT_EQ(found[5], none);
}

// A register that reads back its own address after ones were written cannot be written, unless the
// range ends with the last address: there the address is the size as well.
TEST(pci_resources, that_end_with_the_last_address_are_ranges) {
  const auto top = resources_of(endpoint(at(0, 1)).memory_bar(0, 0xfff00000, 0x100000));
  EXPECT_EQ(top[0], (pci_resource{0xfff00000, 0xffffffff, flag_mem | flag_sizealign}));
}

TEST(pci_resources, of_an_expansion_rom_tell_whether_it_is_enabled) {
  // Its size is the alignment of its address, for want of a recorded one.
  constexpr uint64_t flags = flag_mem | flag_prefetch | flag_readonly | flag_sizealign;
  const auto off = resources_of(endpoint(at(0, 1)).device_register(0x30, 4, 0xfe840000));
  EXPECT_EQ(off[rom], (pci_resource{0xfe840000, 0xfe87ffff, flags}));
  const auto on = resources_of(endpoint(at(0, 1)).device_register(0x30, 4, 0xfe840001));
  EXPECT_EQ(on[rom], (pci_resource{0xfe840000, 0xfe87ffff, flags | 1}));
}

/// Notes what the command register decoded whenever a base address register was written.
class watched_function final : public pci_config_space {
 public:
  explicit watched_function(pci_function_config config) : function_(std::move(config)) {}
  [[nodiscard]] uint16_t size() const override { return function_.size(); }
  [[nodiscard]] uint8_t read8(uint16_t offset) const override { return function_.read8(offset); }
  void write8(uint16_t offset, uint8_t value) override {
    if (offset >= 0x10 && offset < 0x28) decoding_while_sizing |= function_.read8(4) & 3u;
    function_.write8(offset, value);
  }
  unsigned decoding_while_sizing = 0;

 private:
  pci_function function_;
};

TEST(pci_resources, are_sized_with_decoding_off_and_every_register_put_back) {
  watched_function function(endpoint(at(0, 1))
                                .command(0x0507)
                                .memory_bar(0, 0xfeb00000, 0x20000)
                                .io_bar(1, 0xc0a0, 0x20)
                                .build());
  pci_dev dev;
  dev.config = &function;
  pci_read_resources(dev);
  EXPECT_EQ(dev.resource[1].start, 0xc0a0u);
  EXPECT_EQ(function.decoding_while_sizing, 0u);
  EXPECT_EQ(function.read16(4), 0x0507u);
  EXPECT_EQ(function.read32(0x10), 0xfeb00000u);
  EXPECT_EQ(function.read32(0x14), 0xc0a1u);
}

TEST(pci_resources, of_a_bridge_are_its_windows) {
  const auto found = resources_of(bridge(at(0, 1), 1, 1)
                                      .device_register(0x1c, 2, 0xd0c0)
                                      .device_register(0x20, 4, 0xfeb0fe80)
                                      .device_register(0x24, 4, 0xfe70fe60));
  EXPECT_EQ(found[io_window], (pci_resource{0xc000, 0xdfff, flag_io}));
  EXPECT_EQ(found[memory_window], (pci_resource{0xfe800000, 0xfebfffff, flag_mem}));
  EXPECT_EQ(found[prefetchable_window],
            (pci_resource{0xfe600000, 0xfe7fffff, flag_mem | flag_prefetch}));
}

TEST(pci_resources, of_a_bridge_that_decodes_more_bits_have_upper_halves) {
  const auto found = resources_of(bridge(at(0, 1), 1, 1)
                                      .device_register(0x1c, 2, 0x2111)
                                      .device_register(0x30, 4, 0x00020001)
                                      .device_register(0x24, 4, 0x00310021)
                                      .device_register(0x28, 4, 0x38)
                                      .device_register(0x2c, 4, 0x39));
  EXPECT_EQ(found[io_window], (pci_resource{0x11000, 0x22fff, flag_io | 1}));
  EXPECT_EQ(found[prefetchable_window],
            (pci_resource{0x3800200000, 0x39003fffff, flag_mem | flag_prefetch | flag_mem_64 | 1}));
}

// pci_read_bridge_mmio_pref(): the upper halves are left out, not the window.
TEST(pci_resources, of_a_bridge_with_upper_halves_the_wrong_way_round_use_the_lower_ones) {
  const auto found = resources_of(bridge(at(0, 1), 1, 1)
                                      .device_register(0x24, 4, 0xfe71fe61)
                                      .device_register(0x28, 4, 0x39)
                                      .device_register(0x2c, 4, 0x38));
  EXPECT_EQ(found[prefetchable_window],
            (pci_resource{0xfe600000, 0xfe7fffff, flag_mem | flag_prefetch | flag_mem_64 | 1}));
}

// No bit of base and limit is in both, and the range is one all the same.
TEST(pci_resources, of_a_bridge_with_a_low_window_are_there) {
  const auto found = resources_of(bridge(at(0, 1), 1, 1)
                                      .device_register(0x1c, 2, 0x2010)
                                      .device_register(0x20, 4, 0x00200010)
                                      .device_register(0x24, 4, 0x00800040));
  EXPECT_EQ(found[io_window], (pci_resource{0x1000, 0x2fff, flag_io}));
  EXPECT_EQ(found[memory_window], (pci_resource{0x100000, 0x2fffff, flag_mem}));
  EXPECT_EQ(found[prefetchable_window],
            (pci_resource{0x400000, 0x8fffff, flag_mem | flag_prefetch}));
}

// arch/x86/pci/i386.c, pcibios_allocate_bridge_resources(): a window that begins at 0 is given up.
TEST(pci_resources, of_a_bridge_whose_windows_are_shut_or_begin_at_zero_are_none) {
  for (const uint32_t limit : {0x00000000u, 0x00100000u}) {
    const auto low = resources_of(bridge(at(0, 1), 1, 1)
                                      .device_register(0x1c, 2, limit >> 8)
                                      .device_register(0x20, 4, limit)
                                      .device_register(0x24, 4, limit));
    const auto shut = resources_of(bridge(at(0, 1), 1, 1)
                                       .device_register(0x1c, 2, 0x1020)
                                       .device_register(0x20, 4, limit | 0x0020)
                                       .device_register(0x24, 4, limit | 0x0020));
    for (const size_t window : {io_window, memory_window, prefetchable_window}) {
      EXPECT_EQ(low[window], none) << window;
      EXPECT_EQ(shut[window], none) << window;
    }
  }
}

}  // namespace
}  // namespace iommulab::resource_test
