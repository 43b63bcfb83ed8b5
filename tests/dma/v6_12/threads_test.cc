// SPDX-License-Identifier: GPL-2.0-only
//
// Four threads map and unmap pages, lists and coherent memory at once: two with one device, one
// each with two functions of a group. What a thread maps is its own until it unmaps it: nobody else
// is given the same addresses, and the tables lead to its pages. Meant for ThreadSanitizer as much
// as for its assertions.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <random>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "dma/v6_12/shadow_system.h"

namespace iommulab::test::linux_6_12::threads_test {
namespace {

constexpr unsigned threads = 4;
constexpr unsigned rounds = 400;
constexpr size_t held = 12;
constexpr uint64_t memory = uint64_t{32} << 20;

/// A buffer of a thread's, until the shadow takes it over.
struct mapping {
  dma_buffer::kind what = dma_buffer::kind::page;
  uint64_t phys = 0;
  uint64_t size = 0;
  dma_addr handle;
  std::vector<scatterlist> asked;
  std::vector<scatterlist> list;
  int ents = 0;
};

class worker {
 public:
  worker(shadow_system& shadow, shadow_group& group, source_id id, unsigned number)
      : group_(group),

        dev_(shadow.dev(id)),
        memory_(shadow.sys().k().memory()),
        path_(shadow.path_of(group.own)),
        random_(number) {}

  void run() {
    for (unsigned round = 0; round < rounds; ++round) {
      if (mine_.size() < held) map();
      for (const mapping& m : mine_) check(m);
      if (mine_.size() == held) unmap(below(held));
    }
  }
  /// What is left over is the shadow's from now on.
  void hand_over(shadow_system& shadow) {
    EXPECT_EQ(wrong_, 0u);
    for (mapping& m : mine_) {
      switch (m.what) {
        case dma_buffer::kind::page:
          shadow.note_page(group_, dev_, m.phys, m.size, both, m.handle);
          break;
        case dma_buffer::kind::list:
          shadow.note_sg(group_, dev_, m.asked, std::move(m.list), m.ents, both);
          break;
        case dma_buffer::kind::coherent:
          shadow.note_coherent(group_, dev_, m.size, phys_addr(m.phys), m.handle);
          break;
      }
    }
  }

 private:
  static constexpr auto both = dma_data_direction::bidirectional;

  uint64_t below(uint64_t end) { return random_() % end; }

  void map() {
    mapping m;
    m.what = static_cast<dma_buffer::kind>(below(3));
    if (m.what == dma_buffer::kind::page) {
      m.phys = memory + below(uint64_t{16} << 20);
      m.size = 1 + below(5 * page_size);
      m.handle =
          dma_map_page(dev_, phys_addr(m.phys & page_mask), m.phys & ~page_mask, m.size, both);
      wrong_ += dma_mapping_error(dev_, m.handle) ? 1u : 0u;
    } else if (m.what == dma_buffer::kind::list) {
      m.asked.resize(1 + below(4));
      for (scatterlist& piece : m.asked) {
        piece.page = phys_addr((memory + below(uint64_t{16} << 20)) & page_mask);
        piece.length = static_cast<uint32_t>(page_size * (1 + below(2)));
      }
      m.list = m.asked;
      m.ents = dma_map_sg(dev_, absl::MakeSpan(m.list), both);
      wrong_ += m.ents == 0 ? 1u : 0u;
      m.phys = sg_phys(m.asked.front()).value();
      m.size = m.asked.front().length;
      m.handle = m.list.front().dma_address;
    } else {
      m.size = page_size * (1 + below(3));
      const auto block = dma_alloc_coherent(
          dev_, m.size, m.handle, below(2) == 0 ? gfp_atomic : gfp_kernel | gfp_direct_reclaim);
      wrong_ += block ? 0u : 1u;
      if (!block) return;
      m.phys = block->value();
    }
    mine_.push_back(std::move(m));
  }

  void unmap(size_t index) {
    mapping m = std::move(mine_[index]);
    mine_.erase(mine_.begin() + static_cast<std::ptrdiff_t>(index));
    switch (m.what) {
      case dma_buffer::kind::page:
        dma_unmap_page(dev_, m.handle, m.size, both);
        break;
      case dma_buffer::kind::list:
        dma_unmap_sg(dev_, absl::MakeSpan(m.list), both);
        break;
      case dma_buffer::kind::coherent:
        dma_free_coherent(dev_, m.size, phys_addr(m.phys), m.handle);
        break;
    }
  }

  /// A byte of the first piece, found as hardware finds it.
  void check(const mapping& m) {
    const uint64_t offset = below(m.size);
    if (lookup(m.handle.value() + offset) != m.phys + offset) ++wrong_;
  }
  uint64_t lookup(uint64_t address) const {
    uint64_t table = path_.table;
    for (unsigned level = path_.levels;; --level) {
      const unsigned shift = 12 + 9 * (level - 1);
      auto* at = memory_.object_at<uint64_t>(phys_addr(table + 8 * (address >> shift & 511)));
      const uint64_t entry = std::atomic_ref<uint64_t>(*at).load(std::memory_order_acquire);
      if ((entry & 1) == 0) return 0;
      table = entry & 0x000ffffffffff000;
      const uint64_t within = (uint64_t{1} << shift) - 1;
      if (level == 1 || (entry & 0x80) != 0) return (table & ~within) | (address & within);
    }
  }

  shadow_group& group_;
  device& dev_;
  physical_memory& memory_;
  const request_path path_;
  std::mt19937_64 random_;
  std::vector<mapping> mine_;
  uint64_t wrong_ = 0;
};

class mapping_threads : public testing::TestWithParam<std::tuple<translation_kind, const char*>> {};

TEST_P(mapping_threads, keep_what_they_map) {
  const auto& [kind, words] = GetParam();
  shadow_system shadow(kind, words);
  ASSERT_EQ(shadow.boot(), 0);
  std::vector<shadow_group>& groups = shadow.groups();
  std::array<worker, threads> workers = {{{shadow, groups[1], first_of_pasids, 1},
                                          {shadow, groups[1], first_of_pasids, 2},
                                          {shadow, groups[3], not_isolated[0], 3},
                                          {shadow, groups[3], not_isolated[1], 4}}};
  std::vector<std::thread> running;
  running.reserve(threads);
  for (worker& w : workers) running.emplace_back([&w] { w.run(); });
  for (std::thread& t : running) t.join();
  shadow.settle();
  for (worker& w : workers) w.hand_over(shadow);
  shadow.check_tables();
  shadow.check_accounts();
  for (shadow_group& g : groups) shadow.probe(g);
  EXPECT_EQ(shadow.finish(), shadow_system::of_untouched(kind, words));
}

/// Each round all threads map the first pages of a block that has no table yet: one table is made,
/// and all use it.
TEST_P(mapping_threads, make_one_table_together) {
  constexpr uint64_t blocks = 1200;
  constexpr uint64_t pages_of_block = 512;
  const auto& [kind, words] = GetParam();
  shadow_system shadow(kind, words);
  ASSERT_EQ(shadow.boot(), 0);
  shadow_group& group = shadow.groups()[1];
  shadow_domain* domain = shadow.make_domain(group);
  ASSERT_NE(domain, nullptr);
  ASSERT_TRUE(shadow.attach(group, *domain));
  const auto run_of = [](uint64_t block, unsigned thread) {
    const uint64_t page = block * pages_of_block + thread;
    return page_run{page, page, 0x100000 + 7 * page, true};
  };
  std::barrier together(threads);
  std::atomic<unsigned> wrong = 0;
  std::vector<std::thread> running;
  running.reserve(threads);
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (uint64_t block = 0; block < blocks; ++block) {
        const page_run run = run_of(block, t);
        together.arrive_and_wait();
        wrong += v6_12::iommu_map(*domain->domain, dma_addr(run.first << page_shift),
                                  phys_addr(run.to << page_shift), page_size,
                                  iommu_read | iommu_write) == 0
                     ? 0u
                     : 1u;
      }
    });
  }
  for (std::thread& t : running) t.join();
  EXPECT_EQ(wrong, 0u);
  for (uint64_t block = 0; block < blocks; ++block) {
    for (unsigned t = 0; t < threads; ++t) domain->pages.map(run_of(block, t));
  }
  shadow.check_tables();
  shadow.check_accounts();
  shadow.finish();
}

/// Both kinds of tables, small pages and superpages, one unit and two.
std::vector<translation_kind> kinds() {
  std::vector<translation_kind> all = translation_kinds();
  std::erase_if(all, [](const translation_kind& kind) {
    const std::string_view name = kind.name;
    return name != "legacy_3_levels" && name != "legacy_by_registers" &&
           name != "legacy_two_units" && name != "second_level_4_levels" &&
           name != "first_level_4_levels" && name != "first_level_5_levels";
  });
  return all;
}

INSTANTIATE_TEST_SUITE_P(kinds, mapping_threads,
                         testing::Combine(testing::ValuesIn(kinds()),
                                          testing::Values("iommu.strict=0", "iommu.strict=1")),
                         [](const auto& run) {
                           const std::string_view words = std::get<1>(run.param);
                           return std::string(std::get<0>(run.param).name) +
                                  (words.ends_with('1') ? "_strict" : "_lazy");
                         });

}  // namespace
}  // namespace iommulab::test::linux_6_12::threads_test
