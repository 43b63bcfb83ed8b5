// SPDX-License-Identifier: GPL-2.0-only
#include "platform/memory/page_allocator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace iommulab::page_allocator_test {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20;
constexpr uint64_t gib = uint64_t{1} << 30;

std::vector<memory_range> three_zones() {
  using kind = memory_range::kind;
  return {{phys_addr(0), 0x9fc00, kind::ram},
          {phys_addr(0x9fc00), 0x400, kind::reserved},
          {phys_addr(mib), 32 * mib, kind::ram},
          {phys_addr(4 * gib), 8 * mib, kind::ram}};
}

class page_allocator_test : public testing::Test {
 protected:
  page_allocator_test()
      : memory_(physical_memory::create(three_zones()).value()), pages_(*memory_, trace_) {}

  bool all_bytes_are(phys_addr address, uint64_t length, uint8_t value) {
    const auto* bytes = memory_->object_at<uint8_t>(address, length);
    return std::all_of(bytes, bytes + length, [&](uint8_t b) { return b == value; });
  }
  uint64_t free_in_all() {
    return pages_.free_pages_in(zone::dma) + pages_.free_pages_in(zone::dma32) +
           pages_.free_pages_in(zone::normal);
  }

  tracer trace_;
  std::unique_ptr<physical_memory> memory_;
  page_allocator pages_;
};

TEST_F(page_allocator_test, divides_whole_ram_pages_among_the_zones) {
  // Below 16 MiB: pages 1 to 9eh (9fc00h cuts the last one off), then 1 MiB to 16 MiB.
  EXPECT_EQ(pages_.free_pages_in(zone::dma), 0x9eu + 15 * 256);
  EXPECT_EQ(pages_.free_pages_in(zone::dma32), 17u * 256);
  EXPECT_EQ(pages_.free_pages_in(zone::normal), 8u * 256);
}

TEST_F(page_allocator_test, gives_the_highest_page_of_the_zone_asked_for) {
  EXPECT_EQ(pages_.alloc_pages(0), phys_addr(4 * gib + 8 * mib - page_size));
  EXPECT_EQ(pages_.alloc_pages(0, gfp_dma32), phys_addr(33 * mib - page_size));
}

TEST_F(page_allocator_test, falls_back_to_lower_zones_and_never_to_higher_ones) {
  std::vector<phys_addr> given;
  while (const auto block = pages_.alloc_pages(10)) given.push_back(*block);
  // 2 blocks of 4 MiB above 4 GiB, 4 from 16 MiB to 32 MiB, 3 from 4 MiB to 16 MiB.
  ASSERT_EQ(given.size(), 9u);
  EXPECT_TRUE(std::is_sorted(given.begin() + 2, given.end(), std::greater<>()));
  EXPECT_EQ(given[2], phys_addr(28 * mib));
  EXPECT_EQ(given[6], phys_addr(12 * mib));
  for (const phys_addr p : given) pages_.free_pages(p, 10);

  given.clear();
  while (const auto block = pages_.alloc_pages(0, gfp_dma)) given.push_back(*block);
  EXPECT_EQ(given.size(), 0x9eu + 15 * 256);
  EXPECT_TRUE(std::all_of(given.begin(), given.end(),
                          [](phys_addr p) { return p.value() != 0 && p.value() < 16 * mib; }));
  EXPECT_GT(pages_.free_pages_in(zone::normal), 0u);
}

TEST_F(page_allocator_test, zeroes_when_asked_and_poisons_otherwise_when_told) {
  pages_.set_poison(true);
  const phys_addr dirty = *pages_.alloc_pages(1);
  EXPECT_TRUE(all_bytes_are(dirty, 2 * page_size, 0x6b));
  std::fill_n(memory_->object_at<uint8_t>(dirty), 2 * page_size, uint8_t{0x11});
  pages_.free_pages(dirty, 1);
  EXPECT_TRUE(all_bytes_are(dirty, 2 * page_size, 0x6b));
  const phys_addr clean = *pages_.alloc_pages(1, gfp_kernel | gfp_zero);
  EXPECT_EQ(clean, dirty);
  EXPECT_TRUE(all_bytes_are(clean, 2 * page_size, 0));
}

TEST_F(page_allocator_test, counts_live_pages_and_their_peak) {
  const uint64_t before = free_in_all();
  const phys_addr a = *pages_.alloc_pages(3);
  const phys_addr b = *pages_.alloc_pages(0);
  EXPECT_EQ(pages_.live_pages(), 9u);
  EXPECT_TRUE(pages_.is_live(a + 5 * page_size));
  pages_.free_pages(a, 3);
  EXPECT_FALSE(pages_.is_live(a + 5 * page_size));
  EXPECT_EQ(pages_.live_pages(), 1u);
  EXPECT_EQ(pages_.peak_pages(), 9u);
  pages_.free_pages(b, 0);
  EXPECT_EQ(free_in_all(), before);
  EXPECT_EQ(pages_.failures().live(), 0);
}

TEST_F(page_allocator_test, fails_the_nth_request_and_recovers) {
  pages_.fail_at(2);
  EXPECT_TRUE(pages_.alloc_pages(0));
  EXPECT_FALSE(pages_.kmalloc_phys(1024));
  EXPECT_TRUE(pages_.alloc_pages(0));
  pages_.fail_from(1);
  EXPECT_FALSE(pages_.alloc_pages(0));
  EXPECT_FALSE(pages_.alloc_pages(0));
  EXPECT_EQ(pages_.live_pages(), 2u);
}

TEST_F(page_allocator_test, names_each_misuse_and_changes_nothing) {
  const phys_addr block = *pages_.alloc_pages(2);
  const phys_addr object = *pages_.kmalloc_phys(1024);
  const uint64_t free = free_in_all();
  const auto last = [&] { return pages_.diagnoses().back().id; };

  pages_.free_pages(block, 1);
  EXPECT_EQ(last(), page_diagnosis_kind::wrong_order_free);
  pages_.free_pages(block + page_size, 0);
  EXPECT_EQ(last(), page_diagnosis_kind::foreign_free);
  pages_.free_pages(phys_addr(0xfee00000), 0);
  EXPECT_EQ(last(), page_diagnosis_kind::foreign_free);
  pages_.free_pages(object.page_base(), 0);
  EXPECT_EQ(last(), page_diagnosis_kind::foreign_free);
  pages_.kfree_phys(object + 8);
  EXPECT_EQ(last(), page_diagnosis_kind::foreign_free);
  pages_.kfree_phys(phys_addr(object.value() ^ 1024));
  EXPECT_EQ(last(), page_diagnosis_kind::double_free);
  EXPECT_EQ(free_in_all(), free);

  pages_.free_pages(block, 2);
  const size_t before = pages_.diagnoses().size();
  pages_.free_pages(block, 2);
  EXPECT_EQ(last(), page_diagnosis_kind::double_free);
  EXPECT_EQ(pages_.diagnoses().size(), before + 1);
  EXPECT_EQ(free_in_all(), free + 4);
  EXPECT_EQ(name(last()), "double_free");
}

TEST_F(page_allocator_test, packs_small_objects_aligned_to_their_size) {
  std::vector<phys_addr> objects;
  for (int i = 0; i < 9; ++i) {
    objects.push_back(*pages_.kmalloc_phys(1000, gfp_kernel | gfp_zero));
    EXPECT_EQ(objects.back().value() % 1024, 0u);
  }
  std::sort(objects.begin(), objects.end());
  EXPECT_EQ(std::unique(objects.begin(), objects.end()), objects.end());
  EXPECT_EQ(pages_.live_pages(), 3u);  // four to a page
  EXPECT_EQ(pages_.live_objects(), 9u);
  for (const phys_addr p : objects) pages_.kfree_phys(p);
  EXPECT_EQ(pages_.live_pages(), 0u);
  EXPECT_TRUE(pages_.diagnoses().empty());
}

TEST_F(page_allocator_test, keeps_objects_of_different_sizes_and_zones_on_different_pages) {
  const phys_addr small = *pages_.kmalloc_phys(1);
  const phys_addr large = *pages_.kmalloc_phys(64);
  const phys_addr low = *pages_.kmalloc_phys(64, gfp_dma);
  EXPECT_NE(small.page_base(), large.page_base());
  EXPECT_LT(low.value(), 16 * mib);
}

TEST_F(page_allocator_test, gives_whole_pages_for_large_objects) {
  const phys_addr p = *pages_.kmalloc_phys(5000);
  EXPECT_EQ(p.value() % (2 * page_size), 0u);
  EXPECT_EQ(pages_.live_pages(), 2u);
  pages_.kfree_phys(p);
  EXPECT_EQ(pages_.live_pages(), 0u);
  EXPECT_FALSE(pages_.kmalloc_phys(0));
  EXPECT_FALSE(pages_.kmalloc_phys(4 * mib + 1));
}

TEST_F(page_allocator_test, never_gives_out_reserved_pages) {
  ASSERT_TRUE(pages_.reserve(phys_addr(mib + 0x10), 14 * mib).ok());
  std::vector<phys_addr> given;
  while (const auto page = pages_.alloc_pages(0, gfp_dma)) given.push_back(*page);
  // 14 MiB and a sixteen-byte overhang: 14 * 256 + 1 pages less than before.
  EXPECT_EQ(given.size(), 0x9eu + 256 - 1);
  EXPECT_EQ(status_errno(pages_.reserve(given.front(), 1)), EBUSY);
}

TEST_F(page_allocator_test, traces_pages_by_address_and_order) {
  trace_recorder recorder;
  const trace_subscription subscription =
      trace_.subscribe(recorder, trace_class::pages | trace_class::faults);
  const phys_addr p = *pages_.alloc_pages(2);
  pages_.free_pages(p, 2);
  pages_.free_pages(p, 2);
  ASSERT_EQ(recorder.events().size(), 3u);
  const auto* taken = recorder.events()[0].as<events::page>();
  const auto* given_back = recorder.events()[1].as<events::page>();
  const auto* wrong = recorder.events()[2].as<events::diagnosis>();
  ASSERT_TRUE(taken != nullptr && given_back != nullptr && wrong != nullptr);
  EXPECT_EQ(taken->action, events::page_action::alloc);
  EXPECT_EQ(taken->address, p.value());
  EXPECT_EQ(taken->order, 2u);
  EXPECT_EQ(given_back->action, events::page_action::free);
  EXPECT_EQ(wrong->name, "double_free");
}

}  // namespace
}  // namespace iommulab::page_allocator_test
