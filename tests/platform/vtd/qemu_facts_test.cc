// SPDX-License-Identifier: GPL-2.0-only
//
// An independent model, QEMU 7.2's, measured: each fact is checked here. Where the VT-d
// specification says otherwise the test says what it says, and that the specification holds.
#include <gtest/gtest.h>

#include <string>

#include "machine.h"

namespace iommulab::vtd_test::qemu_facts_test {
namespace {

using vtd::fault_reason;

constexpr uint64_t iova = 0x10000;
constexpr uint64_t target = 0x2000000;

class vtd_like_qemu : public testing::Test {
 protected:
  vtd_like_qemu() {
    table = m.page();
    m.map(table, 3, iova, target | 3);
    m.attach(nic, table, 5);
    m.start();
  }
  machine m;
  uint64_t table = 0;
};

using vtd_unlike_qemu = vtd_like_qemu;

TEST_F(vtd_like_qemu, version_and_reset_values) {
  m.unit.reset();
  EXPECT_EQ(m.unit.read32(0x00), 0x10u);
  EXPECT_EQ(m.unit.read32(0x38), 0x80000000u);
  EXPECT_EQ(m.unit.read32(0xa0), 0x80000000u);
  for (uint32_t offset = 0x18; offset < 0x230; offset += 4) {
    if (offset == 0x38 || offset == 0xa0) continue;
    EXPECT_EQ(m.unit.read32(offset), 0u) << std::hex << offset;
  }
}

TEST_F(vtd_like_qemu, dropped_writes_leave_memory_and_failed_reads_give_nothing) {
  m.word(target) = 0x5555;
  m.map(table, 3, iova, target);  // not present
  EXPECT_FALSE(m.dma_write(nic, iova, "data"));
  EXPECT_EQ(m.word(target), 0x5555u);
  std::string data;
  EXPECT_FALSE(m.dma_read(nic, iova, 4, data));
  EXPECT_TRUE(data.empty()) << "the device makes zeros of it";
}

TEST_F(vtd_like_qemu, a_leaf_that_points_at_a_hole_is_no_fault) {
  m.map(table, 3, iova + 0x1000, (machine::ram_end + 0x100000) | 3);
  EXPECT_TRUE(m.read(nic, iova + 0x1000).ok());
  EXPECT_FALSE(m.dma_write(nic, iova + 0x1000, "lost"));
  EXPECT_EQ(m.fsts(), 0u);
}

TEST_F(vtd_like_qemu, a_read_of_the_interrupt_range_is_no_fault) {
  EXPECT_FALSE(m.ask(nic, 0xfee00000, dma_access::read, 4).ok());
  EXPECT_EQ(m.fsts(), 0u);
}

TEST_F(vtd_like_qemu, bits_2_7_8_and_63_of_a_leaf_are_accepted) {
  m.map(table, 3, iova, target | bit(2) | bit(7) | bit(8) | bit(63) | 3);
  EXPECT_EQ(m.read(nic, iova).address, target);
}

TEST_F(vtd_like_qemu, one_record_collapses_by_source_and_overflows_by_others) {
  (void)m.write(nic, 0x9000);
  (void)m.write(nic, 0xa000);
  EXPECT_EQ(m.fsts(), 2u);
  (void)m.write(disk, 0xa000);
  EXPECT_EQ(m.fsts(), 3u);
  m.clear_record();
  (void)m.write(disk, 0xa000);
  EXPECT_EQ(m.fsts(), 1u) << "nothing is recorded until overflow is cleared";
}

TEST_F(vtd_like_qemu, stale_translations_survive_wrong_invalidations) {
  ASSERT_TRUE(m.read(nic, iova).ok());
  m.map(table, 3, iova, 0);
  EXPECT_TRUE(m.dma_write(nic, iova, "lands")) << "no invalidation";
  m.flush_domain(6);
  EXPECT_TRUE(m.read(nic, iova).ok()) << "wrong domain";
  m.flush_pages(5, iova + 0x1000, 0, false);
  EXPECT_TRUE(m.read(nic, iova).ok()) << "wrong page";
  m.flush_contexts();
  EXPECT_TRUE(m.read(nic, iova).ok()) << "contexts only";
  m.flush_pages(5, iova, 0, false);
  EXPECT_FALSE(m.read(nic, iova).ok());
}

TEST_F(vtd_like_qemu, an_address_mask_rounds_the_address_down) {
  ASSERT_TRUE(m.read(nic, iova).ok());
  m.map(table, 3, iova, 0);
  m.flush_pages(5, iova + 0x3000, 2, false);
  EXPECT_FALSE(m.read(nic, iova).ok());
}

TEST_F(vtd_like_qemu, the_queue_stops_on_a_bad_descriptor) {
  const uint64_t queue = m.page();
  m.unit.write64(0x90, queue);
  m.command(qie);
  m.word(queue) = 0xf;
  m.unit.write32(0x88, 0x10);
  EXPECT_EQ(m.fsts(), 0x10u);
  EXPECT_EQ(m.unit.read64(0x80), 0u);
}

TEST_F(vtd_like_qemu, register_commands_never_complete_with_the_queue_on) {
  m.unit.write64(0x90, m.page());
  m.command(qie);
  m.flush_contexts();
  EXPECT_NE(m.unit.read64(0x28) & bit(63), 0u);
}

// --- Where the specification holds -----------------------------------------------------------

TEST_F(vtd_unlike_qemu, the_upper_message_address_is_used) {
  // QEMU ignores FEUADDR. 10.4.13: it is the upper half of the message address.
  m.unit.write32(0x44, 0x1);
  EXPECT_EQ(m.unit.read32(0x44), 1u);
  m.unit.write32(0x38, 0);
  (void)m.write(disk, 0x1000);
  ASSERT_EQ(m.sink.messages.size(), 1u);
  EXPECT_EQ(m.sink.messages[0].address, uint64_t{1} << 32);
}

TEST(vtd_unlike_qemu_units, protected_memory_exists_where_the_capability_says_so) {
  // QEMU ignores PMEN, and reports neither region, which is consistent. With the capability,
  // 10.4.16 holds.
  vtd_config config;
  machine without(config);
  without.unit.write32(0x64, 0x80000000);
  EXPECT_EQ(without.unit.read32(0x64), 0u);
  config.cap.set_protected_low_memory(true);
  machine with(config);
  with.unit.write32(0x64, 0x80000000);
  EXPECT_EQ(with.unit.read32(0x64), 0x80000001u);
  EXPECT_FALSE(with.write(nic, 0).ok()) << "base and limit 0 protect the first granule";
}

TEST(vtd_unlike_qemu_units, write_buffer_flush_and_compatibility_interrupts_are_commands) {
  // QEMU ignores WBF and CFI. 10.4.4: with their capabilities they take effect.
  vtd_config config;
  config.cap.set_required_write_buffer_flush(true);
  config.ecap.set_interrupt_remapping(true);
  machine m(config);
  m.command(wbf);
  m.command(cfi);
  EXPECT_EQ(m.gsts(), cfi);
  EXPECT_TRUE(m.unit.diagnoses().entries().empty());
}

TEST_F(vtd_unlike_qemu, an_all_ones_entry_has_reserved_bits) {
  // QEMU takes it for an unreadable table (07h). 9.8: the entry was read, and is reserved (0Ch).
  m.map(table, 3, iova, ~uint64_t{0});
  EXPECT_EQ(m.read(nic, iova).reason, fault_reason::paging_entry_reserved);
}

TEST_F(vtd_unlike_qemu, a_write_that_hits_a_read_only_entry_in_the_cache_faults) {
  // QEMU drops it without a word. 7.1, LGN.2: it is a fault wherever the permission was found.
  m.map(table, 3, iova, target | pte_read);
  ASSERT_TRUE(m.read(nic, iova).ok());
  EXPECT_EQ(m.write(nic, iova).reason, fault_reason::write_not_permitted);
  EXPECT_EQ(m.fsts(), 2u);
}

// What a machine recorded on QEMU's unit has instead (deviations.h).
class vtd_as_qemu : public testing::Test {
 protected:
  static vtd_config config() {
    vtd_config c;
    c.deviations = qemu_deviations;
    return c;
  }
  vtd_as_qemu() : m(config()) {
    table = m.page();
    m.attach(nic, table, 5);
    m.start();
  }
  machine m;
  uint64_t table = 0;
};

TEST_F(vtd_as_qemu, permission_is_missed_in_silence_where_the_cache_knew_the_page) {
  m.map(table, 3, iova, target | pte_read);
  EXPECT_EQ(m.write(nic, iova).reason, fault_reason::write_not_permitted) << "from the tables";
  m.clear_faults();
  ASSERT_TRUE(m.read(nic, iova).ok());
  EXPECT_FALSE(m.dma_write(nic, iova, "dropped"));
  EXPECT_EQ(m.word(target), 0u);
  EXPECT_EQ(m.fsts(), 0u);
  m.map(table, 3, iova + 0x1000, target | pte_write);
  ASSERT_TRUE(m.write(nic, iova + 0x1000).ok());
  EXPECT_FALSE(m.read(nic, iova + 0x1000).ok());
  EXPECT_EQ(m.fsts(), 0u);
  m.flush_domain(5);
  EXPECT_FALSE(m.write(nic, iova).ok());
  EXPECT_EQ(m.fsts(), 2u);
}

TEST(vtd_as_qemu_units, a_missing_page_that_caching_mode_keeps_still_faults) {
  vtd_config c;
  c.deviations = qemu_deviations;
  c.cap.set_caching_mode(true);
  machine m(c);
  m.attach(nic, m.page(), 5);
  m.start();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(m.read(nic, iova).reason, fault_reason::read_not_permitted);
    EXPECT_EQ(m.fsts(), 2u);
    m.clear_faults();
  }
}

TEST_F(vtd_as_qemu, pass_through_goes_anywhere) {
  m.attach(disk, 0, 6, 3, 2);
  EXPECT_EQ(m.read(disk, bit(39)).outcome, dma_outcome::passed);
  EXPECT_EQ(m.read(disk, bit(48)).outcome, dma_outcome::passed);
  EXPECT_EQ(m.read(nic, bit(39)).reason, fault_reason::address_beyond_width);
}

TEST_F(vtd_unlike_qemu, pass_through_ends_with_the_hosts_addresses) {
  m.attach(disk, 0, 6, 3, 2);
  EXPECT_TRUE(m.read(disk, bit(39) - 8).ok());
  EXPECT_EQ(m.read(disk, bit(39)).reason, fault_reason::address_beyond_width);
}

TEST_F(vtd_unlike_qemu, a_new_root_does_not_flush) {
  // QEMU flushes everything on SRTP and on toggling TE. 10.4.4: software must.
  ASSERT_TRUE(m.read(nic, iova).ok());
  m.map(table, 3, iova, 0);
  m.command(srtp);
  m.command_off(te);
  m.command(te);
  EXPECT_TRUE(m.read(nic, iova).ok());
}

TEST(vtd_unlike_qemu_units, caching_mode_caches_what_is_not_present) {
  // QEMU never does. 6.1: with CM set hardware may, and a driver that forgets to invalidate
  // after mapping is to be found out.
  vtd_config config;
  config.cap.set_caching_mode(true);
  machine m(config);
  const uint64_t table = m.page();
  m.attach(nic, table, 5);
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  m.map(table, 3, iova, target | 3);
  EXPECT_FALSE(m.read(nic, iova).ok());
}

TEST_F(vtd_unlike_qemu, clearing_the_queue_error_resumes_the_queue) {
  // QEMU waits for the tail to be written again. 6.5.2.10: fetching stops until IQE is cleared.
  const uint64_t queue = m.page();
  m.unit.write64(0x90, queue);
  m.command(qie);
  m.word(queue) = 0xf;
  m.unit.write32(0x88, 0x10);
  m.word(queue) = 0x12;
  m.unit.write32(0x34, 0x10);
  EXPECT_EQ(m.unit.read64(0x80), 0x10u);
}

TEST_F(vtd_unlike_qemu, reserved_bits_come_before_missing_permission) {
  // QEMU looks at permissions first (05h). Either may be reported; a reserved bit makes the
  // entry unusable for every access, so it is the reason given here.
  m.map(table, 3, iova, target | pte_snoop | pte_read);
  EXPECT_EQ(m.write(nic, iova).reason, fault_reason::paging_entry_reserved);
}

}  // namespace
}  // namespace iommulab::vtd_test::qemu_facts_test
