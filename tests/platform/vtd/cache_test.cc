// SPDX-License-Identifier: GPL-2.0-only
//
// What stays stale, and what each invalidation reaches.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "machine.h"

namespace iommulab::vtd_test::cache_test {
namespace {

using vtd::fault_reason;

constexpr uint64_t old_page = 0x2000000;
constexpr uint64_t new_page = 0x2800000;

/// One domain with pages of three sizes, all looked up once.
class vtd_cached : public testing::Test {
 protected:
  vtd_cached() {
    table = m.page();
    other = m.page();
    for (uint64_t at = 0; at < 16; ++at) {
      m.map(table, 3, small + at * 0x1000, (old_page + at * 0x1000) | 3);
    }
    m.map(table, 3, large, 0x400000 | pte_large | 3, 2);
    m.map(table, 3, huge, pte_large | 3, 3);
    m.map(other, 3, small, 0x3000000 | 3);
    m.attach(nic, table, 5);
    m.attach(disk, other, 6);
    m.start();
    touch();
  }
  void touch() {
    for (uint64_t at = 0; at < 16; ++at) {
      ASSERT_EQ(m.read(nic, small + at * 0x1000).address, old_page + at * 0x1000);
    }
    ASSERT_EQ(m.read(nic, large + 0x1000).address, 0x401000u);
    ASSERT_EQ(m.read(nic, huge + 0x1000).address, 0x1000u);
    ASSERT_EQ(m.read(disk, small).address, 0x3000000u);
  }
  /// Takes every mapping of the first domain away behind the unit's back.
  void unmap_all() {
    for (uint64_t at = 0; at < 16; ++at) m.map(table, 3, small + at * 0x1000, 0);
    m.map(table, 3, large, 0, 2);
    m.map(table, 3, huge, 0, 3);
  }
  bool hit(uint64_t address) { return m.read(nic, address).ok(); }

  static constexpr uint64_t small = 0x10000;
  static constexpr uint64_t large = 0x200000;
  static constexpr uint64_t huge = 0x40000000;
  machine m;
  uint64_t table = 0;
  uint64_t other = 0;
};

TEST_F(vtd_cached, unmapped_pages_stay_reachable_until_invalidated) {
  unmap_all();
  EXPECT_TRUE(m.dma_write(nic, small, "stale"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(m.memory().at(phys_addr(old_page), 5)), 5),
            "stale");
  m.flush_iotlb();
  EXPECT_FALSE(hit(small));
  EXPECT_FALSE(hit(large));
  EXPECT_FALSE(hit(huge));
}

TEST_F(vtd_cached, a_domain_goes_alone) {
  unmap_all();
  m.map(other, 3, small, 0);
  m.flush_domain(4);
  EXPECT_TRUE(hit(small)) << "not this domain's";
  m.flush_domain(5);
  EXPECT_FALSE(hit(small));
  EXPECT_FALSE(hit(large));
  EXPECT_FALSE(hit(huge));
  EXPECT_TRUE(m.read(disk, small).ok());
}

TEST_F(vtd_cached, a_page_goes_alone) {
  unmap_all();
  m.flush_pages(5, small + 0x3000, 0, true);
  for (uint64_t at = 0; at < 16; ++at) EXPECT_EQ(hit(small + at * 0x1000), at != 3) << at;
  EXPECT_TRUE(hit(large));
  EXPECT_TRUE(m.read(disk, small).ok());
}

TEST_F(vtd_cached, another_domains_page_changes_nothing) {
  unmap_all();
  m.flush_pages(6, small, 4, false);
  for (uint64_t at = 0; at < 16; ++at) EXPECT_TRUE(hit(small + at * 0x1000)) << at;
}

// No tables lead there: the command ends, and takes nobody's entries.
TEST_F(vtd_cached, pages_beyond_every_width_change_nothing) {
  unmap_all();
  m.flush_pages(5, ~uint64_t{0xfff}, 0, false);
  m.flush_pages(5, ~uint64_t{0xffff}, 4, false);
  m.flush_pages(4, (uint64_t{1} << 57) + small, 0, false);  // bit 57 is not domain 5
  for (uint64_t at = 0; at < 16; ++at) EXPECT_TRUE(hit(small + at * 0x1000)) << at;
  EXPECT_TRUE(hit(large));
  EXPECT_TRUE(hit(huge));
}

TEST_F(vtd_cached, masks_take_aligned_powers_of_two) {
  for (unsigned mask = 0; mask <= 18; ++mask) {
    m.flush_iotlb();
    m.flush_contexts();
    for (uint64_t at = 0; at < 16; ++at) {
      m.map(table, 3, small + at * 0x1000, (old_page + at * 0x1000) | 3);
    }
    m.map(table, 3, large, 0x400000 | pte_large | 3, 2);
    m.map(table, 3, huge, pte_large | 3, 3);
    touch();
    unmap_all();
    const uint64_t chosen = small + 0x5000;
    const uint64_t span = uint64_t{0x1000} << mask;
    const uint64_t start = chosen & ~(span - 1);
    m.flush_pages(5, start, mask, false);
    for (uint64_t at = 0; at < 16; ++at) {
      const uint64_t address = small + at * 0x1000;
      EXPECT_EQ(hit(address), address < start || address >= start + span) << mask << " " << at;
    }
    EXPECT_EQ(hit(large), large >= start + span) << mask;
    EXPECT_EQ(hit(huge), huge >= start + span) << mask;
  }
  EXPECT_FALSE(m.unit.diagnoses().has(vtd_diagnosis::invalidation_address_unaligned));
}

TEST_F(vtd_cached, any_page_inside_a_large_page_takes_it) {
  unmap_all();
  m.flush_pages(5, large + 0x123000, 0, false);
  EXPECT_FALSE(hit(large));
  EXPECT_TRUE(hit(huge));
  m.flush_pages(5, huge + 0x3ffff000, 0, false);
  EXPECT_FALSE(hit(huge));
  EXPECT_TRUE(hit(small));
}

TEST_F(vtd_cached, an_unaligned_address_is_rounded_down_and_diagnosed) {
  unmap_all();
  m.flush_pages(5, small + 0x3000, 2, false);
  for (uint64_t at = 0; at < 16; ++at) EXPECT_EQ(hit(small + at * 0x1000), at >= 4) << at;
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"invalidation_address_unaligned"});
}

TEST_F(vtd_cached, permissions_are_cached_too) {
  m.map(table, 3, small, old_page | pte_read);
  EXPECT_TRUE(m.write(nic, small).ok()) << "still writable in the cache";
  m.flush_pages(5, small, 0, true);
  EXPECT_EQ(m.write(nic, small).reason, fault_reason::write_not_permitted);
  m.clear_faults();
  EXPECT_TRUE(m.read(nic, small).ok());
  m.map(table, 3, small, old_page | 3);
  EXPECT_EQ(m.write(nic, small).reason, fault_reason::write_not_permitted)
      << "the read put a read-only page into the cache";
  m.flush_pages(5, small, 0, true);
  EXPECT_TRUE(m.write(nic, small).ok());
}

TEST_F(vtd_cached, the_hint_spares_the_paging_structure_caches) {
  // The page of tables under `small` moves; the old one still says old_page.
  const uint64_t moved = m.page();
  m.word(moved + ((small >> 12) & 0x1ff) * 8) = new_page | 3;
  m.map(table, 3, small, moved | 3, 2);
  m.flush_pages(5, small, 0, true);
  EXPECT_EQ(m.read(nic, small).address, old_page) << "found through the cached table";
  m.flush_pages(5, small, 0, false);
  EXPECT_EQ(m.read(nic, small).address, new_page);
}

TEST_F(vtd_cached, domain_and_global_invalidation_take_the_paging_structures) {
  for (const bool global : {false, true}) {
    const uint64_t moved = m.page();
    m.word(moved + ((small >> 12) & 0x1ff) * 8) = (global ? new_page : new_page + 0x1000) | 3;
    m.map(table, 3, small, moved | 3, 2);
    if (global) {
      m.flush_iotlb();
    } else {
      m.flush_domain(5);
    }
    EXPECT_EQ(m.read(nic, small).address, global ? new_page : new_page + 0x1000);
  }
}

TEST_F(vtd_cached, context_invalidation_leaves_translations) {
  unmap_all();
  m.flush_contexts();
  EXPECT_TRUE(hit(small));
}

TEST_F(vtd_cached, contexts_stay_until_invalidated) {
  m.set_context(nic, 0, 0);
  EXPECT_TRUE(hit(small));
  m.flush_iotlb();
  m.flush_domain(5);
  EXPECT_TRUE(hit(small)) << "the tables are still there";
  m.flush_contexts();
  EXPECT_EQ(m.read(nic, small).reason, fault_reason::context_entry_not_present);
}

TEST_F(vtd_cached, contexts_go_by_the_domain_that_they_were_loaded_with) {
  m.attach(nic, other, 7);
  const auto flush_contexts_of = [this](unsigned domain) {
    m.unit.write64(0x28, bit(63) | (uint64_t{2} << 61) | domain);
    EXPECT_EQ(m.unit.read64(0x28) >> 59, 2u << 2 | 2u) << "ICC clear, CIRG and CAIG domain";
  };
  flush_contexts_of(7);
  EXPECT_EQ(m.read(nic, small).address, old_page);
  flush_contexts_of(6);
  EXPECT_EQ(m.read(nic, small).address, old_page);
  flush_contexts_of(5);
  EXPECT_EQ(m.read(nic, small).address, 0x3000000u);
}

TEST_F(vtd_cached, a_device_goes_alone_or_with_its_functions) {
  // Eight functions of device 3, one of device 4, all in domain 9.
  const uint64_t before = m.page();
  const uint64_t after = m.page();
  m.map(before, 3, small, old_page | 3);
  m.map(after, 3, small, new_page | 3);
  // Function bits that each mask leaves out: none, 2, 2:1, 2:0.
  const unsigned ignored[] = {0, 4, 6, 7};
  for (unsigned mask = 0; mask < 4; ++mask) {
    for (unsigned domain = 9; domain <= 10; ++domain) {
      m.flush_contexts();
      m.flush_iotlb();
      for (uint16_t f = 0; f < 9; ++f) m.attach(static_cast<uint16_t>(0x18 + f), before, 9);
      for (uint16_t f = 0; f < 9; ++f) {
        ASSERT_EQ(m.read(static_cast<uint16_t>(0x18 + f), small).address, old_page);
      }
      for (uint16_t f = 0; f < 9; ++f) m.attach(static_cast<uint16_t>(0x18 + f), after, 11);
      m.unit.write64(0x28, bit(63) | (uint64_t{3} << 61) | (uint64_t{mask} << 32) |
                               (uint64_t{0x1a} << 16) | domain);
      EXPECT_EQ((m.unit.read64(0x28) >> 59) & 3, 3u);
      for (unsigned f = 0; f < 9; ++f) {
        const bool gone = domain == 9 && f < 8 && ((f ^ 2u) & ~ignored[mask]) == 0;
        EXPECT_EQ(m.read(static_cast<uint16_t>(0x18 + f), small).address,
                  gone ? new_page : old_page)
            << "mask " << mask << " function " << f << " domain " << domain;
      }
    }
  }
}

TEST_F(vtd_cached, the_iotlb_reports_what_it_did) {
  const auto did = [this](uint64_t asked) {
    m.unit.write64(0xf8, bit(63) | (asked << 60) | (uint64_t{5} << 32) | (uint64_t{3} << 48));
    const uint64_t value = m.unit.read64(0xf8);
    EXPECT_EQ(value & bit(63), 0u) << "done";
    return (value >> 57) & 3;
  };
  m.unit.write64(0xf0, small);
  EXPECT_EQ(did(1), 1u);
  EXPECT_EQ(did(2), 2u);
  EXPECT_EQ(did(3), 3u);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{});
  EXPECT_EQ(did(0), 0u) << "00b says that the request was refused";
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"invalidation_granularity_reserved"});
}

TEST_F(vtd_cached, a_mask_that_the_unit_lacks_is_refused) {
  unmap_all();
  m.unit.write64(0xf0, 19);
  m.unit.write64(0xf8, bit(63) | (uint64_t{3} << 60) | (uint64_t{5} << 32));
  EXPECT_EQ((m.unit.read64(0xf8) >> 57) & 3, 0u);
  EXPECT_TRUE(hit(small));
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"invalidation_mask_too_large"});
}

TEST_F(vtd_cached, commands_written_by_halves_start_with_the_upper_one) {
  unmap_all();
  m.unit.write32(0xf8, 0);
  EXPECT_TRUE(hit(small));
  m.unit.write32(0xfc, 0x80000000 | (1u << 28));
  EXPECT_FALSE(hit(small));
  m.set_context(disk, 0, 0);
  m.unit.write32(0x28, 6);
  m.unit.write32(0x2c, 0x80000000 | (1u << 29));
  EXPECT_FALSE(m.read(disk, small).ok());
}

TEST_F(vtd_cached, a_reserved_context_granularity_does_nothing) {
  m.set_context(nic, 0, 0);
  m.unit.write64(0x28, bit(63));
  EXPECT_EQ(m.unit.read64(0x28), 0u);
  EXPECT_TRUE(hit(small));
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"invalidation_granularity_reserved"});
}

// Nothing small is in any cache here: a lookup and an invalidation go on to the larger pages.
TEST(vtd_cache, large_pages_are_found_and_dropped_where_there_are_no_small_ones) {
  constexpr uint64_t address = 0x40000000;
  for (const unsigned level : {2u, 3u}) {
    machine m;
    const uint64_t table = m.page();
    m.map(table, 3, address, pte_large | 3, level);
    m.attach(nic, table, 5);
    m.start();
    ASSERT_TRUE(m.read(nic, address).ok());
    m.map(table, 3, address, 0, level);
    EXPECT_TRUE(m.read(nic, address + 0x5000).ok()) << "as cached";
    m.flush_pages(5, address + uint64_t{0x200000} * (level - 2) + 0x7000, 0, false);
    EXPECT_FALSE(m.read(nic, address).ok());
  }
}

// The table for 2 MiB pages is cached by the entry of level 3 that leads to it; of level 2 there is
// nothing.
TEST(vtd_cache, a_table_is_found_by_an_upper_entry_alone) {
  machine m;
  constexpr uint64_t large = 0x200000;
  const uint64_t table = m.page();
  m.map(table, 3, large, 0x400000 | pte_large | 3, 2);
  m.attach(nic, table, 5);
  m.start();
  ASSERT_EQ(m.read(nic, large).address, 0x400000u);
  const uint64_t moved = m.page();
  m.word(moved + ((large >> 21) & 0x1ff) * 8) = 0x600000 | pte_large | 3;
  m.map(table, 3, large, moved | 3, 3);
  m.flush_pages(5, large, 0, true);
  EXPECT_EQ(m.read(nic, large).address, 0x400000u) << "through the cached table";
  m.flush_pages(5, large, 0, false);
  EXPECT_EQ(m.read(nic, large).address, 0x600000u);
}

TEST(vtd_cache, contexts_of_a_domain_go_on_every_bus) {
  machine m;
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, old_page | 3);
  m.attach(far_bus, table, 5);
  m.start();
  ASSERT_TRUE(m.read(far_bus, 0x1000).ok());
  m.set_context(far_bus, 0, 0);
  m.unit.write64(0x28, bit(63) | (uint64_t{2} << 61) | 5);
  EXPECT_EQ(m.read(far_bus, 0x1000).reason, fault_reason::context_entry_not_present);
}

TEST(vtd_cache, without_page_selective_support_the_domain_goes) {
  vtd_config config;
  config.cap.set_page_selective_invalidation(false);
  machine m(config);
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, old_page | 3);
  m.attach(nic, table, 5);
  m.start();
  ASSERT_TRUE(m.read(nic, 0x1000).ok());
  m.map(table, 3, 0x1000, 0);
  m.flush_pages(5, 0x7000000, 0, false);
  EXPECT_EQ((m.unit.read64(0xf8) >> 57) & 3, 2u) << "domain, as IAIG says";
  EXPECT_FALSE(m.read(nic, 0x1000).ok());
}

TEST(vtd_cache, a_new_root_and_toggling_translation_leave_the_caches) {
  machine m;
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, old_page | 3);
  m.attach(nic, table, 5);
  m.start();
  ASSERT_TRUE(m.read(nic, 0x1000).ok());
  m.map(table, 3, 0x1000, 0);
  m.set_root(m.page());
  EXPECT_TRUE(m.read(nic, 0x1000).ok());
  m.command_off(te);
  m.command(te);
  EXPECT_TRUE(m.read(nic, 0x1000).ok());
  EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::stale_caches_after_srtp));
  m.flush_contexts();
  EXPECT_FALSE(m.read(nic, 0x1000).ok());
}

TEST(vtd_cache, failures_are_not_cached) {
  machine m;
  m.start();
  EXPECT_FALSE(m.read(nic, 0x1000).ok());
  const uint64_t table = m.page();
  m.attach(nic, table, 5);
  m.clear_faults();
  EXPECT_EQ(m.read(nic, 0x1000).reason, fault_reason::read_not_permitted);
  m.map(table, 3, 0x1000, old_page | 3);
  EXPECT_TRUE(m.read(nic, 0x1000).ok()) << "no invalidation is due without caching mode";
}

class vtd_caching_mode : public testing::Test {
 protected:
  static vtd_config config() {
    vtd_config c;
    c.cap.set_caching_mode(true);
    return c;
  }
  machine m{config()};
};

TEST_F(vtd_caching_mode, keeps_missing_contexts_under_domain_zero) {
  m.start();
  EXPECT_FALSE(m.read(nic, 0x1000).ok());
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, old_page | 3);
  m.attach(nic, table, 5);
  EXPECT_EQ(m.read(nic, 0x1000).reason, fault_reason::root_entry_not_present) << "as cached";
  m.unit.write64(0x28, bit(63) | (uint64_t{2} << 61) | 5);
  EXPECT_FALSE(m.read(nic, 0x1000).ok()) << "not under the new domain";
  m.unit.write64(0x28, bit(63) | (uint64_t{3} << 61) | (uint64_t{nic} << 16) | 0);
  EXPECT_TRUE(m.read(nic, 0x1000).ok());
}

TEST_F(vtd_caching_mode, keeps_missing_pages_under_their_domain) {
  const uint64_t table = m.page();
  m.attach(nic, table, 5);
  m.start();
  EXPECT_EQ(m.read(nic, 0x1000).reason, fault_reason::read_not_permitted);
  m.map(table, 3, 0x1000, old_page | 3);
  m.clear_faults();
  EXPECT_EQ(m.write(nic, 0x1000).reason, fault_reason::write_not_permitted)
      << "the same page, named after this access";
  m.flush_pages(5, 0x2000, 0, true);
  EXPECT_FALSE(m.read(nic, 0x1000).ok());
  m.flush_pages(5, 0x1000, 0, true);
  EXPECT_TRUE(m.read(nic, 0x1000).ok());
}

TEST_F(vtd_caching_mode, does_not_take_a_refused_write_for_a_missing_page) {
  const uint64_t table = m.page();
  m.map(table, 3, 0x1000, old_page | pte_read);
  m.attach(nic, table, 5);
  m.start();
  EXPECT_FALSE(m.write(nic, 0x1000).ok());
  EXPECT_TRUE(m.read(nic, 0x1000).ok());
}

TEST_F(vtd_caching_mode, diagnoses_a_context_with_domain_zero) {
  m.attach(nic, m.page(), 0);
  m.start();
  (void)m.read(nic, 0x1000);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"domain_zero_with_caching_mode"});
}

TEST(vtd_cache, holds_more_pages_than_it_has_room_for_correctly) {
  machine m;
  const uint64_t table = m.page();
  const uint64_t count = 4096;
  for (uint64_t i = 0; i < count; ++i) m.map(table, 3, i * 0x1000, ((i ^ 0x3ff) << 12) | 3);
  m.attach(nic, table, 5);
  m.start();
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(m.read(nic, i * 0x1000).address, (i ^ 0x3ff) << 12) << i;
    }
  }
  EXPECT_LE(m.unit.caches().iotlb.size(), 1024u);
  EXPECT_GT(m.unit.caches().iotlb.size(), 512u);
  // With gaps between them, all of them still go with their domain.
  for (uint64_t i = 0; i < count; i += 2) m.flush_pages(5, i * 0x1000, 0, true);
  EXPECT_GT(m.unit.caches().iotlb.size(), 0u);
  m.flush_domain(5);
  EXPECT_EQ(m.unit.caches().iotlb.size(), 0u);
}

}  // namespace
}  // namespace iommulab::vtd_test::cache_test
