// SPDX-License-Identifier: GPL-2.0-only
//
// Addresses of a domain, their queues, and what a dump tells of both. Expected: Linux v6.12
// drivers/iommu/iova.c, alloc_iova_fast(), and dma-iommu.c, queue_iova() and fq_flush_timeout().
#include "dma/v6_12/iova_domain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "dma/v6_12/structures.h"
#include "system.h"

namespace iommulab::v6_12::iova_domain_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t last = 0xfffff;  // of 32 bits

struct addresses {
  explicit addresses(unsigned cpus = 1) {
    init_iova_domain(iovad, env.trace, 0x1000, 1);
    EXPECT_EQ(iova_domain_init_rcaches(iovad, cpus, slab), 0);
  }
  uint64_t alloc(uint64_t size, bool flush = true) {
    return alloc_iova_fast(iovad, size, last, flush);
  }
  [[nodiscard]] std::vector<std::string> ranges() const {
    std::vector<std::string> list;
    for (const iova_range& r : iovad.ranges->ranges()) {
      list.push_back(absl::StrFormat("%x-%x", r.lo, r.hi));
    }
    return list;
  }
  environment env;
  slab_failures slab;
  iova_domain iovad;
};

TEST(iova_domain, sizes_that_are_cached_are_powers_of_two) {
  addresses a;
  EXPECT_EQ(a.iovad.shift, 12u);
  EXPECT_EQ(a.alloc(3), 0xffffcu);
  EXPECT_EQ(a.alloc(31), 0xfffc0u);
  EXPECT_EQ(a.alloc(32), 0xfffa0u);
  EXPECT_EQ(a.alloc(33), 0xfff40u);
  EXPECT_THAT(a.ranges(), ElementsAre("fff40-fff60", "fffa0-fffbf", "fffc0-fffdf", "ffffc-fffff"));
  free_iova_fast(a.iovad, 0xffffc, 3);
  EXPECT_EQ(a.alloc(4), 0xffffcu) << "that was one of 4";
}

TEST(iova_domain, caches_are_emptied_before_there_is_nothing_left) {
  addresses a;
  reserve_iova(a.iovad, 1, last - 8);
  std::vector<uint64_t> pages;
  for (int i = 0; i < 8; ++i) pages.push_back(a.alloc(1));
  EXPECT_EQ(a.alloc(1), 0u);
  for (const uint64_t page : pages) free_iova_fast(a.iovad, page, 1);
  EXPECT_EQ(a.alloc(8, /*flush=*/false), 0u) << "the caches hold them one by one";
  EXPECT_EQ(a.alloc(8), last - 7);
}

TEST(iova_domain, of_all_processors) {
  addresses a(2);
  reserve_iova(a.iovad, 1, last - 8);
  // Threads are numbered as they come: of two that follow one another each has its processor.
  for (int i = 0; i < 2; ++i) {
    std::thread([&] {
      for (int n = 0; n < 4; ++n) {
        std::vector<uint64_t> pages;
        for (int k = 0; k < 4; ++k) pages.push_back(a.alloc(1, false));
        for (const uint64_t page : pages) {
          if (page != 0) free_iova_fast(a.iovad, page, 1);
        }
      }
    }).join();
  }
  EXPECT_EQ(a.alloc(8, /*flush=*/false), 0u);
  EXPECT_EQ(a.alloc(8), last - 7);
}

std::vector<std::string> told_ranges(const trace_recorder& recorder) {
  std::vector<std::string> told;
  for (const trace_event& event : recorder.events()) {
    const auto* range = event.as<events::iova_range>();
    if (range == nullptr) continue;
    told.push_back(absl::StrFormat("%s %x-%x", iommulab::name(range->action), range->low_pfn,
                                   range->high_pfn));
  }
  return told;
}

TEST(iova_domain, what_becomes_of_ranges_is_told) {
  addresses a;
  trace_recorder recorder;
  const trace_subscription heard = a.env.trace.subscribe(recorder, trace_class::iova);
  reserve_iova(a.iovad, 1, 5);
  free_iova_fast(a.iovad, a.alloc(2), 2);
  a.slab.fail_from(1);
  reserve_iova(a.iovad, 100, 105);
  EXPECT_THAT(told_ranges(recorder),
              ElementsAre("reserve 1-5", "alloc ffffe-fffff", "free ffffe-fffff"))
      << "and nothing of a reservation for which there is no memory";
}

TEST(iova_domain, without_memory_there_are_no_addresses) {
  environment env;
  slab_failures slab;
  iova_domain iovad;
  init_iova_domain(iovad, env.trace, 0x1000, 1);
  slab.fail_from(1);
  EXPECT_EQ(iova_domain_init_rcaches(iovad, 1, slab), -ENOMEM);
  EXPECT_EQ(iovad.ranges, nullptr);
}

void map_and_unmap(dma_system& s) {
  dma_unmap_page(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both), 0x1000, both);
}

TEST(iova_queue, one_timer_for_all_that_wait) {
  dma_system s;
  s.start();
  map_and_unmap(s);
  s.sys.env.clock.advance(2 * ns_per_jiffy);
  map_and_unmap(s);
  EXPECT_EQ(waiting_iovas(s.cookie()), 2u);
  s.driver.take_calls();
  s.sys.env.clock.advance(2 * ns_per_jiffy);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("flush all A"))
      << "the fourth tick from the first";
  EXPECT_EQ(waiting_iovas(s.cookie()), 0u);
  s.sys.env.clock.advance(20 * ns_per_jiffy);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  map_and_unmap(s);
  s.driver.take_calls();
  s.sys.env.clock.advance(4 * ns_per_jiffy);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("flush all A"));
}

// fq_ring_free_locked(): an entry is free once a flush has ended that began after it was queued.
TEST(iova_queue, a_flush_by_somebody_else_makes_room) {
  dma_system s;
  s.start();
  map_and_unmap(s);
  s.cookie().fq_flush_start_cnt = 1;
  map_and_unmap(s);
  EXPECT_EQ(waiting_iovas(s.cookie()), 2u) << "it has begun, and not ended";
  s.cookie().fq_flush_finish_cnt = 1;
  map_and_unmap(s);
  EXPECT_EQ(waiting_iovas(s.cookie()), 2u) << "the first was queued before it began";
}

TEST(iova_queue, each_processor_has_a_ring_and_the_timer_frees_all) {
  dma_system s({}, 2);
  s.start();
  EXPECT_EQ(s.cookie().queues.size(), 2u);
  for (int i = 0; i < 2; ++i) std::thread([&] { map_and_unmap(s); }).join();
  EXPECT_EQ(waiting_iovas(s.cookie()), 2u);
  for (const auto& ring : s.cookie().queues) {
    const spin_guard guard(ring->lock);
    EXPECT_EQ(ring->tail, 1u);
    EXPECT_EQ(ring->entries.size(), 256u);
  }
  s.sys.env.clock.advance(4 * ns_per_jiffy);
  EXPECT_EQ(waiting_iovas(s.cookie()), 0u);
}

TEST(iova_queue, comes_up_once_and_may_fail) {
  dma_system s;
  s.iommu.defaults.dma_strict = true;
  s.start();
  EXPECT_EQ(trace_word(s.cookie()), "cookie");
  s.slab.fail_from(1);
  EXPECT_EQ(iommu_dma_init_fq(s.sys.env, s.domain(), 1), -ENOMEM);
  s.slab.fail_never();
  EXPECT_EQ(s.log().back(), "iova flush queue initialization failed");
  EXPECT_EQ(s.cookie().fq_domain.load(), nullptr);
  EXPECT_EQ(iommu_dma_init_fq(s.sys.env, s.domain(), 1), 0);
  EXPECT_EQ(iommu_dma_init_fq(s.sys.env, s.domain(), 1), 0);
  EXPECT_EQ(s.cookie().queues.size(), 1u);
  EXPECT_EQ(trace_word(s.cookie()), "A");
}

const structure_value& field(const structure& s, std::string_view name) {
  for (const structure_field& f : s.fields) {
    if (f.name == name) return f.value;
  }
  throw std::runtime_error("no field " + std::string(name));
}

TEST(iova_queue, what_a_dump_tells) {
  dma_system s;
  s.start();
  map_and_unmap(s);
  const structure cookie = structure_of(s.cookie(), "A");
  EXPECT_EQ(field(cookie, "type"), structure_value(uint64_t{0}));
  EXPECT_EQ(field(cookie, "msi_pages"), structure_value(uint64_t{256}));
  EXPECT_EQ(field(cookie, "lazy"), structure_value(true));
  EXPECT_EQ(field(cookie, "fq_timer_on"), structure_value(true));
  const auto& options = std::get<structure>(field(cookie, "options"));
  EXPECT_EQ(field(options, "qt"), structure_value(uint64_t{0}));
  EXPECT_EQ(field(options, "fq_size"), structure_value(uint64_t{256}));
  EXPECT_EQ(field(options, "fq_timeout"), structure_value(uint64_t{10}));
  const auto& queues = std::get<structure_list>(field(cookie, "queues"));
  ASSERT_EQ(queues.size(), 1u);
  const auto& entries = std::get<structure_list>(field(std::get<structure>(queues[0]), "entries"));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(field(std::get<structure>(entries[0]), "iova_pfn"), structure_value(uint64_t{0xfffff}));
  EXPECT_EQ(field(std::get<structure>(entries[0]), "pages"), structure_value(uint64_t{1}));

  const structure domain = structure_of(s.cookie().iovad, "A", "");
  EXPECT_EQ(field(domain, "granule"), structure_value(uint64_t{0x1000}));
  EXPECT_EQ(field(domain, "start_pfn"), structure_value(uint64_t{1}));
  // Doorbells, then the range that waits: with nothing in between but what is free.
  const auto& nodes = std::get<structure_list>(field(domain, "nodes"));
  ASSERT_EQ(nodes.size(), 2u);
  const auto& doorbells = std::get<structure>(nodes[0]);
  EXPECT_EQ(doorbells.name, "0xfee00-0xfeeff");
  EXPECT_EQ(field(doorbells, "gap_below"), structure_value(uint64_t{0xfee00 - 1}));
  const auto& waiting = std::get<structure>(nodes[1]);
  EXPECT_EQ(field(waiting, "pfn_lo"), structure_value(uint64_t{0xfffff}));
  EXPECT_EQ(field(waiting, "gap_below"), structure_value(uint64_t{0xfffff - 0xfef00}));
  EXPECT_EQ(structure_of(s.cookie().iovad, "A", "granule").fields.back().name, "search")
      << "nodes are a matter of their own";
  EXPECT_EQ(structure_of(iova_domain(), "none", "").fields.size(), 2u);

  iommu_domain* owned = iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_EQ(iommu_get_msi_cookie(s.mapping.iommu(), *owned, dma_addr(0x8000000)), 0);
  const structure msi = structure_of(*owned->iova_cookie, "U");
  EXPECT_EQ(field(msi, "type"), structure_value(uint64_t{1}));
  EXPECT_EQ(field(msi, "msi_iova"), structure_value(uint64_t{0x8000000}));
  iommu_domain_free(*owned);

  dma_system strict;
  strict.iommu.defaults.dma_strict = true;
  strict.start();
  EXPECT_EQ(structure_of(strict.cookie(), "A").fields.back().name, "lazy");
}

}  // namespace
}  // namespace iommulab::v6_12::iova_domain_test
