// SPDX-License-Identifier: GPL-2.0-only
//
// stale_translation: each cache in turn serves what the tables no longer say, or serves it no more
// because software told it to forget.
#include "sanitizer/watched_machine.h"

namespace iommulab::vtd_test::stale_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class stale : public ::testing::Test {
 protected:
  void boot(watched_machine& w) {
    w.attach(nic);
    w.map(iova, target | 3);
    w.m.start();
  }
  /// Clears the leaf 1000 ns later, in two open functions.
  void clear_leaf(watched_machine& w, uint64_t value = 0) {
    w.clock.advance(1000);
    const call_scope outer(w.m.trace, "domain_unmap");
    const call_scope inner(w.m.trace, "dma_pte_clear_level");
    w.store_flushed(table_kind::paging, w.entry(iova), value);
  }
};

TEST_F(stale, a_page_that_was_unmapped_and_not_invalidated) {
  watched_machine w;
  boot(w);
  ASSERT_EQ(w.m.read(nic, iova + 0x10).address, target + 0x10);
  clear_leaf(w);
  w.clock.advance(500);
  // The unit goes by its cache; that is what the sanitizer tells of.
  ASSERT_EQ(w.m.read(nic, iova + 0x10).address, target + 0x10);
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::stale_translation);
  EXPECT_EQ(f.unit, "dmar0");
  EXPECT_EQ(f.where, iova + 0x10);
  EXPECT_EQ(f.source, source_id::from_requester_id(0, nic));
  EXPECT_EQ(f.domain, domain_id(domain));
  EXPECT_EQ(f.value, w.entry(iova));
  EXPECT_EQ(f.now.time_ns, 1500u);
  EXPECT_THAT(f.now.stack, IsEmpty());
  EXPECT_EQ(f.made.time_ns, 1000u);
  EXPECT_THAT(f.made.stack, ElementsAre("domain_unmap", "dma_pte_clear_level"));
  EXPECT_EQ(f.count, 1u);
  EXPECT_EQ(w.sanitizer.log().errors(), 1u);

  w.m.read(nic, iova + 0x10);
  EXPECT_EQ(w.only().count, 2u);
}

TEST_F(stale, nothing_when_the_page_was_invalidated) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  clear_leaf(w);
  w.m.flush_pages(domain, iova, 0, true);
  EXPECT_FALSE(w.m.read(nic, iova).ok());
  w.expect_none();
}

TEST_F(stale, the_neighbours_invalidation_does_not_count) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  clear_leaf(w);
  w.m.flush_pages(domain, iova + 0x1000, 0, true);
  w.m.flush_pages(domain + 1, iova, 0, true);
  w.m.read(nic, iova);
  EXPECT_EQ(w.only().id, sanitizer_rule::stale_translation);
}

TEST_F(stale, a_page_that_leads_elsewhere_now) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  clear_leaf(w);
  w.store_flushed(table_kind::paging, w.entry(iova), (target + 0x5000) | 3);
  w.m.write(nic, iova);
  EXPECT_THAT(w.only().sentence, HasSubstr("led to 0x800000"));
  EXPECT_THAT(w.only().sentence, HasSubstr("leads to 0x805000"));
}

// Fewer rights: what is still granted is no finding, what is not granted any more is one.
TEST_F(stale, a_right_that_was_taken_away) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.write(nic, iova).ok());
  clear_leaf(w, target | 1);
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  w.expect_none();
  EXPECT_TRUE(w.m.write(nic, iova).ok());
  EXPECT_EQ(w.only().id, sanitizer_rule::stale_translation);
}

TEST_F(stale, a_right_that_was_taken_away_at_any_level) {
  for (const unsigned level : {1u, 2u, 3u}) {
    for (const uint64_t left : {1u, 2u}) {
      watched_machine w;
      boot(w);
      ASSERT_TRUE(w.m.write(nic, iova).ok());
      const uint64_t at = w.entry(iova, level);
      w.store_flushed(table_kind::paging, at, (w.m.word(at) & ~uint64_t{3}) | left);
      EXPECT_TRUE((left == 1 ? w.m.read(nic, iova) : w.m.write(nic, iova)).ok());
      w.expect_none();
      EXPECT_TRUE((left == 1 ? w.m.write(nic, iova) : w.m.read(nic, iova)).ok());
      EXPECT_EQ(w.only().id, sanitizer_rule::stale_translation) << level;
    }
  }
}

TEST_F(stale, nothing_when_the_same_mapping_is_back) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  clear_leaf(w);
  w.map(iova, target | 3);
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  w.expect_none();
}

TEST_F(stale, a_context_entry_that_was_cleared) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  w.clock.advance(70);
  {
    IOMMULAB_CALL(w.m.trace, "clear_context_table");
    w.store_flushed(table_kind::context, w.context_word(nic), 0);
  }
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::stale_translation);
  EXPECT_EQ(f.where, w.context_word(nic));
  EXPECT_EQ(f.value, w.context_word(nic));
  EXPECT_EQ(f.made.time_ns, 70u);
  EXPECT_THAT(f.made.stack, ElementsAre("clear_context_table"));
  EXPECT_THAT(f.sentence, HasSubstr("context-cache"));
}

TEST_F(stale, nothing_when_the_context_was_invalidated) {
  watched_machine w;
  boot(w);
  ASSERT_TRUE(w.m.read(nic, iova).ok());
  w.store_flushed(table_kind::context, w.context_word(nic), 0);
  w.m.flush_contexts();
  w.m.flush_iotlb();
  EXPECT_FALSE(w.m.read(nic, iova).ok());
  w.expect_none();
}

// Another table for level 1. The leaf hint (IH) says that only leaves changed, so the
// paging-structure caches keep the old one (6.5.1.2).
TEST_F(stale, a_table_in_a_paging_structure_cache) {
  for (const bool leaf_hint : {true, false}) {
    watched_machine w;
    boot(w);
    ASSERT_TRUE(w.m.read(nic, iova).ok());
    const uint64_t other = w.table();
    w.store_flushed(table_kind::paging, other + ((iova >> 12) & 0x1ff) * 8, (target + 0x1000) | 3);
    const uint64_t link = w.entry(iova, 2);
    w.store_flushed(table_kind::paging, link, 0);
    w.store_flushed(table_kind::paging, link, other | 3);
    w.m.flush_pages(domain, iova, 0, leaf_hint);
    const dma_translation t = w.m.read(nic, iova);
    if (!leaf_hint) {
      EXPECT_EQ(t.address, target + 0x1000);
      w.expect_none();
      continue;
    }
    EXPECT_EQ(t.address, target);
    EXPECT_EQ(w.only().where, iova);
    EXPECT_EQ(w.only().value, link);
    EXPECT_THAT(w.only().sentence, HasSubstr("paging-structure cache"));
  }
}

// With caching mode a failed lookup is cached as well (6.1): mapping needs an invalidation too.
TEST_F(stale, an_absence_in_caching_mode) {
  for (const bool invalidate : {false, true}) {
    vtd_config config = coherent_unit();
    config.cap.set_caching_mode(true);
    watched_machine w(config);
    w.attach(nic);
    w.entry(iova);
    w.m.start();
    ASSERT_FALSE(w.m.read(nic, iova).ok());
    w.map(iova, target | 3);
    if (invalidate) w.m.flush_pages(domain, iova, 0, false);
    EXPECT_EQ(w.m.read(nic, iova).ok(), invalidate);
    if (invalidate) {
      w.expect_none();
    } else {
      EXPECT_EQ(w.only().where, iova);
      EXPECT_THAT(w.only().sentence, HasSubstr("was refused"));
    }
  }
}

class obedient_device : public device_tlb_sink {
 public:
  device_tlb_reply invalidate(uint16_t, uint64_t, uint64_t) override {
    return device_tlb_reply::done;
  }
};

// A device with a TLB of its own uses what it was given until it is told (7.1, 6.5.2.5).
TEST_F(stale, a_translation_in_a_device_tlb) {
  for (const bool invalidate : {false, true}) {
    vtd_config config = coherent_unit();
    config.ecap.set_device_tlb(true);
    watched_machine w(config);
    obedient_device device;
    w.m.unit.set_device_tlbs(&device);
    w.attach(nic, 1);
    w.map(iova, target | 3);
    w.m.start();
    const uint64_t queue = w.m.page();
    w.m.unit.write64(0x90, queue);
    w.m.command(qie);
    unsigned next = 0;
    const auto submit = [&](uint64_t low, uint64_t high) {
      w.m.word(queue + uint64_t{16} * next) = low;
      w.m.word(queue + uint64_t{16} * next + 8) = high;
      w.m.unit.write32(0x88, ++next * 16u);
    };
    const auto use = [&] {
      return w.m.ask(nic, target + 0x20, dma_access::read, 8, address_type::translated).ok();
    };

    ASSERT_TRUE(w.m.ask(nic, iova, dma_access::read, 8, address_type::translation_request).ok());
    ASSERT_TRUE(use());
    w.expect_none();
    clear_leaf(w);
    submit(uint64_t{domain} << 16 | 0x32, iova);            // IOTLB, by page
    if (invalidate) submit(uint64_t{nic} << 32 | 3, iova);  // device-TLB
    ASSERT_TRUE(use());
    if (invalidate) {
      w.expect_none();
    } else {
      EXPECT_EQ(w.only().where, iova + 0x20);
      EXPECT_EQ(w.only().made.time_ns, 1000u);
      EXPECT_THAT(w.only().sentence, HasSubstr("device-TLB"));
    }
  }
}

/// A device that was given two pages to keep.
class two_pages_granted : public stale {
 protected:
  static constexpr uint64_t second = iova + 0x1000;
  static vtd_config with_device_tlbs() {
    vtd_config config = coherent_unit();
    config.ecap.set_device_tlb(true);
    return config;
  }
  two_pages_granted() {
    w.m.unit.set_device_tlbs(&device);
    w.attach(nic, 1);
    w.map(iova, target | 3);
    w.map(second, (target + 0x5000) | 3);
    w.m.start();
    for (const uint64_t page : {iova, second}) {
      EXPECT_TRUE(w.m.ask(nic, page, dma_access::read, 8, address_type::translation_request).ok());
    }
  }
  watched_machine w{with_device_tlbs()};
  obedient_device device;
};

TEST_F(two_pages_granted, each_is_held_against_its_own_entry) {
  w.clock.advance(1000);
  w.store_flushed(table_kind::paging, w.entry(second), 0);
  w.m.flush_pages(domain, second, 0, true);
  const auto use = [&](uint64_t address) {
    return w.m.ask(nic, address, dma_access::read, 8, address_type::translated).ok();
  };
  ASSERT_TRUE(use(target + 8));
  w.expect_none();
  ASSERT_TRUE(use(target + 0x5008));
  EXPECT_EQ(w.only().where, second + 8);
  EXPECT_EQ(w.only().value, w.entry(second));
}

// A grant names both rights: from the IOTLB it is stale when either has changed.
TEST_F(two_pages_granted, a_grant_from_the_cache_has_the_rights_of_the_tables) {
  const auto grant = [&] {
    return w.m.ask(nic, iova, dma_access::read, 8, address_type::translation_request).ok();
  };
  ASSERT_TRUE(grant());
  w.expect_none();
  w.store_flushed(table_kind::paging, w.entry(iova), target | pte_read);
  ASSERT_TRUE(grant());
  EXPECT_EQ(w.only().id, sanitizer_rule::stale_translation);
  EXPECT_EQ(w.only().where, iova);
}

TEST_F(two_pages_granted, an_unmap_that_leaves_the_second_one_is_told) {
  w.store_flushed(table_kind::paging, w.entry(second), 0);
  w.m.flush_pages(domain, second, 0, true);
  w.unmapped(second, 0x1000, false);
  EXPECT_EQ(w.only().id, sanitizer_rule::reachable_after_unmap);
  EXPECT_EQ(w.only().where, second);
  EXPECT_THAT(w.only().sentence, HasSubstr("the device-TLB of 00:03.0"));
}

// 00:02.0 has the same page from another domain.
TEST_F(two_pages_granted, another_domains_grant_hides_none) {
  constexpr uint16_t other = 0x0010;
  w.store_flushed(table_kind::context, w.context_word(other) + 8,
                  (uint64_t{domain + 1} << 8) | (levels - 2));
  w.store_flushed(table_kind::context, w.context_word(other), w.top | (1 << 2) | 1);
  ASSERT_TRUE(w.m.ask(other, iova, dma_access::read, 8, address_type::translation_request).ok());
  w.store_flushed(table_kind::paging, w.entry(iova), 0);
  w.m.flush_iotlb();
  w.unmapped(iova, 0x1000, false);
  EXPECT_THAT(w.only().sentence, HasSubstr("the device-TLB of 00:03.0"));
}

}  // namespace
}  // namespace iommulab::vtd_test::stale_test
