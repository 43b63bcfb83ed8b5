// SPDX-License-Identifier: GPL-2.0-only
//
// GCMD and GSTS, and what is latched apart from what is written.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "machine.h"

namespace iommulab::vtd_test::commands_test {
namespace {

using names = std::vector<std::string>;

vtd_config with_everything() {
  vtd_config config;
  config.cap.set_required_write_buffer_flush(true);
  config.ecap.set_interrupt_remapping(true);
  return config;
}

TEST(vtd_gcmd, toggles_follow_the_written_bit) {
  machine m(with_everything());
  m.start();
  m.unit.write64(0xb8, 0x300007);
  m.command(sirtp);
  for (const uint32_t toggle : {qie, ire, cfi}) {
    m.command(toggle);
    EXPECT_EQ(m.gsts() & toggle, toggle);
    m.unit.write32(0x18, m.gsts() & (te | qie | ire | cfi));  // the same again: nothing
    EXPECT_EQ(m.gsts() & toggle, toggle);
    m.command_off(toggle);
    EXPECT_EQ(m.gsts() & toggle, 0u);
  }
  m.command_off(te);
  EXPECT_EQ(m.gsts() & te, 0u);
  EXPECT_EQ(m.diagnosed(), names{});
}

TEST(vtd_gcmd, one_shots_report_once_and_need_no_clearing) {
  machine m(with_everything());
  EXPECT_EQ(m.gsts(), 0u);
  m.command(srtp);
  EXPECT_EQ(m.gsts(), srtp);
  m.command(sirtp);
  EXPECT_EQ(m.gsts(), srtp | sirtp);
  m.unit.write32(0x18, 0);
  EXPECT_EQ(m.gsts(), srtp | sirtp) << "status of a one-shot stays";
  m.command(wbf);
  EXPECT_EQ(m.gsts() & wbf, 0u) << "the flush is over at once";
  EXPECT_EQ(m.diagnosed(), names{});
}

TEST(vtd_gcmd, commands_without_their_capability_are_ignored_and_diagnosed) {
  vtd_config config;
  config.ecap.set_queued_invalidation(false);
  for (const uint32_t bits : {sfl, eafl, wbf, qie, ire, sirtp, cfi}) {
    machine m(config);
    m.unit.write32(0x18, bits);
    EXPECT_EQ(m.gsts(), 0u) << std::hex << bits;
    EXPECT_EQ(m.diagnosed(), names{"gcmd_capability_missing"}) << std::hex << bits;
  }
}

TEST(vtd_gcmd, more_than_one_command_in_a_write_is_diagnosed) {
  machine m(with_everything());
  m.unit.write32(0x18, srtp | qie);
  EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::gcmd_multiple_bits));
  m.unit.diagnoses().clear();
  m.unit.write32(0x18, qie | wbf);  // QIE is held, WBF alone is new
  EXPECT_FALSE(m.unit.diagnoses().has(vtd_diagnosis::gcmd_multiple_bits));
  m.unit.write32(0x18, srtp);  // drops QIE and sets the root
  EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::gcmd_multiple_bits));
}

TEST(vtd_gcmd, only_the_byte_with_the_commands_acts) {
  machine m;
  m.unit.write32(0x14, 0);  // the bytes before GCMD
  EXPECT_EQ(m.gsts(), 0u);
  m.unit.write32(0x16, 0xffff0000);  // reaches GCMD's lower two bytes, which are reserved
  EXPECT_EQ(m.gsts(), 0u);
}

TEST(vtd_root, a_write_of_rtaddr_counts_only_once_it_is_latched) {
  machine m;
  const uint64_t top = m.page();
  m.map(top, 3, 0x5000, 0x800000 | pte_read | pte_write);
  m.attach(nic, top, 1);
  m.start();
  ASSERT_EQ(m.read(nic, 0x5000).address, 0x800000u);

  const uint64_t empty = m.page();
  m.unit.write64(0x20, empty);
  EXPECT_EQ(m.unit.read64(0x20), empty) << "the register reads what was written";
  m.flush_contexts();
  m.flush_iotlb();
  EXPECT_EQ(m.read(nic, 0x5000).address, 0x800000u) << "hardware still uses the latched root";

  m.command(srtp);
  m.flush_contexts();
  EXPECT_EQ(m.read(nic, 0x5000).reason, vtd::fault_reason::root_entry_not_present);
  EXPECT_EQ(m.diagnosed(), names{});
}

TEST(vtd_root, enabling_with_an_unlatched_pointer_is_diagnosed) {
  machine m;
  m.set_root(m.root);
  m.flush_contexts();
  m.flush_iotlb();
  m.unit.write64(0x20, m.page());
  m.command(te);
  EXPECT_EQ(m.diagnosed(), names{"rtaddr_not_latched"});
}

TEST(vtd_root, enabling_without_any_root_is_diagnosed) {
  machine m;
  m.command(te);
  EXPECT_NE(m.gsts() & te, 0u);
  EXPECT_EQ(m.diagnosed(), names{"translation_without_root"});
}

TEST(vtd_root, a_new_root_obliges_software_to_flush_both_caches) {
  machine m;
  m.set_root(m.root);
  m.command(te);
  EXPECT_EQ(m.diagnosed(), names{"stale_caches_after_srtp"});

  machine half;
  half.set_root(half.root);
  half.flush_contexts();
  half.command(te);
  EXPECT_EQ(half.diagnosed(), names{"stale_caches_after_srtp"});

  machine selective;
  selective.set_root(selective.root);
  selective.flush_contexts();
  selective.flush_domain(1);
  selective.command(te);
  EXPECT_EQ(selective.diagnosed(), names{"stale_caches_after_srtp"});
}

TEST(vtd_root, a_table_mode_other_than_legacy_is_diagnosed) {
  for (const uint64_t mode : {1u, 2u, 3u}) {
    machine m;
    m.set_root(m.root | (mode << 10));
    EXPECT_EQ(m.diagnosed(), names{"rtaddr_mode_unsupported"}) << mode;
  }
}

TEST(vtd_interrupt_remapping, latches_its_table_on_sirtp) {
  vtd_config config = with_everything();
  config.ecap.set_extended_interrupt_mode(true);
  machine m(config);
  m.unit.write64(0xb8, 0x345000 | 0x800 | 7);
  EXPECT_EQ(m.unit.interrupt_table_entries(), 0u);
  m.command(sirtp);
  EXPECT_EQ(m.unit.interrupt_table(), phys_addr(0x345000));
  EXPECT_EQ(m.unit.interrupt_table_entries(), 256u);
  EXPECT_TRUE(m.unit.extended_interrupt_mode());
  m.unit.write64(0xb8, 0x456000 | 3);
  EXPECT_EQ(m.unit.interrupt_table(), phys_addr(0x345000)) << "written, not latched";
  EXPECT_FALSE(m.unit.interrupt_remapping_enabled());
  m.command(ire);
  EXPECT_TRUE(m.unit.interrupt_remapping_enabled());
  EXPECT_EQ(m.diagnosed(), names{"irta_not_latched"});
}

TEST(vtd_interrupt_remapping, without_a_table_is_diagnosed) {
  machine m(with_everything());
  m.command(ire);
  EXPECT_EQ(m.diagnosed(), names{"interrupt_remapping_without_table"});
}

TEST(vtd_interrupt_remapping, faults_carry_the_index_and_use_the_same_records) {
  machine m(with_everything());
  m.unit.record_interrupt_fault(vtd::fault_reason::irte_not_present, nic, 0x1234);
  EXPECT_EQ(m.record_low(), uint64_t{0x1234} << 48);
  EXPECT_EQ(m.record_high(), bit(63) | (uint64_t{0x22} << 32) | nic);
}

}  // namespace
}  // namespace iommulab::vtd_test::commands_test
