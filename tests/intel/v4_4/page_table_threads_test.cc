// SPDX-License-Identifier: GPL-2.0-only
//
// Four threads map and unmap ranges of their own that lie in the same tables, so that all of them
// want to link each table first; in one domain, and in two at once. For ThreadSanitizer as well.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <vector>

#include "intel/v4_4/page_table.h"
#include "intel/v4_4/raw_tables.h"
#include "kernel/v4_4/profile.h"

namespace iommulab::test::page_table_threads_test {
namespace {

using namespace v4_4;

constexpr unsigned threads = 4;
constexpr uint64_t rounds = 60;
constexpr uint64_t slice = 24;  // pages of one thread in a round

/// Runs `body(thread)` on all threads and waits for them.
template <typename F>
void on_all_threads(const F& body) {
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) all.emplace_back([&body, t] { body(t); });
  for (std::thread& thread : all) thread.join();
}

class threads_in_tables : public testing::Test {
 protected:
  void SetUp() override {
    auto made = table_ground::create(v4_4::profile(), uint64_t{256} << 20);
    ASSERT_TRUE(made.ok());
    ground_ = *std::move(made);
    pages_before_ = ground_->live_pages();
  }

  void unmap(dmar_domain& domain, uint64_t first, uint64_t pages) {
    page_freelist freelist = domain_unmap(driver_of(*ground_), domain, first, first + pages - 1);
    dma_free_pagelist(driver_of(*ground_), freelist);
  }

  /// Maps a slice and looks at it; with `stay` false takes it away and looks again.
  void visit_slice(dmar_domain& domain, uint64_t first, uint64_t phys, bool stay) {
    const raw_tables raw(*ground_, domain);
    if (domain_pfn_mapping(driver_of(*ground_), domain, first, phys, slice, 3) != 0) ++wrong_;
    for (uint64_t i = 0; i < slice; ++i) {
      if (raw.walk(first + i).value != ((phys + i) << 12 | 3)) ++wrong_;
    }
    if (stay) return;
    unmap(domain, first, slice);
    for (uint64_t i = 0; i < slice; ++i) {
      if (raw.walk(first + i).present()) ++wrong_;
    }
  }

  std::unique_ptr<table_ground> ground_;
  uint64_t pages_before_ = 0;
  std::atomic<uint64_t> wrong_ = 0;
};

/// A table of every level is new in each round; threads' slices lie side by side in the last one.
uint64_t slice_of(uint64_t round, unsigned thread) {
  return (round << 27) + thread * slice + round;
}

TEST_F(threads_in_tables, share_one_domain) {
  table_domain domain(*ground_, 48, 0);
  std::barrier together(threads);
  on_all_threads([&](unsigned t) {
    for (uint64_t round = 0; round < rounds; ++round) {
      together.arrive_and_wait();
      visit_slice(*domain, slice_of(round, t), uint64_t{0x1000} * (t + 1) + round, round % 2 == 0);
    }
  });
  EXPECT_EQ(wrong_, 0u);
  uint64_t leaves = 0;
  const uint64_t tables = raw_tables(*ground_, *domain).visit([&](const raw_entry&) { ++leaves; });
  EXPECT_EQ(leaves, rounds / 2 * threads * slice);
  EXPECT_EQ(tables, ground_->live_pages() - pages_before_) << "tables of losers are freed";
  EXPECT_TRUE(driver_of(*ground_).env.log.lines().size() < 100) << "nothing is set twice";
}

// Tables come and go: a range of whole tables belongs to one thread, tables above to all.
TEST_F(threads_in_tables, take_their_own_tables_away) {
  table_domain domain(*ground_, 48, 1);
  constexpr uint64_t whole = 512;
  on_all_threads([&](unsigned t) {
    for (uint64_t round = 0; round < rounds; ++round) {
      const uint64_t first = (round % 8 * threads + t) * whole;
      const uint64_t phys = round % 3 == 0 ? whole * (t + 1) : 0x1001;  // superpages, or none
      if (domain_pfn_mapping(driver_of(*ground_), *domain, first, phys, whole, 3) != 0) ++wrong_;
      if (raw_tables(*ground_, *domain).walk(first + 5).page() != phys + (round % 3 == 0 ? 0 : 5)) {
        ++wrong_;
      }
      unmap(*domain, first, whole);
    }
  });
  EXPECT_EQ(wrong_, 0u);
  uint64_t leaves = 0;
  const uint64_t tables = raw_tables(*ground_, *domain).visit([&](const raw_entry&) { ++leaves; });
  EXPECT_EQ(leaves, 0u);
  EXPECT_EQ(tables, ground_->live_pages() - pages_before_);
}

TEST_F(threads_in_tables, use_several_domains) {
  {
    table_domain narrow(*ground_, 39, 0);
    table_domain wide(*ground_, 57, 2);
    on_all_threads([&](unsigned t) {
      for (uint64_t round = 0; round < rounds; ++round) {
        visit_slice(*narrow, (round << 18) % (1 << 27) + t * slice, 0x100 + t, false);
        visit_slice(*wide, slice_of(round, t), 0x200 + t, false);
      }
    });
    EXPECT_EQ(wrong_, 0u);
  }
  EXPECT_EQ(ground_->live_pages(), pages_before_);
  EXPECT_TRUE(ground_->system().pages().diagnoses().empty());
}

}  // namespace
}  // namespace iommulab::test::page_table_threads_test
