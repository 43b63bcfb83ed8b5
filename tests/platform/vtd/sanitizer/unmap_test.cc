// SPDX-License-Identifier: GPL-2.0-only
//
// What holds when an unmap returns: at once (strict), or after the deferred window, which is
// measured.
#include "sanitizer/watched_machine.h"

namespace iommulab::vtd_test::unmap_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class unmap : public ::testing::Test {
 protected:
  unmap() {
    w.attach(nic);
    w.map(iova, target | 3);
    w.m.start();
    EXPECT_TRUE(w.m.read(nic, iova).ok());
  }
  void clear() { w.store(table_kind::paging, w.entry(iova), 0); }
  void return_from_unmap(bool deferred) {
    IOMMULAB_CALL(w.m.trace, "intel_unmap");
    w.unmapped(iova, 0x1000, deferred);
  }
  watched_machine w;
};

TEST_F(unmap, strict_and_right) {
  clear();
  w.m.flush_pages(domain, iova, 0, true);
  return_from_unmap(false);
  EXPECT_FALSE(w.m.read(nic, iova).ok());
  w.expect_none();
  EXPECT_EQ(w.sanitizer.deferred_figures().windows, 0u);
}

// The range that an unmap gave back is reachable no more up to its last byte, and what lies behind
// it is none of its business.
TEST_F(unmap, covers_its_range_to_the_last_byte) {
  w.map(iova + 0x1000, target | 3);
  EXPECT_TRUE(w.m.read(nic, iova + 0x1000).ok());
  clear();
  return_from_unmap(false);
  ASSERT_EQ(w.findings().size(), 1u) << "the translation is still in the IOTLB";
  EXPECT_TRUE(w.m.ask(nic, iova + 0x1000, dma_access::read, 1).ok());
  EXPECT_EQ(w.findings().size(), 1u);
  EXPECT_TRUE(w.m.ask(nic, iova + 0xfff, dma_access::read, 1).ok());
  ASSERT_EQ(w.findings().size(), 2u);
  EXPECT_EQ(w.findings()[1].id, sanitizer_rule::reachable_after_unmap);
  EXPECT_EQ(w.findings()[1].where, iova + 0xfff);
}

TEST_F(unmap, strict_with_the_translation_left_in_the_iotlb) {
  clear();
  w.clock.advance(10);
  return_from_unmap(false);
  finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::reachable_after_unmap);
  EXPECT_EQ(f.where, iova);
  EXPECT_EQ(f.domain, domain_id(domain));
  EXPECT_EQ(f.now.time_ns, 10u);
  EXPECT_THAT(f.now.stack, ElementsAre("intel_unmap"));
  EXPECT_THAT(f.sentence, HasSubstr("the IOTLB"));

  w.clock.advance(10);
  ASSERT_TRUE(w.m.write(nic, iova + 8).ok());
  ASSERT_EQ(w.findings().size(), 2u);
  f = w.findings()[1];
  EXPECT_EQ(f.id, sanitizer_rule::reachable_after_unmap);
  EXPECT_EQ(f.where, iova + 8);
  EXPECT_EQ(f.now.time_ns, 20u);
  EXPECT_EQ(f.made.time_ns, 10u);
  EXPECT_THAT(f.made.stack, ElementsAre("intel_unmap"));
}

TEST_F(unmap, strict_with_the_entry_left_in_the_tables) {
  w.m.flush_pages(domain, iova, 0, true);
  return_from_unmap(false);
  EXPECT_EQ(w.only().id, sanitizer_rule::reachable_after_unmap);
  EXPECT_EQ(w.only().where, iova);
  EXPECT_THAT(w.only().sentence, HasSubstr("the tables"));
}

TEST_F(unmap, deferred_is_measured) {
  clear();
  w.clock.advance(100);
  return_from_unmap(true);
  w.clock.advance(300);
  EXPECT_TRUE(w.m.read(nic, iova).ok());
  EXPECT_TRUE(w.m.write(nic, iova + 0xff8).ok());
  window_figures figures = w.sanitizer.deferred_figures();
  EXPECT_EQ(figures.open, 1u);
  EXPECT_EQ(figures.windows, 0u);
  EXPECT_EQ(figures.accesses, 2u);
  w.expect_none();
  w.clock.advance(400);
  w.m.flush_iotlb();
  EXPECT_FALSE(w.m.read(nic, iova).ok());

  figures = w.sanitizer.deferred_figures();
  EXPECT_EQ(figures.open, 0u);
  EXPECT_EQ(figures.windows, 1u);
  EXPECT_EQ(figures.entered, 1u);
  EXPECT_EQ(figures.accesses, 2u);
  EXPECT_EQ(figures.most_accesses, 2u);
  EXPECT_EQ(figures.longest_ns, 700u);
  EXPECT_EQ(figures.total_ns, 700u);
  const finding f = w.only();
  EXPECT_EQ(f.id, sanitizer_rule::deferred_window);
  EXPECT_EQ(f.where, iova);
  EXPECT_EQ(f.now.time_ns, 800u);
  EXPECT_EQ(f.made.time_ns, 100u);
  EXPECT_THAT(f.made.stack, ElementsAre("intel_unmap"));
  EXPECT_EQ(w.sanitizer.log().errors(), 0u);
}

// Addresses may not be given out again before the flush: then the window is no excuse.
TEST_F(unmap, deferred_and_mapped_again_before_the_flush) {
  clear();
  return_from_unmap(true);
  w.map(iova, (target + 0x9000) | 3);
  EXPECT_EQ(w.m.read(nic, iova).address, target);
  EXPECT_EQ(w.only().id, sanitizer_rule::stale_translation);
}

TEST_F(unmap, a_window_closes_for_what_an_invalidation_covers) {
  clear();
  return_from_unmap(true);
  w.m.flush_pages(domain, iova + 0x1000, 0, true);
  w.m.flush_domain(domain + 1);
  EXPECT_EQ(w.sanitizer.deferred_figures().open, 1u);
  w.m.flush_pages(domain, iova & ~uint64_t{0x3fff}, 2, true);
  EXPECT_EQ(w.sanitizer.deferred_figures().open, 0u);
  EXPECT_EQ(w.sanitizer.deferred_figures().entered, 0u);
  w.expect_none();
}

/// The page and the one behind it, which is read before and unmapped deferred.
struct unmap_of_two : unmap {
  static constexpr uint64_t second = iova + 0x1000;

  void unmap_both(bool first_deferred) {
    w.map(second, (target + 0x1000) | 3);
    ASSERT_TRUE(w.m.read(nic, second).ok());
    clear();
    w.store(table_kind::paging, w.entry(second), 0);
    return_from_unmap(first_deferred);
    w.unmapped(second, 0x1000, true);
  }
};

TEST_F(unmap_of_two, deferred_windows_are_closed_each_by_its_own_invalidation) {
  unmap_both(/*first_deferred=*/true);
  ASSERT_TRUE(w.m.read(nic, second).ok());
  w.m.flush_pages(domain, second, 0, true);
  EXPECT_EQ(w.sanitizer.deferred_figures().open, 1u);
  EXPECT_EQ(w.sanitizer.deferred_figures().windows, 1u);
  EXPECT_EQ(w.sanitizer.deferred_figures().entered, 1u);
  EXPECT_EQ(w.only().where, second);
}

// Nobody came through the first one.
TEST_F(unmap_of_two, deferred_windows_that_were_entered_are_told) {
  unmap_both(/*first_deferred=*/true);
  ASSERT_TRUE(w.m.read(nic, second).ok());
  w.m.flush_iotlb();
  EXPECT_EQ(w.sanitizer.deferred_figures().windows, 2u);
  EXPECT_EQ(w.sanitizer.deferred_figures().entered, 1u);
  EXPECT_EQ(w.only().id, sanitizer_rule::deferred_window);
  EXPECT_EQ(w.only().where, second);
}

// A strict unmap that left something behind is no deferred one, and hides none.
TEST_F(unmap_of_two, figures_are_of_deferred_windows_alone) {
  unmap_both(/*first_deferred=*/false);
  EXPECT_EQ(w.sanitizer.deferred_figures().open, 1u);
}

// Bus 85 alone has tables, so that buses and functions before it lead nowhere.
TEST(unmap_far_bus, strict_with_the_entry_left_in_the_tables) {
  watched_machine w;
  w.attach(far_bus);
  w.map(iova, target | 3);
  w.m.start();
  w.unmapped(iova, 0x1000, false);
  EXPECT_EQ(w.only().id, sanitizer_rule::reachable_after_unmap);
  EXPECT_THAT(w.only().sentence, HasSubstr("the tables"));
}

TEST_F(unmap, of_another_unit_is_not_this_ones) {
  w.sanitizer.unmap_returned({phys_addr(unit_base + 0x1000), domain_id(domain), dma_addr(iova),
                              dma_addr(iova + 0xfff), false});
  w.expect_none();
}

// --- the report ------------------------------------------------------------------------------

TEST_F(unmap, a_finding_reads_like_a_kernels_report) {
  clear();
  w.clock.advance(1'500'000'250);
  return_from_unmap(true);
  {
    IOMMULAB_CALL(w.m.trace, "edu_write");
    w.m.write(nic, iova);
  }
  w.clock.advance(1000);
  {
    const call_scope outer(w.m.trace, "flush_unmaps_timeout");
    const call_scope inner(w.m.trace, "flush_unmaps");
    w.m.flush_iotlb();
  }
  EXPECT_EQ(to_text(w.sanitizer),
            "NOTE: IOMMU sanitizer: deferred_window in dmar0 at 0x12345000\n"
            "1 accesses got through to 0x12345000-0x12345fff in the 1000 ns between the unmap's "
            "return and this invalidation\n"
            "Seen at 1.500001250 s, domain 5, in:\n"
            "  flush_unmaps\n"
            "  flush_unmaps_timeout\n"
            "Unmapped at 1.500000250 s, in:\n"
            "  intel_unmap\n"
            "\n"
            "IOMMU sanitizer: 0 errors\n"
            "Deferred unmaps: 1 invalidated, 0 not yet; reachable for at most 1000 ns, 1000 ns on "
            "average; accesses that got through: 1 in 1 of them, at most 1 in one\n");
}

TEST_F(unmap, the_list_is_bounded_and_the_counts_are_not) {
  clear();
  for (uint64_t i = 0; i < 300; ++i) w.m.read(nic, iova + i * 8);
  EXPECT_EQ(w.findings().size(), finding_log::capacity);
  EXPECT_EQ(w.sanitizer.log().count(sanitizer_rule::stale_translation), 300u);
  EXPECT_EQ(w.sanitizer.log().beyond_capacity(), 300u - finding_log::capacity);
  EXPECT_THAT(to_text(w.sanitizer), HasSubstr("and 44 more\n"));
}

}  // namespace
}  // namespace iommulab::vtd_test::unmap_test
