// SPDX-License-Identifier: GPL-2.0-only
//
// Every rival of the catalogue against the naive model.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/slab.h"
#include "iova/rivals/naive_model.h"
#include "iova/rivals/promises.h"
#include "iova/support/printed_range.h"

namespace iommulab {

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const iova_catalogue_entry& entry, std::ostream* out) {
  *out << entry.name;
}

}  // namespace iommulab

namespace iommulab::rivals_test {
namespace {

constexpr uint64_t limit_24bit = (uint64_t{1} << 12) - 1;
constexpr uint64_t limit_32bit = (uint64_t{1} << 20) - 1;
constexpr uint64_t limit_39bit = (uint64_t{1} << 27) - 1;
constexpr uint64_t limit_48bit = (uint64_t{1} << 36) - 1;

struct live_range {
  iova_grant grant;
  uint64_t size;
};

uint64_t top_of(uint64_t lo, uint64_t size) {
  return lo + size - 1;
}
uint64_t alignment(uint64_t size) {
  uint64_t a = 1;
  while (a < size) a *= 2;
  return a;
}

class rival_test : public testing::TestWithParam<iova_catalogue_entry> {
 protected:
  std::unique_ptr<iova_allocator> make(lab_host_kind host = lab_host_kind::counting,
                                       unsigned cpus = 1) {
    return GetParam().make({.space = {}, .cpus = cpus, .host = host, .failures = &slab_});
  }
  [[nodiscard]] const rival_promises& promises() const { return *promises_of(GetParam().name); }

  slab_failures slab_;
};

std::string entry_name(const testing::TestParamInfo<iova_catalogue_entry>& info) {
  return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(, rival_test,
                         testing::ValuesIn(rivals_iova_allocators().begin(),
                                           rivals_iova_allocators().end()),
                         entry_name);

TEST(rivals_catalogue, every_rival_has_its_promises_and_every_promise_its_rival) {
  for (const auto& entry : rivals_iova_allocators()) {
    EXPECT_NE(promises_of(entry.name), nullptr) << entry.name;
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
    EXPECT_FALSE(entry.source.empty()) << entry.name;
  }
  EXPECT_EQ(rivals_iova_allocators().size(), std::size(rivals_promise));
}

// An allocator and the model side by side; each operation checks the one against the other.
class side_by_side {
 public:
  side_by_side(iova_allocator& tested, const rival_promises& promises)
      : tested_(tested), promises_(promises), model_(iova_space{}.start_pfn) {}

  void alloc(uint64_t size, uint64_t limit, bool aligned) {
    const auto expected = model_.highest_place(size, limit, aligned);
    const iova_grant grant = tested_.alloc(size, limit, aligned);
    if (!grant) {
      EXPECT_FALSE(holds(promises_.complete, size, aligned) && expected)
          << size << " frames below " << limit << " fit at " << *expected;
      return;
    }
    check(grant.pfn_lo, size, limit, aligned, expected);
    live_.push_back({grant, size});
  }
  void alloc_fast(unsigned cpu, uint64_t size, uint64_t limit) {
    const auto expected = model_.highest_place(size, limit, true);
    const uint64_t lo = tested_.alloc_fast(cpu, size, limit, true);
    if (lo == no_iova) {
      EXPECT_FALSE(holds(promises_.complete, size, true) && expected)
          << size << " frames below " << limit;
      return;
    }
    check(lo, size, limit, true, expected);
    fast_.push_back({{lo, nullptr}, size});
  }
  void free(size_t index) {
    const live_range gone = take(live_, index);
    tested_.free(gone.grant, gone.size);
    model_.remove(gone.grant.pfn_lo);
  }
  void free_fast(unsigned cpu, size_t index) {
    const live_range gone = take(fast_, index);
    tested_.free_fast(cpu, gone.grant.pfn_lo, gone.size);
    model_.remove(gone.grant.pfn_lo);
  }
  void reserve(uint64_t lo, uint64_t hi) {
    const bool reserved = tested_.reserve(lo, hi);
    if (promises_.exact) {
      EXPECT_TRUE(reserved) << lo << " to " << hi;
    }
    if (reserved) model_.fill(lo, hi);
  }
  bool alloc_or_fail(uint64_t size, uint64_t limit) {
    const iova_grant grant = tested_.alloc(size, limit, true);
    if (grant) model_.add(grant.pfn_lo, top_of(grant.pfn_lo, size));
    return bool(grant);
  }
  bool reserve_or_fail(uint64_t lo, uint64_t hi) {
    const bool reserved = tested_.reserve(lo, hi);
    if (reserved) model_.fill(lo, hi);
    return reserved;
  }
  void find(uint64_t frame) {
    const auto expected = model_.find(frame);
    const auto found = tested_.find(frame);
    if (promises_.exact) {
      EXPECT_EQ(found, expected) << "frame " << frame;
    } else if (expected) {
      ASSERT_TRUE(found) << "frame " << frame;
      EXPECT_LE(found->lo, frame);
      EXPECT_GE(found->hi, frame);
    }
  }
  void compare_ranges() {
    const auto ranges = tested_.ranges();
    if (promises_.exact) {
      EXPECT_EQ(ranges, model_.ranges());
      return;
    }
    EXPECT_TRUE(
        std::is_sorted(ranges.begin(), ranges.end(), [](auto a, auto b) { return a.hi < b.lo; }));
    for (const iova_range& used : model_.ranges()) {
      for (uint64_t frame = used.lo; frame <= used.hi;) {
        const auto covering = std::find_if(ranges.begin(), ranges.end(), [frame](auto r) {
          return r.lo <= frame && frame <= r.hi;
        });
        ASSERT_NE(covering, ranges.end()) << "frame " << frame << " is in use and not shown";
        frame = covering->hi + 1;
      }
    }
  }
  [[nodiscard]] size_t live() const { return live_.size(); }
  [[nodiscard]] size_t fast() const { return fast_.size(); }

 private:
  void check(uint64_t lo, uint64_t size, uint64_t limit, bool aligned,
             const std::optional<uint64_t>& expected) {
    const uint64_t hi = top_of(lo, size);
    EXPECT_TRUE(model_.is_free(lo, hi)) << lo << " to " << hi << " overlaps a range in use";
    EXPECT_LE(hi, limit);
    EXPECT_GE(lo, iova_space{}.start_pfn);
    if (aligned) {
      EXPECT_EQ(lo % alignment(size), 0u) << lo << ", " << size << " frames";
    }
    if (holds(promises_.highest, size, aligned)) {
      EXPECT_EQ(lo, expected.value_or(no_iova)) << size << " below " << limit;
    }
    model_.add(lo, hi);
  }
  static live_range take(std::vector<live_range>& from, size_t index) {
    const live_range taken = from[index];
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(index));
    return taken;
  }

  iova_allocator& tested_;
  const rival_promises& promises_;
  naive_model model_;
  std::vector<live_range> live_;
  std::vector<live_range> fast_;
};

struct mix {
  std::string_view name;
  uint64_t seed;
  size_t live;                   ///< about so many ranges are in use
  std::vector<uint64_t> sizes;   ///< one is chosen at random
  std::vector<uint64_t> limits;  ///< and one of these
  bool ring;                     ///< frees the oldest, not any
};

void play(side_by_side& both, const mix& m, unsigned operations) {
  std::mt19937_64 random(m.seed);
  const auto any = [&random](size_t count) { return static_cast<size_t>(random() % count); };
  for (unsigned i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
    const uint64_t size = m.sizes[any(m.sizes.size())];
    const uint64_t limit = m.limits[any(m.limits.size())];
    const uint64_t dice = any(100);
    if (dice < 40) {
      if (both.live() < m.live) both.alloc(size, limit, any(4) != 0);
    } else if (dice < 50) {
      if (both.fast() < m.live / 4) both.alloc_fast(0, size, limit);
    } else if (dice < 85) {
      if (both.live() > m.live / 2) both.free(m.ring ? 0 : any(both.live()));
    } else if (dice < 95) {
      if (both.fast() > 0) both.free_fast(0, m.ring ? 0 : any(both.fast()));
    } else if (dice < 99) {
      both.find(any(limit_32bit));
    } else if (i % 7 == 0) {
      const uint64_t lo = any(limit_32bit);
      both.reserve(lo, lo + any(40));
    }
    if (i % 500 == 0) both.compare_ranges();
  }
  both.compare_ranges();
}

TEST_P(rival_test, places_as_it_promises) {
  const mix mixes[] = {
      {"single frames", 1, 300, {1}, {limit_32bit}, false},
      {"ring of single frames", 2, 300, {1}, {limit_32bit}, true},
      {"kernel's sizes", 3, 300, {1, 1, 1, 2, 4, 8, 16, 32}, {limit_32bit, limit_48bit}, false},
      {"any size", 4, 300, {1, 2, 3, 5, 7, 8, 9, 15, 31, 33, 64}, {limit_32bit}, false},
      {"ring, any size", 5, 200, {1, 2, 3, 8, 12}, {limit_48bit}, true},
      {"every limit",
       6,
       400,
       {1, 2, 3, 4, 6, 16},
       {limit_24bit, limit_32bit, limit_39bit, limit_48bit},
       false},
      {"a small space, full", 7, 900, {1, 2, 3, 4, 8, 10, 64, 100}, {limit_24bit}, false},
      {"large ranges",
       8,
       60,
       {1, 1000, 4096, 65536, 70000, 262144},
       {limit_32bit, limit_39bit},
       false},
  };
  for (const mix& m : mixes) {
    SCOPED_TRACE(m.name);
    const auto tested = make();
    side_by_side both(*tested, promises());
    play(both, m, 6000);
    if (HasFailure()) return;
  }
}

TEST_P(rival_test, places_as_it_promises_among_many) {
  const auto tested = make();
  side_by_side both(*tested, promises());
  for (unsigned i = 0; i < 2000; ++i) both.alloc(i % 2 == 0 ? 1 : 3, limit_32bit, true);
  play(both, {"mix", 21, 2000, {1, 1, 2, 3, 4}, {limit_32bit, limit_48bit}, false}, 4000);
  while (both.live() > 10 && !HasFailure()) both.free(both.live() * 7 / 11);
  both.compare_ranges();
}

TEST_P(rival_test, refuses_what_cannot_be) {
  const auto tested = make();
  EXPECT_FALSE(tested->alloc(0, limit_32bit, true));
  EXPECT_FALSE(tested->alloc(~uint64_t{0}, limit_32bit, true));
  EXPECT_FALSE(tested->alloc(limit_32bit + 2, limit_32bit, true));
  EXPECT_FALSE(tested->alloc(1, 0, true)) << "below the first frame";
  EXPECT_FALSE(tested->reserve(20, 10));
  EXPECT_FALSE(tested->find(20));
}

TEST_P(rival_test, failing_memory_leaves_the_state_whole) {
  for (uint64_t n = 1; n <= 12; ++n) {
    SCOPED_TRACE(testing::Message() << "allocation " << n << " fails");
    const auto tested = make();
    side_by_side both(*tested, promises());
    const mix warm_up{"warm-up", 11, 100, {1, 2, 3, 4, 16}, {limit_32bit, limit_48bit}, false};
    play(both, warm_up, 800);

    // Of a size that was never freed, so that no range of old can serve.
    slab_.fail_from(n);
    unsigned allocated = 0;
    while (allocated < 2000 && both.alloc_or_fail(128, limit_32bit)) ++allocated;
    slab_.fail_never();
    EXPECT_LT(allocated, 2000u) << "memory ran out and nobody noticed";
    both.compare_ranges();

    slab_.fail_from(n);
    uint64_t reserved = 0x1000;
    while (reserved < 0x40000 && both.reserve_or_fail(reserved, reserved + 0x80)) reserved += 0x100;
    slab_.fail_never();
    EXPECT_LT(reserved, 0x40000u);
    both.compare_ranges();

    play(both, warm_up, 800);
    if (HasFailure()) return;
  }
}

TEST_P(rival_test, gives_its_memory_back) {
  {
    const auto tested = make();
    side_by_side both(*tested, promises());
    play(both, {"mix", 12, 200, {1, 2, 7, 16}, {limit_32bit, limit_48bit}, false}, 3000);
    EXPECT_GT(slab_.live(), 0);
  }
  EXPECT_EQ(slab_.live(), 0);
}

// One thread's part: ranges of its own come and go; `mark` is told of each frame.
template <class Mark>
void come_and_go(iova_allocator& tested, unsigned cpu, Mark mark) {
  struct mine {
    iova_grant grant;
    uint64_t size;
    bool fast;
  };
  std::mt19937_64 random(cpu);
  std::vector<mine> held;
  const auto give_back = [&] {
    const mine gone = held.back();
    held.pop_back();
    mark(gone.grant.pfn_lo, gone.size, false);
    if (gone.fast) {
      tested.free_fast(cpu, gone.grant.pfn_lo, gone.size);
    } else {
      tested.free(gone.grant, gone.size);
    }
  };
  for (unsigned i = 0; i < 4000; ++i) {
    if (held.size() < 64 && random() % 2 == 0) {
      const uint64_t size = 1 + random() % 8;
      const bool fast = random() % 2 == 0;
      const iova_grant grant =
          fast ? iova_grant{tested.alloc_fast(cpu, size, limit_32bit, true), nullptr}
               : tested.alloc(size, limit_32bit, true);
      if (!grant) continue;
      mark(grant.pfn_lo, size, true);
      held.push_back({grant, size, fast});
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      give_back();
    }
    if (i % 64 == 0) (void)tested.find(limit_32bit - random() % 4096);
  }
  while (!held.empty()) give_back();
}

TEST_P(rival_test, threads_never_share_a_frame) {
  ASSERT_TRUE(GetParam().thread_safe);
  constexpr unsigned thread_count = 4;
  const auto tested = make(lab_host_kind::threaded, thread_count);
  std::vector<std::atomic<bool>> taken(limit_32bit + 1);
  std::atomic<unsigned> overlaps = 0;
  const auto mark = [&](uint64_t lo, uint64_t size, bool now) {
    for (uint64_t frame = lo; frame < lo + size; ++frame) {
      if (taken[frame].exchange(now) == now) ++overlaps;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned cpu = 0; cpu < thread_count; ++cpu) {
    threads.emplace_back([&, cpu] { come_and_go(*tested, cpu, mark); });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(overlaps, 0u);
  if (promises().exact) {
    EXPECT_TRUE(tested->ranges().empty());
  }
}

}  // namespace
}  // namespace iommulab::rivals_test
