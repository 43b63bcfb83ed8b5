// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/mapping_workload.h"

#include <gtest/gtest.h>

#include <string>

#include "iova/allocators.h"
#include "iova/ftrace/event_reader.h"
#include "iova/workload/runner.h"

namespace iommulab::mapping_workload_test {
namespace {

using action = iova_operation::action;

std::string line(int cpu, const std::string& event) {
  return "  a-1 [00" + std::to_string(cpu) + "] d..2.  1.000000: " + event + "\n";
}
std::string map(int cpu, const std::string& device, const std::string& address, int bytes,
                const std::string& physical = "5000000") {
  return line(cpu, "dma_map_page: " + device + " dir=X dma_addr=" + address +
                       " size=" + std::to_string(bytes) + " phys_addr=" + physical + " attrs=");
}
std::string unmap(int cpu, const std::string& device, const std::string& address) {
  return line(cpu, "dma_unmap_page: " + device + " dir=X dma_addr=" + address + " size=1 attrs=");
}

traced_mappings mappings_of(const std::string& text, const traced_mapping_options& options = {}) {
  const auto log = parse_dma_events("t", text);
  EXPECT_TRUE(log.ok()) << log.status().message();
  return log.ok() ? workloads_of(*log, options) : traced_mappings{};
}

/// "+3@1" allocates 3 frames on the second CPU, "-@0" frees on the first; slots behind a '.'.
std::string shape(const traced_space& space) {
  std::string text;
  for (const iova_operation& o : space.workload.operations) {
    text += text.empty() ? "" : " ";
    text += o.what == action::alloc_fast ? "+" + std::to_string(o.size) : "-";
    text += "@" + std::to_string(o.cpu) + "." + std::to_string(o.slot);
  }
  return text;
}

TEST(mapping_workload, is_the_recorded_order_on_the_recorded_cpus) {
  const traced_mappings all = mappings_of(
      map(5, "a", "fffff000", 4096) + map(2, "a", "ffffd800", 4096) + map(2, "b", "fffff000", 1) +
      unmap(5, "a", "ffffd800") + unmap(2, "a", "fffff000") + map(7, "a", "ffffe000", 20000));
  ASSERT_EQ(all.spaces.size(), 2U);
  const traced_space& a = all.spaces[0];
  EXPECT_EQ(a.workload.name, "a");
  EXPECT_EQ(a.cpus, (std::vector<uint32_t>{2, 5, 7}));
  EXPECT_EQ(a.workload.cpus, 3U);
  EXPECT_EQ(shape(a), "+1@1.0 +2@0.1 -@1.1 -@0.0 +5@2.0");
  EXPECT_EQ(a.maps, 3U);
  EXPECT_EQ(a.unmaps, 2U);
  EXPECT_EQ(a.never_ended, 1U);
  EXPECT_EQ(shape(all.spaces[1]), "+1@0.0");
}

TEST(mapping_workload, counts_what_began_before_the_trace) {
  const traced_mappings all =
      mappings_of(unmap(0, "a", "1000") + map(0, "a", "2000", 1) + unmap(0, "b", "2000"));
  ASSERT_EQ(all.spaces.size(), 2U);
  EXPECT_EQ(all.spaces[0].begun_before, 1U);
  EXPECT_EQ(shape(all.spaces[0]), "+1@0.0");
  EXPECT_EQ(all.spaces[1].begun_before, 1U);
  EXPECT_TRUE(all.spaces[1].workload.operations.empty());
}

TEST(mapping_workload, gives_back_at_once_what_the_traced_kernel_refused) {
  const traced_mappings all =
      mappings_of(map(0, "a", "ffffffffffffffff", 4096) + map(0, "a", "1000", 1));
  ASSERT_EQ(all.spaces.size(), 1U);
  EXPECT_EQ(all.spaces[0].failed, 1U);
  EXPECT_EQ(all.spaces[0].never_ended, 1U);
  EXPECT_EQ(shape(all.spaces[0]), "+1@0.0 -@0.0 +1@0.0");
}

TEST(mapping_workload, takes_a_list_as_one_range_and_finds_its_unmap_by_the_buffers) {
  const std::string first =
      "dma_map_sg: a dir=X dma_addrs={0xffff0000} sizes={0x3000} phys_addrs={0x1000,0x9000} attrs=";
  const std::string second =
      "dma_map_sg: a dir=X dma_addrs={0xffff8000} sizes={0x1000} phys_addrs={0x1000,0x5000} attrs=";
  const traced_mappings all =
      mappings_of(line(0, first) + line(0, second) +
                  line(0, "dma_unmap_sg: a dir=X phys_addrs={0x1000,0x5000} attrs=") +
                  line(0, "dma_unmap_sg: a dir=X phys_addrs={0x1000,0x9000} attrs=") +
                  line(0, "dma_unmap_sg: a dir=X phys_addrs={0x1000,0x9000} attrs="));
  ASSERT_EQ(all.spaces.size(), 1U);
  EXPECT_EQ(shape(all.spaces[0]), "+3@0.0 +1@0.1 -@0.1 -@0.0");
  EXPECT_EQ(all.spaces[0].begun_before, 1U);
}

TEST(mapping_workload, takes_the_oldest_of_mappings_at_one_address) {
  // Without an IOMMU, a page may be mapped as often as somebody likes.
  const traced_mappings physical =
      mappings_of(map(0, "a", "1000", 1, "1000") + map(0, "a", "1000", 1, "1000") +
                  unmap(0, "a", "1000") + unmap(0, "a", "1000"));
  EXPECT_EQ(shape(physical.spaces[0]), "+1@0.0 +1@0.1 -@0.0 -@0.1");
  EXPECT_EQ(physical.spaces[0].physical, 2U);
  EXPECT_EQ(physical.spaces[0].given_twice, 0U);
  const traced_mappings lost = mappings_of(map(0, "a", "1000", 1) + map(0, "a", "1000", 1));
  EXPECT_EQ(lost.spaces[0].given_twice, 1U);
  EXPECT_EQ(lost.spaces[0].never_ended, 2U);
}

TEST(mapping_workload, asks_below_4_gib_first_or_as_told) {
  const std::string text = map(0, "a", "1000", 1);
  const iova_operation usual = mappings_of(text).spaces[0].workload.operations[0];
  EXPECT_EQ(usual.limit_pfn, 0xfffffU);
  EXPECT_EQ(usual.fallback_limit_pfn, 0xfffffffffU);
  const iova_operation told = mappings_of(text, {0x7fffffff}).spaces[0].workload.operations[0];
  EXPECT_EQ(told.limit_pfn, 0x7ffffU);
  EXPECT_EQ(told.fallback_limit_pfn, no_iova);
  // Half a page at the end is none.
  EXPECT_EQ(mappings_of(text, {0x2fff}).spaces[0].workload.operations[0].limit_pfn, 2U);
  EXPECT_EQ(mappings_of(text, {0x3ffe}).spaces[0].workload.operations[0].limit_pfn, 2U);
}

std::string iommu_map(const std::string& begin, const std::string& end, int bytes) {
  return line(1, "map: IOMMU: iova=0x" + begin + " - 0x" + end +
                     " paddr=0x8000 size=" + std::to_string(bytes));
}
std::string iommu_unmap(const std::string& begin, const std::string& end, int bytes) {
  const std::string size = std::to_string(bytes);
  return line(1, "unmap: IOMMU: iova=0x" + begin + " - 0x" + end + " size=" + size +
                     " unmapped_size=" + size);
}

TEST(mapping_workload, takes_iommu_events_where_there_are_no_others) {
  // iommu_map_sg() maps a range in pieces; one unmap takes it away.
  const std::string text = iommu_map("10000", "12000", 8192) + iommu_map("20000", "21000", 4096) +
                           iommu_map("12000", "15000", 12288) +
                           iommu_unmap("10000", "15000", 20480) +
                           iommu_unmap("90000", "91000", 4096);
  const traced_mappings all = mappings_of(text);
  EXPECT_TRUE(all.from_iommu_events);
  ASSERT_EQ(all.spaces.size(), 1U);
  EXPECT_EQ(shape(all.spaces[0]), "+5@0.0 +1@0.1 -@0.0");
  EXPECT_EQ(all.spaces[0].maps, 2U);
  EXPECT_EQ(all.spaces[0].never_ended, 1U);
  EXPECT_EQ(all.spaces[0].begun_before, 1U);

  const traced_mappings both = mappings_of(map(0, "a", "1000", 1) + text);
  EXPECT_FALSE(both.from_iommu_events);
  EXPECT_EQ(both.iommu_events, 5U);
  ASSERT_EQ(both.spaces.size(), 1U);
  EXPECT_EQ(both.spaces[0].maps, 1U);
}

// As in the kernel: what one CPU frees, the same CPU gets again from its cache.
TEST(mapping_workload, runs_on_every_allocator) {
  std::string text;
  for (int i = 0; i < 50; ++i) {
    text += map(i % 2, "a", "fffff000", 4096) + unmap(i % 2, "a", "fffff000");
  }
  const traced_mappings all = mappings_of(text);
  ASSERT_EQ(all.spaces.size(), 1U);
  const iova_workload& workload = all.spaces[0].workload;
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    const auto allocator = entry.make({workload.space, workload.cpus, lab_host_kind::counting});
    const iova_run_counts counts = run_workload(*allocator, workload);
    EXPECT_EQ(counts.operations, 100U) << entry.name;
    EXPECT_EQ(counts.failures, 0U) << entry.name;
    EXPECT_EQ(counts.live_peak, 1U) << entry.name;
    if (entry.name == "v6_12") {
      EXPECT_EQ(allocator->counters().cache_misses, 2U);
      EXPECT_EQ(allocator->counters().cache_hits, 48U);
    }
  }
}

}  // namespace
}  // namespace iommulab::mapping_workload_test
