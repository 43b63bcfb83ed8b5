// SPDX-License-Identifier: GPL-2.0-only
//
// What reaches memory when, and in which order: unflushed_write, missing_write_buffer_flush,
// present_before_complete, freed_while_reachable.
#include "sanitizer/watched_machine.h"

namespace iommulab::vtd_test::order_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- unflushed_write: ECAP.C = 0 -------------------------------------------------------------

TEST(unflushed_write, a_leaf_that_is_still_in_the_cpus_cache) {
  watched_machine w{vtd_config{}};
  w.attach(nic);
  const uint64_t leaf = w.entry(iova);
  w.m.start();
  w.clock.advance(33);
  {
    IOMMULAB_CALL(w.m.trace, "__domain_mapping");
    w.store(table_kind::paging, leaf, target | 3);
  }
  w.m.read(nic, iova);
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::unflushed_write);
  EXPECT_EQ(f.where, leaf);
  EXPECT_EQ(f.domain, domain_id(domain));
  EXPECT_EQ(f.made.time_ns, 33u);
  EXPECT_THAT(f.made.stack, ElementsAre("__domain_mapping"));
}

// A line is 64 bytes: eight entries.
TEST(unflushed_write, a_flush_takes_the_whole_line_and_no_more) {
  for (const uint64_t distance : {7u, 8u}) {
    watched_machine w{vtd_config{}};
    w.attach(nic);
    const uint64_t leaf = w.entry(iova) & ~uint64_t{63};
    const uint64_t first = iova & ~uint64_t{0x7fff};
    w.m.start();
    w.store(table_kind::paging, leaf + distance * 8, target | 3);
    w.store(table_kind::paging, leaf, target | 3);
    w.flush(leaf);
    ASSERT_TRUE(w.m.read(nic, first + distance * 0x1000).ok());
    if (distance == 7) {
      w.expect_none();
    } else {
      EXPECT_EQ(w.only().where, leaf + distance * 8);
    }
  }
}

TEST(unflushed_write, a_fresh_page_is_dirty_until_it_is_flushed) {
  for (const bool flush : {false, true}) {
    watched_machine w{vtd_config{}};
    w.attach(nic);
    w.m.start();
    const uint64_t page = w.m.page();
    w.sanitizer.table_page_allocated(phys_addr(page));
    if (flush) w.flush(page, 0x1000);
    w.store_flushed(table_kind::paging, w.entry(iova, 3), page | 3);
    EXPECT_FALSE(w.m.read(nic, iova).ok());
    if (flush) {
      w.expect_none();
    } else {
      EXPECT_EQ(w.only().where, page + ((iova >> 21) & 0x1ff) * 8);
    }
  }
}

TEST(unflushed_write, context_and_root_entries_too) {
  watched_machine w{vtd_config{}};
  w.m.start();
  w.store(table_kind::root, w.m.root, w.contexts | 1);
  w.store(table_kind::context, w.context_word(nic) + 8, 0x501);
  w.store(table_kind::context, w.context_word(nic), w.top | 1);
  w.m.read(nic, iova);
  std::vector<uint64_t> addresses;
  for (const finding& f : w.findings()) {
    EXPECT_EQ(f.id, sanitizer_rule::unflushed_write);
    EXPECT_EQ(f.source, source_id::from_requester_id(0, nic));
    addresses.push_back(f.where);
  }
  EXPECT_THAT(addresses, ElementsAre(w.m.root, w.context_word(nic), w.context_word(nic) + 8));
}

TEST(unflushed_write, a_unit_that_snoops_needs_none) {
  watched_machine w;
  w.attach(nic);
  w.m.start();
  w.store(table_kind::paging, w.entry(iova), target | 3);
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  w.expect_none();
}

// --- missing_write_buffer_flush: CAP.RWBF = 1 ------------------------------------------------

class write_buffer : public ::testing::TestWithParam<int> {};

TEST_P(write_buffer, is_flushed_by_command_or_invalidation) {
  vtd_config config = coherent_unit();
  config.cap.set_required_write_buffer_flush(true);
  watched_machine w(config);
  w.attach(nic);
  const uint64_t leaf = w.entry(iova);
  w.m.start();
  w.clock.advance(44);
  {
    IOMMULAB_CALL(w.m.trace, "__domain_mapping");
    w.store(table_kind::paging, leaf, target | 3);
  }
  switch (GetParam()) {
    case 0:
      break;
    case 1:
      w.m.command(wbf);
      break;
    case 2:
      w.m.flush_contexts();
      break;
    default:
      w.m.flush_pages(1, 0, 0, true);
      break;
  }
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  if (GetParam() != 0) return w.expect_none();
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::missing_write_buffer_flush);
  EXPECT_EQ(f.where, leaf);
  EXPECT_EQ(f.made.time_ns, 44u);
  EXPECT_THAT(f.made.stack, ElementsAre("__domain_mapping"));
}
INSTANTIATE_TEST_SUITE_P(by, write_buffer, ::testing::Range(0, 4));

TEST(write_buffer_flush, is_not_asked_for_without_the_capability) {
  watched_machine w;
  w.attach(nic);
  w.m.start();
  w.map(iova, target | 3);
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  w.expect_none();
}

// --- present_before_complete -----------------------------------------------------------------

TEST(present_before_complete, the_upper_half_of_a_context_entry_written_last) {
  watched_machine w;
  w.store(table_kind::root, w.m.root, w.contexts | 1);
  w.m.start();
  const uint64_t at = w.context_word(nic);
  w.clock.advance(5);
  {
    IOMMULAB_CALL(w.m.trace, "first");
    w.store(table_kind::context, at, w.top | 1);
  }
  w.clock.advance(5);
  {
    IOMMULAB_CALL(w.m.trace, "second");
    w.store(table_kind::context, at + 8, 0x501);
  }
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::present_before_complete);
  EXPECT_EQ(f.where, at);
  EXPECT_EQ(f.value, at + 8);
  EXPECT_EQ(f.now.time_ns, 10u);
  EXPECT_THAT(f.now.stack, ElementsAre("second"));
  EXPECT_EQ(f.made.time_ns, 5u);
  EXPECT_THAT(f.made.stack, ElementsAre("first"));
}

// 6.5.3: of a context entry nothing may change while it is present, be it one bit.
TEST(present_before_complete, the_lowest_bit_of_a_context_entrys_upper_half) {
  watched_machine w;
  w.attach(nic);
  w.m.start();
  const uint64_t upper = w.context_word(nic) + 8;
  w.store(table_kind::context, upper, w.m.word(upper) ^ 1);  // the lowest of AW
  EXPECT_EQ(w.only().id, sanitizer_rule::present_before_complete);
  EXPECT_EQ(w.only().value, upper);
}

TEST(present_before_complete, nothing_in_the_right_order_or_where_nobody_looks) {
  watched_machine w;
  w.m.start();
  const uint64_t at = w.context_word(nic);
  // The table is not linked yet: any order will do.
  w.store(table_kind::context, at, w.top | 1);
  w.store(table_kind::context, at + 8, 0x501);
  w.store(table_kind::root, w.m.root, w.contexts | 1);
  // Another domain: off, changed, on.
  w.store(table_kind::context, at, 0);
  w.store(table_kind::context, at + 8, 0x601);
  w.store(table_kind::context, at, w.top | 1);
  w.expect_none();
}

TEST(present_before_complete, a_paging_entry_that_leads_elsewhere_in_one_step) {
  watched_machine w;
  w.attach(nic);
  w.map(iova, target | 3);
  w.m.start();
  w.store(table_kind::paging, w.entry(iova), target | 1);  // a right less, in one store
  w.expect_none();
  w.store(table_kind::paging, w.entry(iova), (target + 0x1000) | 1);
  EXPECT_EQ(w.only().id, sanitizer_rule::present_before_complete);
  EXPECT_EQ(w.only().where, w.entry(iova));
}

// --- several units ---------------------------------------------------------------------------

/// Two units that are watched, the first through the tables of the machine, the second by itself.
class two_units : public ::testing::Test {
 protected:
  two_units() : second(config_of_second(), w.m.memory(), w.m.sink, w.m.trace) {
    w.sanitizer.watch(second, phys_addr(unit_base + 0x1000));
    w.attach(nic);
    w.map(iova, target | 3);
  }
  static vtd_config config_of_second() {
    vtd_config config = coherent_unit();
    config.name = "dmar1";
    return config;
  }
  /// Translation on, over the tables below `root`.
  static void start(vtd_unit& unit, uint64_t root) {
    unit.write64(0x20, root);
    unit.write32(0x18, srtp);
    unit.write32(0x18, te);
    ASSERT_NE(unit.read32(0x1c) & te, 0u);
  }
  watched_machine w;
  vtd_unit second;
};

TEST_F(two_units, the_one_that_uses_the_table_is_told_of_a_change) {
  start(w.m.unit, w.table());
  start(second, w.m.root);
  w.store(table_kind::paging, w.entry(iova), (target + 0x1000) | 3);
  EXPECT_EQ(w.only().id, sanitizer_rule::present_before_complete);
  EXPECT_EQ(w.only().unit, "dmar1");
}

TEST_F(two_units, both_are_told_of_a_change_where_both_use_the_table) {
  start(w.m.unit, w.m.root);
  start(second, w.m.root);
  w.store(table_kind::paging, w.entry(iova), (target + 0x1000) | 3);
  ASSERT_EQ(w.findings().size(), 2u);
  EXPECT_EQ(w.findings()[0].unit, "dmar0");
  EXPECT_EQ(w.findings()[1].unit, "dmar1");
}

TEST_F(two_units, the_one_that_uses_a_freed_table_is_named) {
  start(w.m.unit, w.table());
  start(second, w.m.root);
  w.sanitizer.table_page_freed(phys_addr(w.m.word(w.entry(iova, 2)) & ~uint64_t{0xfff}));
  EXPECT_EQ(w.only().id, sanitizer_rule::freed_while_reachable);
  EXPECT_EQ(w.only().unit, "dmar1");
}

// --- freed_while_reachable -------------------------------------------------------------------

class freed_table : public ::testing::Test {
 protected:
  freed_table() {
    w.attach(nic);
    w.map(iova, target | 3);
    w.m.start();
    link = w.entry(iova, 2);
    leaves = w.m.word(link) & ~uint64_t{0xfff};
  }
  void free_leaves() {
    IOMMULAB_CALL(w.m.trace, "free_pgtable_page");
    w.sanitizer.table_page_freed(phys_addr(leaves));
  }
  watched_machine w;
  uint64_t link = 0;
  uint64_t leaves = 0;
};

TEST_F(freed_table, while_an_entry_leads_to_it) {
  w.clock.advance(9);
  free_leaves();
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::freed_while_reachable);
  EXPECT_EQ(f.where, leaves);
  EXPECT_EQ(f.value, link);
  EXPECT_EQ(f.now.time_ns, 9u);
  EXPECT_THAT(f.now.stack, ElementsAre("free_pgtable_page"));
}

TEST_F(freed_table, while_a_paging_structure_cache_leads_to_it) {
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  w.clock.advance(9);
  {
    IOMMULAB_CALL(w.m.trace, "dma_pte_clear_level");
    w.store(table_kind::paging, link, 0);
  }
  w.m.flush_pages(domain, iova, 9, true);  // IH: the paging-structure caches stay
  w.clock.advance(9);
  free_leaves();
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::freed_while_reachable);
  EXPECT_EQ(f.where, leaves);
  EXPECT_THAT(f.sentence, HasSubstr("paging-structure cache"));
  EXPECT_EQ(f.made.time_ns, 9u);
  EXPECT_THAT(f.made.stack, ElementsAre("dma_pte_clear_level"));
}

TEST_F(freed_table, is_found_again_when_a_walk_reads_it) {
  free_leaves();
  w.m.read(nic, iova);
  ASSERT_EQ(w.findings().size(), 2u);
  EXPECT_EQ(w.findings()[1].id, sanitizer_rule::freed_while_reachable);
  EXPECT_EQ(w.findings()[1].where, w.entry(iova));
  EXPECT_THAT(w.findings()[1].made.stack, ElementsAre("free_pgtable_page"));
}

TEST_F(freed_table, is_nothing_to_tell_once_unlinked_and_invalidated) {
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  w.store(table_kind::paging, link, 0);
  w.m.flush_pages(domain, iova, 9, false);
  free_leaves();
  EXPECT_FALSE(w.m.read(nic, iova).ok());
  w.expect_none();
}

TEST_F(freed_table, may_be_a_context_table_or_the_root) {
  w.sanitizer.table_page_freed(phys_addr(w.contexts));
  w.sanitizer.table_page_freed(phys_addr(w.m.root));
  ASSERT_EQ(w.findings().size(), 2u);
  EXPECT_EQ(w.findings()[0].value, w.m.root);
  EXPECT_THAT(w.findings()[1].sentence, HasSubstr("root table"));
}

TEST(freed_table_far_bus, is_found_behind_buses_without_tables) {
  watched_machine w;
  w.attach(far_bus);
  w.map(iova, target | 3);
  w.m.start();
  const uint64_t link = w.entry(iova, 2);
  w.sanitizer.table_page_freed(phys_addr(w.m.word(link) & ~uint64_t{0xfff}));
  EXPECT_EQ(w.only().value, link);
}

// The context entry was cleared, but the context-cache still has it.
TEST(freed_table_far_bus, is_found_in_the_context_cache) {
  watched_machine w;
  w.attach(far_bus);
  w.map(iova, target | 3);
  w.m.start();
  ASSERT_TRUE(w.m.read(far_bus, iova).ok());
  w.store(table_kind::context, w.context_word(far_bus), 0);
  w.sanitizer.table_page_freed(phys_addr(w.top));
  EXPECT_EQ(w.only().where, w.top);
  EXPECT_THAT(w.only().sentence, HasSubstr("the context-cache leads to it for 85:00.1"));
}

// Memory that a leaf maps is no table, whatever its level.
TEST_F(freed_table, is_not_what_a_leaf_maps) {
  constexpr uint64_t large = 0x200000;
  w.store_flushed(table_kind::paging, w.entry(iova + large, 2), (target + large) | 0x83);
  w.sanitizer.table_page_freed(phys_addr(target));
  w.sanitizer.table_page_freed(phys_addr(target + large));
  w.expect_none();
}

TEST_F(freed_table, is_nobodys_with_translation_off) {
  w.m.command_off(te);
  free_leaves();
  w.expect_none();
}

}  // namespace
}  // namespace iommulab::vtd_test::order_test
