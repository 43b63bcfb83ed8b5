// SPDX-License-Identifier: GPL-2.0-only
//
// Four threads, each a processor, on one domain of every version.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "iova/linux/linux_domain.h"
#include "iova/linux/linux_versions.h"

namespace iommulab::threads_test {
namespace {

constexpr unsigned threads = 4;
constexpr uint64_t lim32 = 0xfffff;

// Who holds which frame, as the threads see it.
class frame_map {
 public:
  /// False when a frame of it is held already.
  bool hold(uint64_t pfn, uint64_t size) {
    bool was_free = true;
    for (uint64_t i = pfn; i < pfn + size; ++i) was_free &= !held_[i].exchange(true);
    return was_free;
  }
  void let_go(uint64_t pfn, uint64_t size) {
    for (uint64_t i = pfn; i < pfn + size; ++i) held_[i].store(false);
  }

 private:
  std::vector<std::atomic<bool>> held_ = std::vector<std::atomic<bool>>(lim32 + 1);
};

// A range as one word, so that threads can hand it to each other: frame, size, how it was had.
uint64_t pack(uint64_t pfn, uint64_t size) {
  return pfn << 8 | size;
}

class linux_threads : public testing::TestWithParam<std::string> {};

TEST_P(linux_threads, never_hold_the_same_frame) {
  const auto domain =
      make_linux_iova_domain(GetParam(), {.cpus = threads, .host = lab_host_kind::threaded});
  ASSERT_NE(domain, nullptr);
  ASSERT_TRUE(domain->reserve(0xfee00, 0xfeeff));
  frame_map frames;
  std::array<std::atomic<uint64_t>, 64> exchange{};  // allocated on one processor, freed on another
  std::atomic<unsigned> overlaps = 0;

  const auto work = [&](unsigned cpu) {
    std::mt19937 random(cpu);
    const auto release = [&](uint64_t packed) {
      if (packed == 0) return;
      const uint64_t pfn = packed >> 8;
      const uint64_t size = packed & 0xff;
      frames.let_go(pfn, size);
      domain->free_fast(cpu, pfn, size);
    };
    std::vector<std::pair<iova_grant, uint64_t>> mine;
    for (int i = 0; i < 20000; ++i) {
      const uint64_t size = random() % 3 == 0 ? 1 + random() % 40 : 1;
      const uint64_t kind = random() % 8;
      if (kind < 4) {
        const uint64_t pfn = domain->alloc_fast(cpu, size, lim32, true);
        if (pfn == no_iova) continue;
        if (!frames.hold(pfn, size)) ++overlaps;
        release(exchange[random() % exchange.size()].exchange(pack(pfn, size)));
      } else if (kind < 6) {
        release(exchange[random() % exchange.size()].exchange(0));
      } else if (kind == 6 || mine.empty()) {
        const iova_grant grant = domain->alloc(size, lim32, true);
        if (!grant) continue;
        if (!frames.hold(grant.pfn_lo, size)) ++overlaps;
        mine.emplace_back(grant, size);
      } else {
        frames.let_go(mine.back().first.pfn_lo, mine.back().second);
        domain->free(mine.back().first, mine.back().second);
        mine.pop_back();
      }
      if (i % 4096 == 0) domain->free_cpu_cached_iovas(random() % threads);
      if (i % 1000 == 0) domain->run_depot_work();
      if (i % 8000 == 0 && domain->supports(linux_iova_feature::flush_global)) {
        domain->free_global_cached_iovas();
      }
    }
    for (const auto& [grant, size] : mine) {
      frames.let_go(grant.pfn_lo, size);
      domain->free(grant, size);
    }
  };

  std::vector<std::thread> running;
  for (unsigned cpu = 0; cpu < threads; ++cpu) running.emplace_back(work, cpu);
  for (std::thread& t : running) t.join();
  EXPECT_EQ(overlaps, 0u);

  for (const auto& slot : exchange) {
    if (slot != 0) domain->free_fast(0, slot >> 8, slot & 0xff);
  }
  uint64_t in_depots = 0;
  for (unsigned cpu = 0; cpu < threads; ++cpu) domain->free_cpu_cached_iovas(cpu);
  for (const uint64_t magazines : domain->depot_sizes()) in_depots += magazines * 128;
  if (domain->supports(linux_iova_feature::flush_global)) {
    domain->free_global_cached_iovas();
    in_depots = 0;
  }
  EXPECT_EQ(domain->ranges().size(), 1 + in_depots) << "the reservation, and what depots hold";
}

INSTANTIATE_TEST_SUITE_P(all, linux_threads, testing::ValuesIn(linux_version_names()),
                         linux_version_test_name);

}  // namespace
}  // namespace iommulab::threads_test
