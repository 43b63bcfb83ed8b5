// SPDX-License-Identifier: GPL-2.0-only
//
// Counts that follow from where the addresses lie: an entry of level n spans 512^(n-1) pages, and a
// walk starts below the deepest entry that the unit still knows.
#include "lab/transfers/translation_cost.h"

#include <gtest/gtest.h>

#include "iova/allocators.h"
#include "kernel/catalogue.h"

namespace iommulab {
namespace {

// Gives out these frames, one after the other, whatever is asked for.
std::vector<uint64_t>& listed_frames() {
  static std::vector<uint64_t> frames;
  return frames;
}

class listed_allocator final : public iova_allocator {
 public:
  iova_grant alloc(uint64_t, uint64_t, bool) override {
    const uint64_t frame = listed_frames().at(next_++);
    return {frame, nullptr};
  }
  void free(iova_grant, uint64_t) override { ++frees_; }
  uint64_t alloc_fast(unsigned, uint64_t size, uint64_t limit, bool) override {
    return alloc(size, limit, true).pfn_lo;
  }
  void free_fast(unsigned, uint64_t, uint64_t) override { ++frees_; }
  bool reserve(uint64_t, uint64_t) override { return true; }
  [[nodiscard]] std::optional<iova_range> find(uint64_t) const override { return std::nullopt; }
  [[nodiscard]] std::vector<iova_range> ranges() const override { return {}; }
  [[nodiscard]] iova_counters counters() const override { return {}; }

 private:
  size_t next_ = 0;
  size_t frees_ = 0;
};

constexpr iova_catalogue_entry listed = {
    "listed", "", "", false, false, [](const iova_setup&) -> std::unique_ptr<iova_allocator> {
      return std::make_unique<listed_allocator>();
    }};

/// One allocation of `size` for each frame, each freed before the next when `freed`.
iova_workload workload_of(std::vector<uint64_t> frames, uint64_t size, bool freed) {
  listed_frames() = std::move(frames);
  iova_workload workload;
  workload.name = "listed";
  workload.slots = static_cast<uint32_t>(listed_frames().size());
  for (uint32_t slot = 0; slot < workload.slots; ++slot) {
    iova_operation operation;
    operation.slot = slot;
    operation.size = size;
    workload.operations.push_back(operation);
    operation.what = iova_operation::action::free;
    if (freed) workload.operations.push_back(operation);
  }
  return workload;
}

translation_cost cost_of(const iova_workload& workload, size_t unmaps_a_flush,
                         const iova_catalogue_entry& allocator = listed) {
  const auto cost =
      cost_of_transfers(default_kernel_profile(), allocator, workload, {unmaps_a_flush});
  EXPECT_TRUE(cost.ok()) << cost.status();
  return cost.ok() ? *cost : translation_cost{};
}

using walks = std::array<uint64_t, 5>;

TEST(translation_cost, a_walk_starts_where_the_addresses_part) {
  // From the top; in the same table; in another table of the same gigabyte; in another gigabyte;
  // in another 512 gigabytes.
  const auto cost =
      cost_of(workload_of({0x1000, 0x1001, 0x1200, 0x41000, 0x8001000}, 1, false), 256);
  EXPECT_EQ(cost.transfers, 5u);
  EXPECT_EQ(cost.pages, 5u);
  EXPECT_EQ(cost.iotlb_misses, 5u);
  EXPECT_EQ(cost.walks_from, (walks{0, 1, 1, 1, 2}));
  EXPECT_EQ(cost.upper_level_misses(), 4u);
  EXPECT_EQ(cost.entries_read, 4u + 1 + 2 + 3 + 4);
  EXPECT_EQ(cost.flushes, 0u);
}

TEST(translation_cost, each_page_of_a_transfer_is_a_request) {
  // 16 pages from one table, and 16 of which 8 lie in the next.
  const auto cost = cost_of(workload_of({0x1000, 0x11f8}, 16, false), 256);
  EXPECT_EQ(cost.transfers, 2u);
  EXPECT_EQ(cost.pages, 32u);
  EXPECT_EQ(cost.iotlb_misses, 32u);
  EXPECT_EQ(cost.walks_from, (walks{0, 30, 1, 0, 1}));
}

TEST(translation_cost, strict_unmaps_keep_the_tables_cached) {
  const auto cost = cost_of(workload_of({0x1000, 0x1000, 0x1000, 0x1000}, 1, true), 0);
  EXPECT_EQ(cost.flushes, 4u);
  EXPECT_EQ(cost.iotlb_misses, 4u);
  EXPECT_EQ(cost.walks_from, (walks{0, 3, 0, 0, 1}));
}

TEST(translation_cost, a_flush_of_the_domain_takes_the_tables_too) {
  // Flushed behind the second and the fourth: the first, third and fifth walk from the top.
  const auto cost = cost_of(workload_of({0x1000, 0x1001, 0x1002, 0x1003, 0x1004}, 1, true), 2);
  EXPECT_EQ(cost.flushes, 2u);
  EXPECT_EQ(cost.walks_from, (walks{0, 2, 0, 0, 3}));
}

TEST(translation_cost, ranges_are_given_out_again_only_behind_the_flush) {
  // Four live at most in a space of four frames, were it not for those that wait.
  iova_workload workload;
  workload.name = "tight";
  workload.space.start_pfn = 1;
  workload.slots = 1;
  for (int i = 0; i < 8; ++i) {
    iova_operation operation;
    operation.limit_pfn = 4;
    workload.operations.push_back(operation);
    operation.what = iova_operation::action::free;
    workload.operations.push_back(operation);
  }
  const iova_catalogue_entry& allocator = *find_iova_allocator("gap_tree");
  EXPECT_EQ(cost_of(workload, 0, allocator).run.failures, 0u);
  EXPECT_EQ(cost_of(workload, 4, allocator).run.failures, 0u);
  // Frames 1 to 4 wait for the fifth unmap that cannot come.
  EXPECT_EQ(cost_of(workload, 5, allocator).run.failures, 4u);
}

// A ring that is given back out of order: v6_12's caches hand its addresses out in that order, a
// ring of its own in the order of its slots, so that fewer tables are needed between two flushes.
TEST(translation_cost, per_ring_halves_the_upper_levels_of_a_shuffled_ring) {
  const auto workload = make_iova_workload("nic-ring-4096-shuffled");
  ASSERT_TRUE(workload.ok());
  const auto kernel = cost_of(*workload, 256, *find_iova_allocator("v6_12"));
  const auto ring = cost_of(*workload, 256, *find_iova_allocator("per_ring"));
  EXPECT_EQ(kernel.transfers, ring.transfers);
  EXPECT_EQ(kernel.iotlb_misses, kernel.transfers);
  EXPECT_EQ(ring.iotlb_misses, ring.transfers);
  EXPECT_LT(static_cast<double>(ring.upper_level_misses()),
            0.55 * static_cast<double>(kernel.upper_level_misses()));
}

TEST(translation_cost, refuses_what_the_tables_cannot_hold) {
  iova_workload pages_of_2_mib;
  pages_of_2_mib.name = "large";
  pages_of_2_mib.space.granule = uint64_t{2} << 20;
  const auto large = cost_of_transfers(default_kernel_profile(), listed, pages_of_2_mib, {256});
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.status().message(), "workload large: its pages have 2097152 bytes, not 4096");

  const auto far = cost_of_transfers(default_kernel_profile(), listed,
                                     workload_of({uint64_t{1} << 36}, 1, false), {256});
  ASSERT_FALSE(far.ok());
  EXPECT_EQ(far.status().message(), "frame 0x1000000000: beyond tables of 4 levels");
}

}  // namespace
}  // namespace iommulab
