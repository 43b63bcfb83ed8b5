// SPDX-License-Identifier: GPL-2.0-only
//
// Second-level and pass-through translation of scalable mode. Sections are those of the VT-d
// specification 3.0; conditions those of its table in 7.1.3.
#include "scalable_machine.h"

namespace iommulab::vtd_test::second_level_test {
namespace {

constexpr uint64_t iova = 0x12345000;
constexpr uint64_t target = 0x800000;

struct second_machine : scalable_machine {
  uint64_t top = page();
  explicit second_machine(vtd_config config = everything(), unsigned levels = 3, uint64_t q0 = 0,
                          uint64_t q1 = 0)
      : scalable_machine(std::move(config)) {
    set_pasid(nic, 0, second(top, 5, levels, q0, q1));
  }
  uint64_t& leaf(uint64_t address, unsigned levels = 3, unsigned level = 1) {
    return word(entry_address(top, levels, address, level));
  }
};

TEST(vtd_scalable_second_level, every_number_of_levels) {  // 3.7
  for (const unsigned levels : {3u, 4u, 5u}) {
    second_machine m(everything(), levels);
    const uint64_t high = iova | uint64_t{1} << (12 + 9 * levels - 1);
    m.map(m.top, levels, high, target | 3);
    m.start();
    EXPECT_EQ(m.read(nic, high + 0x10).address, target + 0x10) << levels;
  }
}

TEST(vtd_scalable_second_level, superpages) {  // 9.8
  second_machine m;
  m.map(m.top, 3, 0x40000000, 0x100000000 | pte_large | 3, 3);
  m.map(m.top, 3, 0x80200000, 0x1200000 | pte_large | 3, 2);
  m.start();
  const auto gigabyte = m.read(nic, 0x40000000 + 0x123456);
  EXPECT_EQ(gigabyte.address, 0x100123456u);
  EXPECT_EQ(gigabyte.page_bits, 30);
  const auto megabytes = m.read(nic, 0x80200000 + 0x54321);
  EXPECT_EQ(megabytes.address, 0x1254321u);
  EXPECT_EQ(megabytes.page_bits, 21);
}

TEST(vtd_scalable_second_level, a_superpage_that_the_unit_does_not_have) {  // 9.8, SSS.3
  vtd_config config = everything();
  config.cap.set_super_pages(0b0001);
  second_machine m(config);
  m.map(m.top, 3, 0x40000000, 0x100000000 | pte_large | 3, 3);
  m.start();
  EXPECT_FALSE(m.read(nic, 0x40000000).ok());
  EXPECT_EQ(m.fault(), 0x7au);
}

TEST(vtd_scalable_second_level, reserved_bits) {  // 9.8, SSS.3
  // Of a 4 KiB leaf: the address above the host's width; TM and SNP are the unit's.
  for (unsigned n = 2; n < 64; ++n) {
    second_machine m;
    m.leaf(iova) = target | 3 | bit(n);
    m.start();
    m.read(nic, iova);
    EXPECT_EQ(m.fault() == 0x7a, n >= host_width && n < 52) << n;
  }
}

TEST(vtd_scalable_second_level, no_mapping) {  // 9.8, SSS.2
  second_machine m;
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x79u);
  EXPECT_FALSE(m.write(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x79u);
  m.leaf(iova) = target;  // neither R nor W, whatever else
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x79u);
}

TEST(vtd_scalable_second_level, missing_permission) {  // SGN.6, SGN.7
  second_machine m;
  m.leaf(iova) = target | pte_read;
  m.leaf(iova + 0x1000) = target | pte_write;
  m.start();
  for (int again = 0; again < 2; ++again) {  // by the tables, then by the IOTLB
    EXPECT_TRUE(m.read(nic, iova).ok());
    EXPECT_FALSE(m.write(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x85u);
    EXPECT_TRUE(m.write(nic, iova + 0x1000).ok());
    EXPECT_FALSE(m.read(nic, iova + 0x1000).ok());
    EXPECT_EQ(m.fault(), 0x86u);
  }
}

TEST(vtd_scalable_second_level, permission_holds_where_every_level_grants_it) {  // 3.7
  second_machine m;
  m.leaf(iova) = target | 3;
  m.word(m.entry_address(m.top, 3, iova, 2)) &= ~uint64_t{pte_write};
  m.start();
  EXPECT_TRUE(m.read(nic, iova).ok());
  EXPECT_FALSE(m.write(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x85u);
}

TEST(vtd_scalable_second_level, tables_outside_memory) {  // SSS.1, SSS.4
  second_machine m;
  m.word(m.entry_address(m.top, 3, iova, 2)) = 0x3000000003;
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x78u);
  m.set_pasid(nic, 1, second_machine::second(0x3000000000, 6));
  EXPECT_FALSE(m.read_pasid(nic, 1, iova).ok());
  EXPECT_EQ(m.fault(), 0x7bu);
}

TEST(vtd_scalable_second_level, addresses_beyond_the_width) {  // 3.7, SGN.5
  second_machine m;
  m.start();
  EXPECT_FALSE(m.read(nic, bit(39) - 8).ok());
  EXPECT_EQ(m.fault(), 0x79u);
  EXPECT_FALSE(m.read(nic, bit(39)).ok());
  EXPECT_EQ(m.fault(), 0x84u);
}

TEST(vtd_scalable_second_level, addresses_beyond_the_guests_width) {  // MGAW, SGN.5
  vtd_config config = everything();
  config.cap.set_max_guest_address_width(40);
  second_machine m(config, 4);
  m.start();
  EXPECT_FALSE(m.read(nic, bit(40)).ok());
  EXPECT_EQ(m.fault(), 0x84u);
}

TEST(vtd_scalable_second_level, accessed_and_dirty_bits) {  // 9.8, SLADE
  constexpr uint64_t accessed = 0x100;
  constexpr uint64_t dirty = 0x200;
  second_machine m(everything(), 3, slade, pwsnp);
  m.leaf(iova) = target | 3;
  m.leaf(iova + 0x1000) = (target + 0x1000) | 3;
  m.start();
  EXPECT_TRUE(m.read(nic, iova).ok());
  EXPECT_EQ(m.leaf(iova), target | 3 | accessed);
  EXPECT_NE(m.leaf(iova, 3, 2) & accessed, 0u);
  EXPECT_NE(m.leaf(iova, 3, 3) & accessed, 0u);
  EXPECT_EQ(m.leaf(iova, 3, 2) & dirty, 0u);  // of leaves only
  // The page is in the IOTLB by now: its first write sets D all the same.
  EXPECT_TRUE(m.write(nic, iova).ok());
  EXPECT_EQ(m.leaf(iova), target | 3 | accessed | dirty);
  EXPECT_EQ(m.leaf(iova + 0x1000), (target + 0x1000) | 3);
  EXPECT_TRUE(m.write(nic, iova + 0x1000).ok());
  EXPECT_EQ(m.leaf(iova + 0x1000), (target + 0x1000) | 3 | accessed | dirty);
  // Only then: a bit that software clears without an invalidation stays clear (6.2.4).
  m.leaf(iova) &= ~dirty;
  EXPECT_TRUE(m.write(nic, iova).ok());
  EXPECT_EQ(m.leaf(iova) & dirty, 0u);
  m.flush_second_level_pages(5, iova);
  EXPECT_TRUE(m.write(nic, iova).ok());
  EXPECT_NE(m.leaf(iova) & dirty, 0u);
}

TEST(vtd_scalable_second_level, without_slade_no_bit_is_set) {  // 9.8
  second_machine m(everything(), 3, 0, pwsnp);
  m.leaf(iova) = target | 3;
  m.start();
  EXPECT_TRUE(m.write(nic, iova).ok());
  EXPECT_EQ(m.leaf(iova), target | 3);
}

TEST(vtd_scalable_second_level, a_translation_that_is_given_away_for_writing_is_dirty) {  // 4.1
  second_machine m(everything(), 3, slade, pwsnp);
  m.leaf(iova) = target | 3;
  m.leaf(iova + 0x1000) = target | 1;
  m.start();
  EXPECT_TRUE(m.ask(nic, iova, dma_access::read, 8, address_type::translation_request).writable);
  EXPECT_NE(m.leaf(iova) & 0x200, 0u);
  EXPECT_FALSE(
      m.ask(nic, iova + 0x1000, dma_access::read, 8, address_type::translation_request).writable);
  EXPECT_EQ(m.leaf(iova + 0x1000) & 0x200, 0u);
}

TEST(vtd_scalable_second_level, bits_to_be_set_where_walks_do_not_snoop) {  // SSS.5
  second_machine m(everything(), 3, slade, 0);
  m.leaf(iova) = target | 3;
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x7cu);
  for (const unsigned level : {3u, 2u, 1u}) m.leaf(iova, 3, level) |= 0x100;
  EXPECT_TRUE(m.read(nic, iova).ok());  // nothing to be set
  EXPECT_FALSE(m.write(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x7cu);
}

TEST(vtd_scalable_second_level, snooping) {  // 9.6 PGSNP, 9.8 SNP
  second_machine m;
  m.leaf(iova) = target | 3;
  m.leaf(iova + 0x1000) = target | 3 | pte_snoop;
  m.set_pasid(nic, 1, second_machine::second(m.top, 5, 3, 0, pgsnp));
  m.start();
  EXPECT_FALSE(m.read(nic, iova).snoop);
  EXPECT_TRUE(m.read(nic, iova + 0x1000).snoop);
  EXPECT_TRUE(m.read_pasid(nic, 1, iova).snoop);
}

TEST(vtd_scalable_second_level, missing_permission_is_an_answer_to_a_device_tlb) {  // 4.1
  second_machine m;
  m.start();
  const auto none = m.ask(nic, iova, dma_access::read, 8, address_type::translation_request);
  EXPECT_EQ(none.outcome, dma_outcome::translated);
  EXPECT_FALSE(none.readable || none.writable);
  EXPECT_EQ(m.fault(), 0u);
}

TEST(vtd_scalable_second_level, pass_through) {  // 9.6
  scalable_machine m;
  m.set_pasid(nic, 0, scalable_machine::pass(1));
  m.set_pasid(disk, 0, scalable_machine::pass(1, pgsnp));
  m.start();
  const auto passed = m.write(nic, target);
  EXPECT_EQ(passed.outcome, dma_outcome::passed);
  EXPECT_EQ(passed.address, target);
  EXPECT_FALSE(passed.snoop);
  EXPECT_TRUE(m.write(disk, target).snoop);
}

TEST(vtd_scalable_second_level, pass_through_goes_as_far_as_host_addresses) {  // SGN.4
  scalable_machine m;
  m.set_pasid(nic, 0, scalable_machine::pass(1));
  m.start();
  EXPECT_TRUE(m.read(nic, bit(host_width) - 8).ok());
  EXPECT_FALSE(m.read(nic, bit(host_width)).ok());
  EXPECT_EQ(m.fault(), 0x83u);
}

TEST(vtd_scalable_second_level, interrupts_have_no_pasid) {  // 3.14
  scalable_machine m;
  const uint64_t top = m.page();
  m.map(top, 3, 0xfee00000, target | 3);
  m.set_pasid(nic, 0, scalable_machine::second(top, 5));
  m.set_pasid(nic, 1, scalable_machine::second(top, 5));
  m.set_pasid(nic, 2, scalable_machine::pass(6));
  m.start();
  const auto message = [&] { return m.ask(nic, 0xfee00000, dma_access::write, 4); };
  EXPECT_EQ(message().outcome, dma_outcome::interrupt);
  // With a PASID the address is one like any other, which the tables translate …
  EXPECT_EQ(m.write_pasid(nic, 1, 0xfee00000).address, target);
  // … but nothing passes through to the range.
  EXPECT_FALSE(m.write_pasid(nic, 2, 0xfee00000).ok());
  EXPECT_EQ(m.fault(), 0x87u);  // SGN.8
}

TEST(vtd_scalable_second_level, tables_do_not_lead_to_the_interrupt_range) {  // 3.15, SGN.8
  second_machine m;
  m.leaf(iova) = 0xfee00000 | 3;
  m.start();
  EXPECT_FALSE(m.write(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x87u);
}

TEST(vtd_scalable_second_level, zero_length_reads) {  // CAP.ZLR
  vtd_config config = everything();
  config.cap.set_zero_length_read(true);
  second_machine m(config);
  m.leaf(iova) = target | pte_write;
  m.start();
  EXPECT_TRUE(m.ask(nic, iova, dma_access::read, 0).ok());
  EXPECT_FALSE(m.ask(nic, iova, dma_access::read, 8).ok());
}

}  // namespace
}  // namespace iommulab::vtd_test::second_level_test
