// SPDX-License-Identifier: GPL-2.0-only
//
// First-level and nested translation. Sections are those of the VT-d specification 3.0; conditions
// those of its table in 7.1.3.
#include "scalable_machine.h"

namespace iommulab::vtd_test::first_level_test {
namespace {

constexpr uint64_t va = 0x7f1234567000;
constexpr uint64_t target = 0x800000;
constexpr uint32_t process = 7;
constexpr uint64_t all = fl_present | fl_write | fl_user;

/// PASID 7 of the nic goes by first-level tables, domain 5.
struct first_machine : scalable_machine {
  uint64_t top = page();
  explicit first_machine(vtd_config config = everything(), uint64_t q2 = 0, uint64_t q1 = pwsnp)
      : scalable_machine(std::move(config)) {
    set_pasid(nic, process, first(top, 5, q2, q1));
  }
  uint64_t& leaf(uint64_t address, unsigned level = 1, unsigned levels = 4) {
    return word(first_entry_address(top, levels, address, level));
  }
  dma_translation privileged(uint64_t address, dma_access access) {
    return ask_pasid(nic, process, address, access, true);
  }
  dma_translation execute(uint64_t address, bool as_privileged = false) {
    return ask_pasid(nic, process, address, dma_access::read, as_privileged, true);
  }
};

TEST(vtd_scalable_first_level, four_levels) {  // 3.6
  first_machine m;
  m.leaf(va) = target | all;
  m.start();
  const auto read = m.read_pasid(nic, process, va + 0x10);
  EXPECT_EQ(read.outcome, dma_outcome::translated);
  EXPECT_EQ(read.address, target + 0x10);
  EXPECT_EQ(read.page_bits, 12);
  EXPECT_TRUE(read.writable);
}

TEST(vtd_scalable_first_level, five_levels_when_flpm_says_so) {  // 9.6 FLPM
  first_machine m(everything(), five_levels);
  constexpr uint64_t high = 0xab1234567000;
  const uint64_t wide = high | uint64_t{0x55} << 48;
  m.leaf(wide, 1, 5) = target | all;
  m.start();
  EXPECT_EQ(m.read_pasid(nic, process, wide + 8).address, target + 8);
}

TEST(vtd_scalable_first_level, requests_without_pasid_may_go_by_it) {  // 3.4.3
  first_machine m;
  m.leaf(va) = target | all;
  m.set_pasid(nic, 0, first_machine::first(m.top, 5));
  m.start();
  EXPECT_EQ(m.read(nic, va).address, target);
}

TEST(vtd_scalable_first_level, canonical_addresses) {  // 3.6, SGN.1
  first_machine m;
  constexpr uint64_t upper = 0xffff800000000000;
  m.leaf(upper) = target | all;
  m.start();
  EXPECT_EQ(m.read_pasid(nic, process, upper + 8).address, target + 8);
  EXPECT_FALSE(m.read_pasid(nic, process, 0x0000800000000000).ok());
  EXPECT_EQ(m.fault(), 0x80u);
  EXPECT_FALSE(m.read_pasid(nic, process, 0xffff7fffffffffff).ok());
  EXPECT_EQ(m.fault(), 0x80u);
  EXPECT_FALSE(m.read_pasid(nic, process, 0x7ffffffff000).ok());
  EXPECT_EQ(m.fault(), 0x71u);
}

TEST(vtd_scalable_first_level, canonical_addresses_of_five_levels) {  // SGN.1
  first_machine m(everything(), five_levels);
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, uint64_t{1} << 55).ok());
  EXPECT_EQ(m.fault(), 0x71u);
  EXPECT_FALSE(m.read_pasid(nic, process, uint64_t{1} << 56).ok());
  EXPECT_EQ(m.fault(), 0x80u);
}

TEST(vtd_scalable_first_level, superpages) {  // 9.7
  first_machine m;
  m.leaf(0x40000000, 3) = 0x100000000 | fl_large | all;
  m.leaf(0x80200000, 2) = 0x1200000 | fl_large | all;
  m.start();
  EXPECT_EQ(m.read_pasid(nic, process, 0x40123456).address, 0x100123456u);
  const auto megabytes = m.read_pasid(nic, process, 0x80254321);
  EXPECT_EQ(megabytes.address, 0x1254321u);
  EXPECT_EQ(megabytes.page_bits, 21);
}

TEST(vtd_scalable_first_level, gigabyte_pages_are_a_capability) {  // CAP.FL1GP, SFS.3
  vtd_config config = everything();
  config.cap.set_first_level_1g_pages(false);
  first_machine m(config);
  m.leaf(0x40000000, 3) = 0x100000000 | fl_large | all;
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, 0x40000000).ok());
  EXPECT_EQ(m.fault(), 0x72u);
}

TEST(vtd_scalable_first_level, no_page_is_larger) {  // 9.7, SFS.3
  first_machine m;
  m.leaf(0x40000000, 4) = 0x100000000 | fl_large | all;
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, 0x40000000).ok());
  EXPECT_EQ(m.fault(), 0x72u);
}

TEST(vtd_scalable_first_level, reserved_bits_of_a_page) {  // 9.7, SFS.3
  for (unsigned n = 3; n < 64; ++n) {
    first_machine m;
    m.leaf(va) = target | all | bit(n);
    m.start();
    m.read_pasid(nic, process, va);
    EXPECT_EQ(m.fault() == 0x72, n >= host_width && n < 52) << n;
  }
}

TEST(vtd_scalable_first_level, reserved_bits_of_superpages) {  // 9.7, SFS.3: PAT is bit 12
  for (const unsigned level : {2u, 3u}) {
    const unsigned page_bits = level == 2 ? 21 : 30;
    for (unsigned n = 12; n < page_bits; ++n) {
      first_machine m;
      m.leaf(va, level) = 0x100000000 | fl_large | all | bit(n);
      m.start();
      m.read_pasid(nic, process, va);
      EXPECT_EQ(m.fault() == 0x72, n != 12) << level << " " << n;
    }
  }
}

TEST(vtd_scalable_first_level, tables_outside_memory) {  // SFS.1, SFS.4
  first_machine m;
  m.leaf(va, 3) = 0x3000000000 | all;
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x70u);
  m.set_pasid(nic, 8, first_machine::first(0x3000000000, 6));
  EXPECT_FALSE(m.read_pasid(nic, 8, va).ok());
  EXPECT_EQ(m.fault(), 0x73u);
}

TEST(vtd_scalable_first_level, not_present) {  // SFS.2
  first_machine m;
  m.leaf(va) = target | fl_write | fl_user;
  m.start();
  EXPECT_FALSE(m.write_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x71u);
}

TEST(vtd_scalable_first_level, pages_of_the_supervisor) {  // 3.6.1, SGN.2
  first_machine m(everything(), sre);
  m.leaf(va) = target | fl_present | fl_write;
  m.leaf(va + 0x1000) = target | all;
  m.start();
  for (int again = 0; again < 2; ++again) {
    EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
    EXPECT_EQ(m.fault(), 0x81u);
    EXPECT_TRUE(m.privileged(va, dma_access::write).ok());
    EXPECT_TRUE(m.privileged(va + 0x1000, dma_access::write).ok());
  }
}

TEST(vtd_scalable_first_level, user_pages_are_so_at_every_level) {  // 3.6.1
  first_machine m;
  m.leaf(va) = target | all;
  m.leaf(va, 3) &= ~fl_user;
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x81u);
}

TEST(vtd_scalable_first_level, read_only_pages) {  // 3.6.1, SGN.6
  first_machine m;
  m.leaf(va) = target | fl_present | fl_user;
  m.leaf(va + 0x200000) = target | all;
  m.leaf(va + 0x200000, 2) &= ~fl_write;
  m.start();
  for (const uint64_t address : {va, va + 0x200000}) {
    EXPECT_TRUE(m.read_pasid(nic, process, address).ok());
    EXPECT_FALSE(m.write_pasid(nic, process, address).ok());
    EXPECT_EQ(m.fault(), 0x85u);
  }
}

TEST(vtd_scalable_first_level, read_only_pages_and_the_supervisor) {  // 9.6 WPE
  first_machine m(everything(), sre);
  m.leaf(va) = target | fl_present | fl_user;
  m.start();
  EXPECT_TRUE(m.privileged(va, dma_access::write).ok());
  m.set_pasid(nic, process, first_machine::first(m.top, 5, sre | wpe));
  m.flush_pasid(5, process);
  m.flush_first_level(5, process);
  EXPECT_TRUE(m.privileged(va, dma_access::read).ok());
  EXPECT_FALSE(m.privileged(va, dma_access::write).ok());
  EXPECT_EQ(m.fault(), 0x85u);
}

TEST(vtd_scalable_first_level, execution) {  // 9.6 NXE, 9.7 XD, SGN.3
  first_machine m(everything(), ere);
  m.leaf(va) = target | all | fl_no_execute;
  m.leaf(va + 0x200000) = target | all;
  m.leaf(va + 0x200000, 2) |= fl_no_execute;
  m.leaf(va + 0x400000) = target | all;
  m.start();
  EXPECT_TRUE(m.execute(va).ok());  // XD does not count without NXE
  m.set_pasid(nic, process, first_machine::first(m.top, 5, ere | nxe));
  m.flush_pasid(5, process);
  m.flush_first_level(5, process);
  for (const uint64_t address : {va, va + 0x200000}) {
    EXPECT_TRUE(m.read_pasid(nic, process, address).ok());
    EXPECT_FALSE(m.execute(address).ok());
    EXPECT_EQ(m.fault(), 0x82u);
  }
  EXPECT_TRUE(m.execute(va + 0x400000).ok());
}

TEST(vtd_scalable_first_level, the_supervisor_executes_no_user_pages) {  // 9.6 SMEP
  first_machine m(everything(), sre | ere);
  m.leaf(va) = target | all;
  m.leaf(va + 0x1000) = target | fl_present | fl_write;
  m.start();
  EXPECT_TRUE(m.execute(va, true).ok());
  m.set_pasid(nic, process, first_machine::first(m.top, 5, sre | ere | smep));
  m.flush_pasid(5, process);
  m.flush_first_level(5, process);
  EXPECT_FALSE(m.execute(va, true).ok());
  EXPECT_EQ(m.fault(), 0x82u);
  EXPECT_TRUE(m.execute(va, false).ok());
  EXPECT_TRUE(m.execute(va + 0x1000, true).ok());
}

TEST(vtd_scalable_first_level, accessed_and_dirty_bits) {  // 9.7, A and D
  first_machine m;
  m.leaf(va) = target | all;
  m.leaf(va + 0x1000) = (target + 0x1000) | all;
  m.start();
  EXPECT_TRUE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.leaf(va), target | all | fl_accessed);
  for (const unsigned level : {2u, 3u, 4u}) {
    EXPECT_NE(m.leaf(va, level) & fl_accessed, 0u) << level;
    EXPECT_EQ(m.leaf(va, level) & fl_dirty, 0u) << level;
  }
  EXPECT_TRUE(m.write_pasid(nic, process, va).ok());  // the page is in the IOTLB
  EXPECT_EQ(m.leaf(va), target | all | fl_accessed | fl_dirty);
  EXPECT_EQ(m.leaf(va + 0x1000), (target + 0x1000) | all);
  EXPECT_TRUE(m.write_pasid(nic, process, va + 0x1000).ok());
  EXPECT_EQ(m.leaf(va + 0x1000), (target + 0x1000) | all | fl_accessed | fl_dirty);
}

TEST(vtd_scalable_first_level, a_refused_write_leaves_the_page_clean) {  // 9.7
  first_machine m;
  m.leaf(va) = target | fl_present | fl_user;
  m.start();
  EXPECT_FALSE(m.write_pasid(nic, process, va).ok());
  EXPECT_EQ(m.leaf(va), target | fl_present | fl_user);
}

TEST(vtd_scalable_first_level, extended_accessed_bits) {  // 9.6 EAFE, 9.7 EA
  first_machine m(everything(), eafe);
  m.leaf(va) = target | all;
  m.start();
  EXPECT_TRUE(m.read_pasid(nic, process, va).ok());
  for (const unsigned level : {1u, 2u, 3u, 4u}) {
    EXPECT_EQ(m.leaf(va, level) & (fl_accessed | fl_extended), fl_accessed | fl_extended) << level;
  }
  // A processor has set A before: EA is the device's own.
  m.leaf(va + 0x1000) = target | all | fl_accessed;
  EXPECT_TRUE(m.read_pasid(nic, process, va + 0x1000).ok());
  EXPECT_NE(m.leaf(va + 0x1000) & fl_extended, 0u);
}

TEST(vtd_scalable_first_level, bits_to_be_set_where_walks_do_not_snoop) {  // SFS.9
  first_machine m(everything(), 0, 0);
  m.leaf(va) = target | all;
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x90u);
  // Linux sets the bits beforehand where walks are not coherent.
  for (const unsigned level : {1u, 2u, 3u, 4u}) m.leaf(va, level) |= fl_accessed;
  EXPECT_TRUE(m.read_pasid(nic, process, va).ok());
  EXPECT_FALSE(m.write_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x90u);
  m.leaf(va) |= fl_dirty;
  EXPECT_TRUE(m.write_pasid(nic, process, va).ok());
}

TEST(vtd_scalable_first_level, what_a_device_tlb_is_given) {  // 4.1
  first_machine m;
  m.leaf(va) = target | all;
  m.leaf(va + 0x1000) = target | fl_present | fl_user;
  m.leaf(va + 0x2000) = target | fl_present | fl_write;
  m.start();
  const auto ask = [&](uint64_t address) {
    return m.ask_pasid(nic, process, address, dma_access::read, false, false,
                       address_type::translation_request);
  };
  EXPECT_TRUE(ask(va).readable && ask(va).writable);
  EXPECT_NE(m.leaf(va) & fl_dirty, 0u);
  EXPECT_TRUE(ask(va + 0x1000).readable);
  EXPECT_FALSE(ask(va + 0x1000).writable);
  EXPECT_EQ(m.leaf(va + 0x1000) & fl_dirty, 0u);
  EXPECT_FALSE(ask(va + 0x2000).readable || ask(va + 0x2000).writable);
  EXPECT_EQ(ask(va + 0x3000).outcome, dma_outcome::translated);
  EXPECT_FALSE(ask(va + 0x3000).readable);
  EXPECT_EQ(m.fault(), 0u);
}

TEST(vtd_scalable_first_level, snooping) {  // 9.6 PGSNP
  first_machine m;
  m.leaf(va) = target | all;
  m.set_pasid(nic, 8, first_machine::first(m.top, 6, 0, pwsnp | pgsnp));
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).snoop);
  EXPECT_TRUE(m.read_pasid(nic, 8, va).snoop);
}

TEST(vtd_scalable_first_level, tables_do_not_lead_to_the_interrupt_range) {  // SGN.8
  first_machine m;
  m.leaf(va) = 0xfee00000 | all;
  m.start();
  EXPECT_FALSE(m.write_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x87u);
}

// --- under a second level --------------------------------------------------------------------

/// PASID 7 of the nic: guest tables at guest addresses that lie `shift` below where they are, under
/// a second level of four levels, domain 5.
struct nested_machine : scalable_machine {
  static constexpr uint64_t shift = 0x10000000;  // a guest address is the host's plus this
  uint64_t host_top = page();
  uint64_t guest_top = guest_page();

  explicit nested_machine(uint64_t q2 = 0, uint64_t q0 = 0) {
    set_pasid(nic, process, nest(guest_top, host_top, 5, 4, q2, q0));
  }
  static uint64_t guest(uint64_t host) { return host + shift; }
  static uint64_t host(uint64_t guest_address) { return guest_address - shift; }
  uint64_t guest_page() {
    const uint64_t at = page();
    map(host_top, 4, guest(at), at | 3);
    return guest(at);
  }
  uint64_t& host_leaf(uint64_t guest_address) {
    return word(entry_address(host_top, 4, guest_address, 1));
  }
  uint64_t& leaf(uint64_t address, unsigned level = 1) {
    uint64_t table = guest_top;
    for (unsigned l = 4;; --l) {
      uint64_t& entry = word(host(table) + ((address >> (12 + 9 * (l - 1))) & 0x1ff) * 8);
      if (l == level) return entry;
      if ((entry & 1) == 0) entry = guest_page() | all;
      table = entry & 0x000ffffffffff000;
    }
  }
};

TEST(vtd_scalable_nested, two_stages) {  // 3.8
  nested_machine m;
  const uint64_t page = m.guest_page();
  m.leaf(va) = page | all;
  m.start();
  EXPECT_EQ(m.read_pasid(nic, process, va + 8).address, nested_machine::host(page) + 8);
}

TEST(vtd_scalable_nested, the_smaller_page_counts) {  // 3.8
  nested_machine m;
  const uint64_t small = m.guest_page();
  m.leaf(va & ~uint64_t{0x1fffff}, 2) = (small & ~uint64_t{0x1fffff}) | fl_large | all;
  const uint64_t address = (va & ~uint64_t{0x1fffff}) | (small & 0x1fffff);
  m.start();
  const auto found = m.read_pasid(nic, process, address);
  EXPECT_EQ(found.address, nested_machine::host(small));
  EXPECT_EQ(found.page_bits, 12);
  // The page beside it is the guest's, and not mapped on the host.
  EXPECT_FALSE(m.read_pasid(nic, process, address ^ 0x100000).ok());
  EXPECT_EQ(m.fault(), 0x79u);
}

TEST(vtd_scalable_nested, guest_addresses_beyond_the_second_level) {  // SFS.5
  nested_machine m;
  m.leaf(va) = bit(48) | all;
  m.leaf(va + 0x40000000, 3) = bit(50) | all;
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x74u);
  EXPECT_FALSE(m.read_pasid(nic, process, va + 0x40000000).ok());
  EXPECT_EQ(m.fault(), 0x74u);
}

TEST(vtd_scalable_nested, guest_tables_that_may_not_be_read) {  // SFS.6, SFS.7
  {
    nested_machine m;
    m.host_leaf(m.guest_top) = 0;
    m.start();
    EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
    EXPECT_EQ(m.fault(), 0x75u);
  }
  {
    nested_machine m;
    m.leaf(va) = m.guest_page() | all;
    m.host_leaf(m.leaf(va, 2) & 0x000ffffffffff000) &= ~uint64_t{1};
    m.start();
    EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
    EXPECT_EQ(m.fault(), 0x76u);
  }
}

TEST(vtd_scalable_nested, guest_tables_that_may_not_be_written) {  // SFS.8
  nested_machine m;
  m.leaf(va) = m.guest_page() | all;
  m.host_leaf(m.leaf(va, 2) & 0x000ffffffffff000) &= ~uint64_t{2};
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x77u);
  m.leaf(va) |= fl_accessed;
  EXPECT_TRUE(m.read_pasid(nic, process, va).ok());
}

TEST(vtd_scalable_nested, mistakes_in_the_second_level) {  // SSS.1, SSS.3, SSS.4
  nested_machine m;
  const uint64_t page = m.guest_page();
  m.leaf(va) = page | all;
  m.host_leaf(page) |= bit(50);
  m.start();
  EXPECT_FALSE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.fault(), 0x7au);
  m.set_pasid(nic, 8, nested_machine::nest(m.guest_top, 0x3000000000, 6));
  EXPECT_FALSE(m.read_pasid(nic, 8, va).ok());
  EXPECT_EQ(m.fault(), 0x7bu);
}

TEST(vtd_scalable_nested, permission_of_both_stages) {  // SGN.6, SGN.7
  nested_machine m(sre);
  const uint64_t read_only = m.guest_page();
  m.leaf(va) = read_only | all;
  m.host_leaf(read_only) &= ~uint64_t{2};
  const uint64_t write_only = m.guest_page();
  m.leaf(va + 0x1000) = write_only | all;
  m.host_leaf(write_only) &= ~uint64_t{1};
  m.start();
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(m.read_pasid(nic, process, va).ok());
    EXPECT_FALSE(m.write_pasid(nic, process, va).ok());
    EXPECT_EQ(m.fault(), 0x85u);
    EXPECT_TRUE(m.write_pasid(nic, process, va + 0x1000).ok());
    EXPECT_FALSE(m.read_pasid(nic, process, va + 0x1000).ok());
    EXPECT_EQ(m.fault(), 0x86u);
  }
  // Privilege is the guest's: over the host's right to write it does not help.
  EXPECT_FALSE(m.ask_pasid(nic, process, va, dma_access::write, true).ok());
  EXPECT_EQ(m.fault(), 0x85u);
}

TEST(vtd_scalable_nested, accessed_and_dirty_bits_of_both_stages) {  // 9.7, 9.8
  nested_machine m(0, slade);
  const uint64_t page = m.guest_page();
  m.leaf(va) = page | all;
  const uint64_t last_table = m.leaf(va, 2) & 0x000ffffffffff000;
  m.start();
  EXPECT_TRUE(m.read_pasid(nic, process, va).ok());
  EXPECT_EQ(m.leaf(va), page | all | fl_accessed);
  EXPECT_EQ(m.host_leaf(page), nested_machine::host(page) | 3 | 0x100);
  // The unit wrote A into the guest's table, which makes the host's page of it dirty.
  EXPECT_EQ(m.host_leaf(last_table), nested_machine::host(last_table) | 3 | 0x300);
  EXPECT_TRUE(m.write_pasid(nic, process, va).ok());
  EXPECT_EQ(m.leaf(va), page | all | fl_accessed | fl_dirty);
  EXPECT_EQ(m.host_leaf(page), nested_machine::host(page) | 3 | 0x300);
}

}  // namespace
}  // namespace iommulab::vtd_test::first_level_test
