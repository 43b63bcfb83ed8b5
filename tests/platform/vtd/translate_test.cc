// SPDX-License-Identifier: GPL-2.0-only
//
// Translation that succeeds, and the ways around it.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "machine.h"

namespace iommulab::vtd_test::translate_test {
namespace {

using vtd::fault_reason;

vtd_config unit_with_width(unsigned levels) {
  vtd_config config;
  config.set_only_table_width(30 + 9 * (levels - 2));
  if (levels == 2) config.host_address_width = 36;
  return config;
}

/// Levels of the tables and level of the leaf.
class vtd_walk : public testing::TestWithParam<std::tuple<unsigned, unsigned>> {};

TEST_P(vtd_walk, maps_each_permission_to_what_it_allows) {
  const auto [levels, leaf] = GetParam();
  const unsigned shift = 12 + 9 * (leaf - 1);
  const uint64_t span = uint64_t{1} << shift;
  // Three places: the bottom, one in the middle with every index different, the top.
  const unsigned width = 30 + 9 * (levels - 2);
  const uint64_t top_address = (uint64_t{1} << width) - span;
  const uint64_t middle = (0x0155aa5533cc6678u & ((uint64_t{1} << width) - 1)) & ~(span - 1);
  for (const uint64_t iova : {uint64_t{0}, middle, top_address}) {
    for (unsigned permission = 0; permission < 4; ++permission) {
      machine m(unit_with_width(levels));
      const uint64_t table = m.page();
      const uint64_t host = (uint64_t{0xf} << 32) & ~(span - 1);
      m.map(table, levels, iova, host | permission | (leaf > 1 ? pte_large : 0), leaf);
      m.attach(nic, table, 9, levels);
      m.start();
      const uint64_t inside = (span - 1) & 0x12345678abcd8u;

      const dma_translation read = m.ask(nic, iova + inside, dma_access::read, span);
      EXPECT_EQ(read.outcome,
                (permission & 1) != 0 ? dma_outcome::translated : dma_outcome::blocked);
      if (read.ok()) {
        EXPECT_EQ(read.address, host + inside);
        EXPECT_EQ(read.length, span - inside) << "up to the end of the page";
        EXPECT_EQ(read.page_bits, shift);
        EXPECT_EQ(read.writable, permission == 3);
      } else {
        EXPECT_EQ(read.reason, fault_reason::read_not_permitted);
      }
      m.clear_faults();
      const dma_translation write = m.ask(nic, iova, dma_access::write, 1);
      EXPECT_EQ(write.outcome,
                (permission & 2) != 0 ? dma_outcome::translated : dma_outcome::blocked);
      if (write.ok()) {
        EXPECT_EQ(write.address, host);
        EXPECT_EQ(write.length, 1u);
      } else {
        EXPECT_EQ(write.reason, fault_reason::write_not_permitted);
      }
    }
  }
}

TEST_P(vtd_walk, permissions_hold_only_where_every_level_grants_them) {
  const auto [levels, leaf] = GetParam();
  const uint64_t iova = 0;
  for (unsigned restricted = leaf; restricted <= levels; ++restricted) {
    for (const uint64_t permission : {pte_read, pte_write}) {
      machine m(unit_with_width(levels));
      const uint64_t table = m.page();
      m.map(table, levels, iova, (leaf > 1 ? pte_large : 0) | 3, leaf);
      uint64_t& entry = m.word(m.entry_address(table, levels, iova, restricted));
      entry = (entry & ~uint64_t{3}) | permission;
      m.attach(nic, table, 1, levels);
      m.start();
      EXPECT_EQ(m.read(nic, iova).ok(), permission == pte_read) << restricted;
      EXPECT_EQ(m.write(nic, iova).ok(), permission == pte_write) << restricted;
    }
  }
}

std::vector<std::tuple<unsigned, unsigned>> shapes() {
  std::vector<std::tuple<unsigned, unsigned>> all;
  for (unsigned levels = 2; levels <= 5; ++levels) {
    for (unsigned leaf = 1; leaf <= 3 && leaf <= levels; ++leaf) all.emplace_back(levels, leaf);
  }
  return all;
}
std::string shape_name(const testing::TestParamInfo<std::tuple<unsigned, unsigned>>& shape) {
  return std::to_string(std::get<0>(shape.param)) + "_levels_leaf_at_" +
         std::to_string(std::get<1>(shape.param));
}
INSTANTIATE_TEST_SUITE_P(shapes, vtd_walk, testing::ValuesIn(shapes()), shape_name);

TEST(vtd_translate, scattered_pages_agree_with_a_list) {
  machine m;
  const uint64_t table = m.page();
  std::vector<std::pair<uint64_t, uint64_t>> pages;
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 200; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const uint64_t iova = (state & 0x7ffffff000u) & ~uint64_t{0xfff};
    if (iova >> 20 == 0xfee) continue;
    const uint64_t host = machine::high_start + static_cast<uint64_t>(i) * 0x1000;
    m.map(table, 3, iova, host | 3);
    pages.emplace_back(iova, host);
  }
  m.attach(nic, table, 1);
  m.start();
  for (int round = 0; round < 2; ++round) {  // walked, then cached
    for (const auto& [iova, host] : pages) {
      EXPECT_EQ(m.write(nic, iova + 0x123).address, host + 0x123) << std::hex << iova;
    }
  }
  EXPECT_EQ(m.fsts(), 0u);
}

TEST(vtd_translate, data_crosses_pages_that_lie_apart) {
  machine m;
  const uint64_t table = m.page();
  m.map(table, 3, 0x10000, 0x900000 | 3);
  m.map(table, 3, 0x11000, 0x500000 | 3);
  m.attach(disk, table, 4);
  m.start();
  const std::string data(0x1800, 'x');
  EXPECT_TRUE(m.dma_write(disk, 0x10800, data));
  EXPECT_EQ(*m.memory().at(phys_addr(0x900800), 1), std::byte{'x'});
  EXPECT_EQ(*m.memory().at(phys_addr(0x500fff), 1), std::byte{'x'});
  EXPECT_EQ(*m.memory().at(phys_addr(0x901000), 1), std::byte{0});
  std::string back;
  EXPECT_TRUE(m.dma_read(disk, 0x10800, data.size(), back));
  EXPECT_EQ(back, data);
}

TEST(vtd_translate, passes_everything_while_it_is_off) {
  machine m;
  const dma_translation t = m.ask(nic, 0xfedcba98, dma_access::write, 0x4000);
  EXPECT_EQ(t.outcome, dma_outcome::passed);
  EXPECT_EQ(t.address, 0xfedcba98u);
  EXPECT_EQ(t.length, 0x4000u);
  EXPECT_EQ(m.fsts(), 0u);
  m.start();
  EXPECT_EQ(m.read(nic, 0x1000).outcome, dma_outcome::blocked);
  m.command_off(te);
  EXPECT_EQ(m.read(nic, 0x1000).outcome, dma_outcome::passed);
}

TEST(vtd_translate, each_source_has_its_own_tables) {
  machine m;
  const uint64_t a = m.page();
  const uint64_t b = m.page();
  m.map(a, 3, 0x1000, 0xa00000 | 3);
  m.map(b, 3, 0x1000, 0xb00000 | 3);
  m.attach(nic, a, 1);
  m.attach(far_bus, b, 2);
  m.start();
  EXPECT_EQ(m.read(nic, 0x1000).address, 0xa00000u);
  EXPECT_EQ(m.read(far_bus, 0x1000).address, 0xb00000u);
  EXPECT_EQ(m.read(nic, 0x1000).address, 0xa00000u);
  EXPECT_EQ(m.read(disk, 0x1000).reason, fault_reason::context_entry_not_present);
}

TEST(vtd_translate, pass_through_leaves_addresses_alone_and_ignores_the_table_pointer) {
  machine m;
  m.set_context(nic, 0x7f00000000 | (2u << 2) | 1, (1u << 8) | 1);
  m.start();
  const dma_translation t = m.ask(nic, 0x12345678, dma_access::write, 64);
  EXPECT_EQ(t.outcome, dma_outcome::passed);
  EXPECT_EQ(t.address, 0x12345678u);
  EXPECT_EQ(m.read(nic, bit(39) - 8).outcome, dma_outcome::passed);
  EXPECT_EQ(m.read(nic, bit(39)).reason, fault_reason::address_beyond_width);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{});
}

TEST(vtd_translate, pass_through_wants_the_largest_width) {
  vtd_config config;
  config.add_table_width(48);
  machine m(config);
  m.set_context(nic, (2u << 2) | 1, (1u << 8) | 1);
  m.start();
  EXPECT_EQ(m.read(nic, 0x1000).outcome, dma_outcome::passed);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"pass_through_width_not_largest"});
}

TEST(vtd_translate, snoop_comes_from_the_leaf) {
  vtd_config config;
  config.ecap.set_snoop_control(true);
  machine m(config);
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, 0x400000 | pte_snoop | 3);
  m.map(table, 3, 0x2000, 0x401000 | 3);
  m.attach(nic, table, 1);
  m.start();
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(m.read(nic, 0x1000).snoop);
    EXPECT_FALSE(m.read(nic, 0x2000).snoop);
  }
}

TEST(vtd_translate, ignored_bits_change_nothing) {
  machine m;
  const uint64_t table = m.page();
  uint64_t iova = 0x1000;
  for (const unsigned n : {2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 10u, 52u, 55u, 61u, 63u}) {
    m.map(table, 3, iova, 0x400000 | bit(n) | 3);
    iova += 0x1000;
  }
  m.attach(nic, table, 1);
  m.word(m.context_address(nic) + 8) |= 0xfu << 3;  // software's own bits, 70:67
  m.start();
  for (uint64_t at = 0x1000; at < iova; at += 0x1000) {
    EXPECT_EQ(m.read(nic, at).address, 0x400000u) << std::hex << at;
  }
}

TEST(vtd_translate, zero_length_reads_of_write_only_pages_need_the_capability) {
  for (const bool zlr : {false, true}) {
    vtd_config config;
    config.cap.set_zero_length_read(zlr);
    machine m(config);
    const uint64_t table = m.page();
    m.map(table, 3, 0x1000, 0x400000 | pte_write);
    m.attach(nic, table, 1);
    m.start();
    for (int round = 0; round < 2; ++round) {
      const dma_translation t = m.ask(nic, 0x1000, dma_access::read, 0);
      EXPECT_EQ(t.ok(), zlr);
      EXPECT_EQ(t.length, 0u);
      EXPECT_FALSE(m.ask(nic, 0x1000, dma_access::read, 1).ok());
      EXPECT_TRUE(m.ask(nic, 0x1000, dma_access::write, 1).ok());
    }
  }
}

TEST(vtd_interrupt_range, is_never_memory) {
  machine m;
  const uint64_t table = m.page();
  m.map(table, 3, 0xfee00000, 0x400000 | 3);
  m.map(table, 3, 0xfedff000, 0x500000 | 3);
  m.attach(nic, table, 1);
  for (const bool on : {false, true}) {
    if (on) m.start();
    const dma_translation t = m.ask(nic, 0xfee0100c, dma_access::write, 4);
    EXPECT_EQ(t.outcome, dma_outcome::interrupt) << on;
    EXPECT_EQ(t.address, 0xfee0100cu);
    EXPECT_EQ(m.ask(nic, 0xfeeffffc, dma_access::write, 4).outcome, dma_outcome::interrupt);
    for (const uint64_t length : {1u, 2u, 8u}) {
      EXPECT_EQ(m.ask(nic, 0xfee00000, dma_access::write, length).outcome, dma_outcome::blocked);
    }
    for (const uint64_t unaligned : {0xfee01001u, 0xfee01002u, 0xfee01003u, 0xfeeffffeu}) {
      EXPECT_EQ(m.ask(nic, unaligned, dma_access::write, 4).outcome, dma_outcome::blocked)
          << std::hex << unaligned;
    }
    EXPECT_EQ(m.ask(nic, 0xfee00000, dma_access::read, 4).outcome, dma_outcome::blocked);
    EXPECT_EQ(m.fsts(), 0u) << "blocked without a record";
    // A transfer that runs into the range stops before it.
    const dma_translation before = m.ask(nic, 0xfedfff00, dma_access::write, 0x1000);
    EXPECT_EQ(before.length, 0x100u);
    EXPECT_EQ(before.address, on ? 0x500f00u : 0xfedfff00u);
  }
}

TEST(vtd_protected_memory, is_closed_to_plain_dma_and_not_to_remapped_dma) {
  vtd_config config;
  config.cap.set_protected_low_memory(true).set_protected_high_memory(true);
  machine m(config);
  m.unit.write32(0x68, 0x00400000);
  m.unit.write32(0x6c, 0x00600000);  // up to 0x7fffff: the low bits of a limit are ones
  m.unit.write64(0x70, 0x100200000);
  m.unit.write64(0x78, 0x100200000);
  const auto blocked = [&m](uint64_t address, uint64_t length = 8) {
    const dma_translation t = m.ask(nic, address, dma_access::write, length);
    return t.outcome == dma_outcome::blocked && t.reason == fault_reason::none;
  };
  EXPECT_FALSE(blocked(0x400000)) << "not enabled yet";
  m.unit.write32(0x64, 0x80000000);
  EXPECT_TRUE(blocked(0x400000));
  EXPECT_TRUE(blocked(0x7ffff8));
  EXPECT_FALSE(blocked(0x800000));
  EXPECT_FALSE(blocked(0x3ffff8));
  EXPECT_TRUE(blocked(0x3ffff8, 16)) << "reaches into it";
  EXPECT_TRUE(blocked(0x1003ffff8));
  EXPECT_FALSE(blocked(0x100400000));
  EXPECT_EQ(m.fsts(), 0u) << "not a fault of remapping";

  const uint64_t table = m.page();
  m.map(table, 3, 0x400000, 0x500000 | 3);
  m.attach(nic, table, 1);
  m.set_context(disk, (2u << 2) | 1, (2u << 8) | 1);
  m.start();
  EXPECT_EQ(m.write(nic, 0x400000).address, 0x500000u);
  EXPECT_EQ(m.write(disk, 0x500000).outcome, dma_outcome::blocked) << "pass-through stays out";
  EXPECT_EQ(m.write(disk, 0x900000).outcome, dma_outcome::passed);
  m.unit.write32(0x64, 0);
  EXPECT_EQ(m.write(disk, 0x500000).outcome, dma_outcome::passed);
}

TEST(vtd_protected_memory, a_base_above_its_limit_protects_nothing) {
  vtd_config config;
  config.cap.set_protected_low_memory(true);
  machine m(config);
  m.unit.write32(0x68, 0x00800000);
  m.unit.write32(0x6c, 0x00200000);
  m.unit.write32(0x64, 0x80000000);
  for (uint64_t at = 0; at < 0x1000000; at += 0x100000) {
    EXPECT_EQ(m.write(nic, at).outcome, dma_outcome::passed) << std::hex << at;
  }
}

class vtd_ats : public testing::Test {
 protected:
  static vtd_config config() {
    vtd_config c;
    c.ecap.set_device_tlb(true);
    return c;
  }
  dma_translation request(uint64_t address) {
    return m.ask(nic, address, dma_access::read, 8, address_type::translation_request);
  }
  dma_translation translated(uint64_t address) {
    return m.ask(nic, address, dma_access::write, 8, address_type::translated);
  }
  machine m{config()};
};

TEST_F(vtd_ats, translations_come_with_their_permissions) {
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, 0x400000 | pte_read);
  m.map(table, 3, 0x2000, 0x401000 | pte_write);
  m.map(table, 3, 0x200000, 0x600000 | pte_large | 3, 2);
  m.attach(nic, table, 1, 3, 1);
  m.start();
  EXPECT_TRUE(request(0x1000).readable);
  EXPECT_FALSE(request(0x1000).writable);
  EXPECT_FALSE(request(0x2000).readable);
  EXPECT_TRUE(request(0x2000).writable);
  EXPECT_EQ(request(0x234000).address, 0x634000u);
  EXPECT_EQ(request(0x234000).page_bits, 21);
  const dma_translation missing = request(0x9000);
  EXPECT_EQ(missing.outcome, dma_outcome::translated);
  EXPECT_FALSE(missing.readable || missing.writable);
  EXPECT_EQ(m.fsts(), 0u) << "missing permission is an answer";
  const dma_translation interrupt = request(0xfee00000);
  EXPECT_TRUE(interrupt.untranslated_only && interrupt.writable && !interrupt.readable);
}

// A device that took the whole of such a page would send its interrupts to memory.
TEST_F(vtd_ats, a_page_around_the_interrupt_range_is_not_given_whole) {
  const uint64_t table = m.page();
  m.map(table, 3, 0xfee00000, 0x400000 | pte_large | 3, 2);
  m.map(table, 3, 0x200000, 0xfee00000 | pte_large | 3, 2);
  m.map(table, 3, 0xff000000, 0x600000 | pte_large | 3, 2);
  m.attach(nic, table, 1, 3, 1);
  m.start();
  EXPECT_EQ(request(0xfef01000).address, 0x501000u);
  EXPECT_EQ(request(0xfef01000).page_bits, 12);
  EXPECT_EQ(request(0x300000).address, 0xfef00000u);
  EXPECT_EQ(request(0x300000).page_bits, 12);
  EXPECT_EQ(request(0xff000000).page_bits, 21);
}

TEST_F(vtd_ats, rights_that_no_level_shares_are_none) {
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, 0x400000 | pte_read);
  m.attach(nic, table, 1, 3, 1);
  // The entry above the leaf grants writing alone.
  uint64_t* top = m.memory().object_at<uint64_t>(phys_addr(table));
  *top = (*top & ~uint64_t{3}) | pte_write;
  m.start();
  const dma_translation t = request(0x1000);
  EXPECT_EQ(t.outcome, dma_outcome::translated);
  EXPECT_FALSE(t.readable || t.writable);
  EXPECT_EQ(t.page_bits, 0);
  EXPECT_EQ(m.fsts(), 0u);
}

// Found by fuzzing: the answer spoke of one page and held for the whole range.
TEST_F(vtd_ats, an_answer_about_the_interrupt_range_ends_with_its_page) {
  m.attach(nic, m.page(), 1, 3, 1);
  m.start();
  const dma_translation t =
      m.ask(nic, 0xfee00ff8, dma_access::read, 0x2000, address_type::translation_request);
  EXPECT_EQ(t.page_bits, 12);
  EXPECT_EQ(t.length, 8u);
}

TEST_F(vtd_ats, translated_requests_pass) {
  m.attach(nic, m.page(), 1, 3, 1);
  m.start();
  EXPECT_EQ(translated(0x12345000).outcome, dma_outcome::passed);
  EXPECT_EQ(translated(0x12345000).address, 0x12345000u);
  EXPECT_EQ(m.fsts(), 0u);
  EXPECT_EQ(translated(bit(39)).reason, fault_reason::address_beyond_width);
}

TEST_F(vtd_ats, is_unsupported_while_translation_is_off) {
  EXPECT_EQ(request(0x1000).outcome, dma_outcome::blocked);
  EXPECT_EQ(translated(0x1000).outcome, dma_outcome::blocked);
  EXPECT_EQ(request(0xfee00000).outcome, dma_outcome::blocked);
  EXPECT_EQ(m.fsts(), 0u);
}

}  // namespace
}  // namespace iommulab::vtd_test::translate_test
