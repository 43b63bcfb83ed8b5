// SPDX-License-Identifier: GPL-2.0-only
#include "iova/linux/flush_queue.h"

#include <gtest/gtest.h>

#include "iova/linux/linux_domain.h"

namespace iommulab::flush_queue_test {
namespace {

constexpr uint64_t lim32 = 0xfffff;
constexpr uint64_t ms = 1'000'000;

class flush_queue_test : public testing::Test {
 protected:
  std::unique_ptr<iova_flush_queue> make(const flush_queue_options& options = {}) {
    return iova_flush_queue::make(
        *domain_, clock_, 2, options, [this] { ++flushes_; },
        [this](uint64_t data) { destroyed_.push_back(data); }, &slab_);
  }
  uint64_t map(unsigned cpu) { return domain_->alloc_fast(cpu, 1, lim32, true); }
  void queue(iova_flush_queue& q, unsigned cpu, unsigned count) {
    for (unsigned i = 0; i < count; ++i) q.queue_iova(cpu, map(cpu), 1, next_data_++);
  }

  std::unique_ptr<linux_iova_domain> domain_ = make_linux_iova_domain("v4_19", {.cpus = 2});
  virtual_clock clock_;
  slab_failures slab_;
  unsigned flushes_ = 0;
  uint64_t next_data_ = 0;
  std::vector<uint64_t> destroyed_;
};

TEST_F(flush_queue_test, gives_a_range_out_again_only_after_the_flush_by_timer) {
  const auto q = make();
  const uint64_t pfn = map(0);
  q->queue_iova(0, pfn, 1, 7);
  EXPECT_NE(map(0), pfn);
  clock_.advance(10 * ms - 1);
  EXPECT_EQ(flushes_, 0u);
  EXPECT_TRUE(destroyed_.empty());
  clock_.advance(1);
  EXPECT_EQ(flushes_, 1u);
  EXPECT_EQ(destroyed_, std::vector<uint64_t>{7});
  EXPECT_EQ(q->waiting(), 0u);
  EXPECT_EQ(map(0), pfn);
}

TEST_F(flush_queue_test, arms_the_timer_with_the_first_entry_after_it_fired) {
  const auto q = make();
  queue(*q, 0, 1);
  clock_.advance(6 * ms);
  queue(*q, 0, 1);  // does not move the timer
  clock_.advance(4 * ms);
  EXPECT_EQ(flushes_, 1u);
  EXPECT_EQ(q->waiting(), 0u);
  clock_.advance(100 * ms);
  EXPECT_EQ(flushes_, 1u);
  queue(*q, 0, 1);
  clock_.advance(10 * ms);
  EXPECT_EQ(flushes_, 2u);
}

TEST_F(flush_queue_test, flushes_at_once_when_a_ring_is_full) {
  const auto q = make();
  queue(*q, 0, 255);
  EXPECT_EQ(flushes_, 0u);
  EXPECT_EQ(q->waiting(), 255u);
  queue(*q, 0, 1);
  EXPECT_EQ(flushes_, 1u);
  EXPECT_EQ(q->waiting(), 1u);
  EXPECT_EQ(destroyed_.size(), 255u);
  EXPECT_EQ(destroyed_.back(), 254u);
}

TEST_F(flush_queue_test, frees_what_a_flush_of_another_processor_let_go) {
  const auto q = make();
  queue(*q, 1, 3);
  queue(*q, 0, 256);  // fills the ring of processor 0: one flush
  EXPECT_EQ(flushes_, 1u);
  EXPECT_EQ(q->waiting(), 4u);
  queue(*q, 1, 1);
  EXPECT_EQ(q->waiting(), 2u);
  EXPECT_EQ(flushes_, 1u);
}

TEST_F(flush_queue_test, keeps_what_was_queued_while_a_flush_ran) {
  iova_flush_queue* queue_in_flush = nullptr;
  const uint64_t early = map(0);
  const uint64_t during = map(1);
  const auto q = iova_flush_queue::make(
      *domain_, clock_, 2, {}, [&] { queue_in_flush->queue_iova(1, during, 1, 2); },
      [this](uint64_t data) { destroyed_.push_back(data); });
  queue_in_flush = q.get();
  q->queue_iova(0, early, 1, 1);
  clock_.advance(10 * ms);
  EXPECT_EQ(q->flushes_finished(), 1u);
  EXPECT_EQ(destroyed_, std::vector<uint64_t>{1});
  EXPECT_EQ(q->waiting(), 1u) << "the hardware may still know the page of the second";
}

TEST_F(flush_queue_test, frees_by_timer_on_the_processor_that_armed_it) {
  const auto q = make();
  const uint64_t of_0 = map(0);
  const uint64_t of_1 = map(1);
  q->queue_iova(1, of_1, 1, 0);
  q->queue_iova(0, of_0, 1, 0);
  clock_.advance(10 * ms);
  EXPECT_EQ(map(1), of_1) << "ring by ring into processor 1's cache, this one last";
  EXPECT_EQ(map(1), of_0);
}

TEST_F(flush_queue_test, destroys_what_waits_at_the_end_and_frees_no_range) {
  auto q = make();
  const uint64_t pfn = map(0);
  q->queue_iova(0, pfn, 1, 9);
  q.reset();
  EXPECT_EQ(destroyed_, std::vector<uint64_t>{9});
  EXPECT_EQ(flushes_, 0u);
  EXPECT_NE(map(0), pfn);
  clock_.advance(100 * ms);
  EXPECT_EQ(flushes_, 0u);
  EXPECT_EQ(slab_.live(), 0);
}

TEST_F(flush_queue_test, has_one_large_ring_for_all_when_flushes_are_dear) {
  const auto q = make(flush_queue_options::single_queue());
  queue(*q, 0, 20000);
  queue(*q, 1, 12767);
  EXPECT_EQ(flushes_, 0u);
  queue(*q, 1, 1);
  EXPECT_EQ(flushes_, 1u);
  clock_.advance(999 * ms);
  EXPECT_EQ(flushes_, 1u);
  clock_.advance(1 * ms);
  EXPECT_EQ(flushes_, 2u);
}

TEST_F(flush_queue_test, is_not_made_without_memory) {
  slab_.fail_at(1);
  EXPECT_EQ(make(), nullptr);
  EXPECT_EQ(slab_.live(), 0);
}

}  // namespace
}  // namespace iommulab::flush_queue_test
