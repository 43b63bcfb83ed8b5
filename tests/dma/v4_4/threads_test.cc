// SPDX-License-Identifier: GPL-2.0-only
//
// Four threads map and unmap through the DMA API, in one domain and in several. What each maps is
// its own from then until it unmaps: nobody else gets the same addresses, and the entries lead to
// its pages. Meant for ThreadSanitizer as much as for its assertions.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "support/small_machine.h"
#include "support/v4_4/system.h"

namespace iommulab::test::threads_test {
namespace {

using namespace v4_4;
using linux_4_4::system;

constexpr unsigned threads = 4;
constexpr unsigned rounds = 400;
constexpr unsigned held = 16;
constexpr uint64_t first_page = 0x1000000;

struct mapping {
  dma_addr address;
  uint64_t phys = 0;
  uint64_t pages = 0;
};

/// Where an address leads in three levels of tables, read as hardware reads: entry by entry.
uint64_t lookup(system& s, uint64_t table, uint64_t address) {
  for (unsigned level = 3; level > 0; --level) {
    const uint64_t index = address >> (12 + 9 * (level - 1)) & 0x1ff;
    uint64_t& entry = s.word(table + index * 8);
    const uint64_t value = std::atomic_ref<uint64_t>(entry).load(std::memory_order_acquire);
    if ((value & 3) == 0) return 0;
    table = value & 0xffffffffff000;
  }
  return table;
}

void work(system& s, device& dev, uint64_t table, unsigned thread, std::atomic<unsigned>& wrong) {
  std::vector<mapping> mine;
  uint64_t random = thread * 7919 + 1;
  const auto next = [&](uint64_t below) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (random >> 33) % below;
  };
  for (unsigned round = 0; round < rounds; ++round) {
    if (mine.size() < held) {
      mapping m;
      m.pages = 1 + next(8);
      m.phys = first_page + ((uint64_t{thread} << 10) + next(512)) * page_size;
      m.address = dma_map_page(dev, phys_addr(m.phys), 0, m.pages * page_size,
                               dma_data_direction::bidirectional);
      if (m.address.value() == 0) ++wrong;
      mine.push_back(m);
    }
    for (const mapping& m : mine) {
      const uint64_t page = next(m.pages);
      if (lookup(s, table, m.address.value() + page * page_size) != m.phys + page * page_size) {
        ++wrong;
      }
    }
    if (mine.size() == held) {
      const size_t victim = next(held);
      dma_unmap_page(dev, mine[victim].address, mine[victim].pages * page_size,
                     dma_data_direction::bidirectional);
      mine.erase(mine.begin() + static_cast<std::ptrdiff_t>(victim));
    }
  }
  for (const mapping& m : mine) {
    dma_unmap_page(dev, m.address, m.pages * page_size, dma_data_direction::bidirectional);
  }
}

class mapping_threads : public testing::TestWithParam<std::tuple<bool, const char*>> {};

TEST_P(mapping_threads, keep_what_they_map) {
  const auto& [one_domain, command_line] = GetParam();
  small_machine m;
  m.set_cap(default_cap().set_max_guest_address_width(39).set_sagaw(0b00010));
  for (unsigned i = 1; i < threads; ++i) {
    m.add_function(plain_function(at(0, 8 + i), 0x8086, 0x1234, 0x020000));
  }
  system s(m.build(), command_line, trace_class::none);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.k().finish_boot();
  std::vector<device*> devices;
  std::vector<uint64_t> tables;
  for (unsigned i = 0; i < threads; ++i) {
    const source_id id = one_domain || i == 0 ? nic : at(0, 8 + i);
    device& dev = s.function(id).dev;
    const dma_addr first =
        dma_map_page(dev, phys_addr(first_page), 0, page_size, dma_data_direction::bidirectional);
    ASSERT_NE(first.value(), 0u);
    dma_unmap_page(dev, first, page_size, dma_data_direction::bidirectional);
    devices.push_back(&dev);
    tables.push_back(s.context_of(id).table());
  }
  std::atomic<unsigned> wrong = 0;
  std::vector<std::thread> running;
  running.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] { work(s, *devices[i], tables[i], i, wrong); });
  }
  for (std::thread& t : running) t.join();
  EXPECT_EQ(wrong, 0u);
  s.k().env().clock.advance(20'000'000);
  {
    const spin_guard lock(s.driver().deferred.async_umap_flush_lock);
    EXPECT_EQ(s.driver().deferred.list_size, 0);
  }
  EXPECT_EQ(s.k().pages().live_pages(), s.reachable_pages());
  EXPECT_EQ(s.k().slab().live(), s.reachable_objects());
  EXPECT_TRUE(s.k().pages().diagnoses().empty());
}

INSTANTIATE_TEST_SUITE_P(
    modes, mapping_threads,
    testing::Combine(testing::Bool(), testing::Values("intel_iommu=on", "intel_iommu=on,strict")),
    [](const auto& test_case) {
      const std::string line = std::get<1>(test_case.param);
      return std::string(std::get<0>(test_case.param) ? "one_domain" : "several_domains") +
             (line.ends_with("strict") ? "_strict" : "_lazy");
    });

/// Each thread's first mapping is its device's first, or one of a device that others use as well:
/// domains are made and joined in the race.
class first_mappings : public testing::TestWithParam<bool> {};

TEST_P(first_mappings, of_threads_make_one_domain_a_device) {
  const bool one_device = GetParam();
  small_machine m;
  m.set_cap(default_cap().set_max_guest_address_width(39).set_sagaw(0b00010));
  for (unsigned i = 1; i < threads; ++i) {
    m.add_function(plain_function(at(0, 8 + i), 0x8086, 0x1234, 0x020000));
  }
  for (unsigned round = 0; round < 20; ++round) {
    system s(m.build(), "intel_iommu=on", trace_class::none);
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.k().finish_boot();
    std::vector<source_id> ids;
    std::vector<device*> devices;
    for (unsigned i = 0; i < threads; ++i) {
      ids.push_back(one_device || i == 0 ? nic : at(0, 8 + i));
      devices.push_back(&s.function(ids[i]).dev);
    }
    std::vector<dma_addr> addresses(threads);
    std::vector<std::thread> running;
    running.reserve(threads);
    for (unsigned i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        addresses[i] = dma_map_page(*devices[i], phys_addr(first_page + i * page_size), 0,
                                    page_size, dma_data_direction::bidirectional);
      });
    }
    for (std::thread& t : running) t.join();
    for (unsigned i = 0; i < threads; ++i) {
      ASSERT_NE(addresses[i].value(), 0u);
      const uint64_t table = s.context_of(ids[i]).table();
      EXPECT_EQ(lookup(s, table, addresses[i].value()), first_page + i * page_size);
      for (unsigned j = 0; j < i && one_device; ++j) EXPECT_NE(addresses[i], addresses[j]);
    }
    EXPECT_EQ(s.driver().live_domains(), one_device ? 1u : threads);
    EXPECT_EQ(s.k().pages().live_pages(), s.reachable_pages());
    EXPECT_EQ(s.k().slab().live(), s.reachable_objects());
  }
}

INSTANTIATE_TEST_SUITE_P(threads, first_mappings, testing::Bool(), [](const auto& test_case) {
  return test_case.param ? "one_device" : "several_devices";
});

}  // namespace
}  // namespace iommulab::test::threads_test
