// SPDX-License-Identifier: GPL-2.0-only
//
// dma_debug on a device without an IOMMU, where an address is the physical one. The sentences are
// those of Linux v4.4 lib/dma-debug.c.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/dma/dma_mapping.h"
#include "dma/debug/dma_debug.h"
#include "dma/direct/nommu.h"
#include "fixture.h"

namespace iommulab::test::debug_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using dir = dma_data_direction;

constexpr const char* device_driver = "pci 0000:00:03.0: DMA-API: device driver ";

class debug_test : public dma_fixture {
 protected:
  debug_test() { env.dma_debug = &checks; }

  /// What the kernel complained of, without the marks of warnings and what begins all lines.
  [[nodiscard]] std::vector<std::string> complaints() const {
    std::vector<std::string> found;
    for (std::string line : log()) {
      if (line.starts_with("---")) continue;
      if (line.starts_with(device_driver)) line.erase(0, std::string(device_driver).size());
      found.push_back(line);
    }
    return found;
  }
  [[nodiscard]] std::vector<dma_debug_rule> rules() const {
    std::vector<dma_debug_rule> found;
    for (const dma_debug_finding& f : checks.log().findings()) found.push_back(f.id);
    return found;
  }
  dma_addr map(uint64_t address, uint64_t size, dir direction) {
    const dma_addr handle = dma_map_single(dev, phys_addr(address), size, direction);
    EXPECT_FALSE(dma_mapping_error(dev, handle));
    return handle;
  }

  coherent_memory coherent{*memory, pages};
  nommu_dma_ops ops{coherent};
  device& dev = add_device("0000:00:03.0", &ops);
  device& other = add_device("0000:00:04.0", &ops);
  dma_debug checks;
};

TEST_F(debug_test, has_nothing_to_say_of_proper_use) {
  const dma_addr single = map(0x10000, 0x1000, dir::to_device);
  dma_sync_single_for_device(dev, single, 0x1000, dir::to_device);
  dma_unmap_single(dev, single, 0x1000, dir::to_device);
  const dma_addr page = dma_map_page(dev, phys_addr(0x20000), 0x10, 0x20, dir::from_device);
  EXPECT_FALSE(dma_mapping_error(dev, page));
  dma_sync_single_range_for_cpu(dev, page, 0x10, 0x10, dir::from_device);
  dma_unmap_page(dev, page, 0x20, dir::from_device);
  scatterlist sg[] = {piece(0x30000, 0, 0x1000), piece(0x40000, 0, 0x800)};
  ASSERT_EQ(dma_map_sg(dev, sg, dir::bidirectional), 2);
  dma_sync_sg_for_cpu(dev, sg, dir::bidirectional);
  dma_sync_sg_for_device(dev, sg, dir::bidirectional);
  dma_unmap_sg(dev, sg, dir::bidirectional);
  dma_addr handle;
  const auto block = dma_alloc_coherent(dev, 0x1000, handle, gfp_kernel);
  ASSERT_TRUE(block.has_value());
  dma_free_coherent(dev, 0x1000, *block, handle);
  checks.device_released(dev);
  EXPECT_THAT(log(), IsEmpty());
  EXPECT_EQ(checks.log().errors(), 0u);
}

TEST_F(debug_test, a_second_unmap_frees_what_is_not_allocated) {
  checks.at_line(1);
  const dma_addr handle = map(0x10000, 0x1000, dir::to_device);
  checks.at_line(2);
  dma_unmap_single(dev, handle, 0x1000, dir::to_device);
  checks.at_line(3);
  dma_unmap_single(dev, handle, 0x1000, dir::to_device);
  EXPECT_THAT(
      log(), ElementsAre("------------[ cut here ]------------",
                         "pci 0000:00:03.0: DMA-API: device driver tries to free DMA memory it has "
                         "not allocated [device address=0x0000000000010000] [size=4096 bytes]",
                         "---[ end trace ]---"));
  ASSERT_EQ(checks.log().findings().size(), 1u);
  const dma_debug_finding& found = checks.log().findings()[0];
  EXPECT_EQ(found.id, dma_debug_rule::unmap_not_allocated);
  EXPECT_EQ(found.where, 0x10000u);
  EXPECT_EQ(found.value, 0x1000u);
  EXPECT_EQ(found.line, 3u);
  EXPECT_EQ(found.history, "mapped in line 1, unmapped in line 2");
  dma_unmap_single(other, handle, 0x1000, dir::to_device);
  EXPECT_EQ(checks.log().errors(), 2u) << "a device has no part in another's mappings";
}

TEST_F(debug_test, an_unmap_is_held_against_the_mapping) {
  dma_unmap_single(dev, map(0x10000, 0x3000, dir::to_device), 0x1000, dir::to_device);
  dma_unmap_single(dev, map(0x10000, 0x1000, dir::to_device), 0x1000, dir::from_device);
  dma_unmap_page(dev, map(0x10000, 0x1000, dir::to_device), 0x1000, dir::to_device);
  EXPECT_THAT(
      complaints(),
      ElementsAre("frees DMA memory with different size [device address=0x0000000000010000] [map "
                  "size=12288 bytes] [unmap size=4096 bytes]",
                  "frees DMA memory with different direction [device address=0x0000000000010000] "
                  "[size=4096 bytes] [mapped with DMA_TO_DEVICE] [unmapped with DMA_FROM_DEVICE]",
                  "frees DMA memory with wrong function [device address=0x0000000000010000] "
                  "[size=4096 bytes] [mapped as single] [unmapped as page]"));
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::unmap_size, dma_debug_rule::unmap_direction,
                                   dma_debug_rule::unmap_function));
}

TEST_F(debug_test, a_failed_mapping_is_no_address) {
  const dma_addr handle = dma_map_single(dev, phys_addr(4 * gib), 16, dir::to_device);
  ASSERT_TRUE(dma_mapping_error(dev, handle));
  dma_unmap_single(dev, handle, 16, dir::to_device);
  EXPECT_THAT(complaints(), testing::Contains("tries to free an invalid DMA memory address"));
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::unmap_of_error));
}

TEST_F(debug_test, a_mapping_wants_to_be_asked_whether_it_failed) {
  const dma_addr handle = dma_map_single(dev, phys_addr(0x10000), 16, dir::to_device);
  dma_unmap_single(dev, handle, 16, dir::to_device);
  EXPECT_THAT(complaints(),
              ElementsAre("failed to check map error[device address=0x0000000000010000] [size=16 "
                          "bytes] [mapped as single]"));
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::map_error_unchecked));
}

TEST_F(debug_test, coherent_memory_goes_back_where_it_came_from) {
  dma_addr handle;
  const auto block = dma_alloc_coherent(dev, 0x1000, handle, gfp_kernel);
  const auto another = pages.alloc_pages(0, gfp_dma32);
  ASSERT_TRUE(block && another);
  dma_free_coherent(dev, 0x1000, *another, handle);
  ASSERT_EQ(complaints().size(), 1u);
  EXPECT_EQ(complaints()[0],
            absl::StrFormat("frees DMA memory with different CPU address [device "
                            "address=0x%016x] [size=4096 bytes] [cpu alloc address=0x%016x] [cpu "
                            "free address=0x%016x]",
                            handle.value(), block->value(), another->value()));
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::unmap_cpu_address));
}

TEST_F(debug_test, a_list_is_unmapped_as_long_as_it_was) {
  scatterlist sg[] = {piece(0x10000, 0, 0x1000), piece(0x20000, 0, 0x1000)};
  ASSERT_EQ(dma_map_sg(dev, sg, dir::from_device), 2);
  dma_sync_sg_for_cpu(dev, absl::MakeSpan(sg).first(1), dir::from_device);
  dma_unmap_sg(dev, absl::MakeSpan(sg).first(1), dir::from_device);
  EXPECT_THAT(
      complaints(),
      ElementsAre("syncs DMA sg list with different entry count [map count=2] [sync count=1]",
                  "frees DMA sg list with different entry count [map count=2] [unmap count=1]"));
  EXPECT_THAT(rules(),
              ElementsAre(dma_debug_rule::sync_entry_count, dma_debug_rule::unmap_entry_count));
}

TEST_F(debug_test, what_is_handed_over_is_mapped) {
  const dma_addr handle = map(0x10000, 0x1000, dir::from_device);
  dma_sync_single_for_cpu(dev, handle + 0x800, 0x800, dir::from_device);
  EXPECT_THAT(log(), IsEmpty()) << "a part of it";
  dma_sync_single_for_cpu(dev, handle + 0x800, 0x801, dir::from_device);
  dma_sync_single_range_for_cpu(dev, handle, 0x800, 0x900, dir::from_device);
  dma_sync_single_for_device(dev, handle + 0x1000, 0x10, dir::from_device);
  EXPECT_THAT(complaints(), ElementsAre("tries to sync DMA memory it has not allocated [device "
                                        "address=0x0000000000010800] [size=2049 bytes]",
                                        "tries to sync DMA memory it has not allocated [device "
                                        "address=0x0000000000010000] [size=4352 bytes]",
                                        "tries to sync DMA memory it has not allocated [device "
                                        "address=0x0000000000011000] [size=16 bytes]"));
}

TEST_F(debug_test, hands_over_in_the_direction_of_the_data) {
  const dma_addr from = map(0x10000, 0x1000, dir::from_device);
  const dma_addr to = map(0x20000, 0x1000, dir::to_device);
  dma_sync_single_for_cpu(dev, from, 0x1000, dir::to_device);
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::sync_direction));
  dma_sync_single_for_cpu(dev, to, 0x1000, dir::from_device);
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::sync_direction, dma_debug_rule::sync_direction,
                                   dma_debug_rule::sync_for_cpu));
  dma_sync_single_for_device(dev, from, 0x1000, dir::bidirectional);
  EXPECT_EQ(rules().back(), dma_debug_rule::sync_to_device);
  const dma_addr both = map(0x30000, 0x1000, dir::bidirectional);
  const uint64_t before = checks.log().errors();
  dma_sync_single_for_device(dev, both, 0x1000, dir::from_device);
  EXPECT_EQ(checks.log().errors(), before) << "data goes both ways";
  EXPECT_THAT(
      complaints(),
      testing::IsSupersetOf(
          {"syncs DMA memory with different direction [device address=0x0000000000010000] "
           "[size=4096 bytes] [mapped with DMA_FROM_DEVICE] [synced with DMA_TO_DEVICE]",
           "syncs device read-only DMA memory for cpu [device address=0x0000000000020000] "
           "[size=4096 bytes] [mapped with DMA_TO_DEVICE] [synced with DMA_FROM_DEVICE]",
           "syncs device write-only DMA memory to device [device address=0x0000000000010000] "
           "[size=4096 bytes] [mapped with DMA_FROM_DEVICE] [synced with DMA_BIDIRECTIONAL]"}));
}

TEST_F(debug_test, a_driver_that_leaves_has_unmapped_everything) {
  checks.at_line(4);
  map(0x10000, 0x1000, dir::to_device);
  checks.at_line(5);
  dma_addr handle;
  ASSERT_TRUE(dma_alloc_coherent(dev, 0x2000, handle, gfp_kernel));
  checks.at_line(0);
  map(0x30000, 0x1000, dir::to_device);  // by a driver of the boot, which stays
  checks.device_released(other);
  EXPECT_THAT(log(), IsEmpty());
  checks.device_released(dev);
  ASSERT_EQ(complaints().size(), 2u);
  EXPECT_EQ(complaints()[0], "has pending DMA allocations while released from device [count=2]");
  // Address bits 13 to 22 are the kernel's bucket; it names what it comes to last.
  const bool single_is_last = (handle.value() >> 13 & 0x3ff) < (0x10000 >> 13);
  EXPECT_EQ(complaints()[1],
            single_is_last
                ? "One of leaked entries details: [device address=0x0000000000010000] [size=4096 "
                  "bytes] [mapped with DMA_TO_DEVICE] [mapped as single]"
                : absl::StrFormat("One of leaked entries details: [device address=0x%016x] "
                                  "[size=8192 bytes] [mapped with DMA_BIDIRECTIONAL] [mapped as "
                                  "coherent]",
                                  handle.value()));
  EXPECT_EQ(
      checks.log().findings()[0].history,
      absl::StrFormat("mapped and never unmapped: line 4 0x10000, line 5 0x%x", handle.value()));
}

TEST_F(debug_test, several_mappings_of_one_address_are_told_apart) {
  // Without an IOMMU they have one address: the one that agrees is taken.
  const dma_addr first = map(0x10000, 0x1000, dir::to_device);
  map(0x10000, 0x2000, dir::to_device);
  dma_unmap_single(dev, first, 0x2000, dir::to_device);
  EXPECT_THAT(log(), IsEmpty());
  map(0x10000, 0x2000, dir::to_device);
  dma_unmap_single(dev, first, 0x3000, dir::to_device);
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::unmap_not_allocated))
      << "none of two agrees in everything";
}

TEST_F(debug_test, two_mappings_that_a_device_writes_do_not_overlap) {
  map(0x10000, 0x1000, dir::from_device);
  map(0x10000, 0x1000, dir::to_device);
  map(0x11000, 0x1000, dir::from_device);
  EXPECT_THAT(rules(), IsEmpty()) << "one is only read; the next begins behind it";
  map(0x10fff, 1, dir::bidirectional);
  EXPECT_THAT(rules(), ElementsAre(dma_debug_rule::overlapping_mappings));
  map(0x20000, 8, dir::from_device);
  map(0x20038, 8, dir::from_device);
  EXPECT_EQ(rules().size(), 2u) << "in one cache line of 64 bytes";
  map(0x20040, 8, dir::from_device);
  EXPECT_EQ(rules().size(), 2u) << "in the next";
  EXPECT_THAT(log(), IsEmpty()) << "Linux 4.4 says nothing";
}

TEST_F(debug_test, more_than_seven_overlaps_cannot_be_counted) {
  constexpr int mappings_that_are_counted = 8;  // the first and seven on top of it
  for (int i = 0; i < mappings_that_are_counted; ++i) map(0x10000, 0x40, dir::from_device);
  EXPECT_THAT(log(), IsEmpty());
  map(0x10000, 0x40, dir::from_device);
  map(0x10000, 0x40, dir::from_device);
  EXPECT_THAT(complaints(), ElementsAre("DMA-API: exceeded 7 overlapping mappings of cacheline "
                                        "0x0000000000000400"))
      << "once, and of cache line 10000h / 40h";
  const std::vector<dma_debug_rule> found = rules();
  EXPECT_EQ(std::count(found.begin(), found.end(), dma_debug_rule::too_many_overlaps), 1);
}

TEST_F(debug_test, a_cache_line_is_free_again_when_its_mappings_are_gone) {
  const dma_addr first = map(0x10000, 0x40, dir::from_device);
  dma_unmap_single(dev, first, 0x40, dir::from_device);
  for (int i = 0; i < 20; ++i) {
    dma_unmap_single(dev, map(0x10000, 0x40, dir::from_device), 0x40, dir::from_device);
  }
  EXPECT_EQ(checks.log().errors(), 0u);
}

TEST_F(debug_test, keeps_the_first_findings_and_counts_all) {
  const uint64_t more = 10;
  for (uint64_t i = 0; i < dma_debug_log::capacity + more; ++i) {
    dma_unmap_single(dev, dma_addr(0x1000), 0x1000, dir::to_device);
  }
  EXPECT_EQ(checks.log().findings().size(), dma_debug_log::capacity);
  EXPECT_EQ(checks.log().errors(), dma_debug_log::capacity + more);
  EXPECT_NE(to_text(checks.log()).find("\nand 10 more\n"), std::string::npos);
}

TEST_F(debug_test, nobody_is_told_when_it_is_off) {
  env.dma_debug = nullptr;
  dma_unmap_single(dev, dma_addr(0x1000), 0x1000, dir::to_device);
  EXPECT_EQ(checks.log().errors(), 0u);
  EXPECT_THAT(log(), IsEmpty());
}

TEST(dma_debug_rules, have_names) {
  EXPECT_EQ(name(dma_debug_rule::unmap_of_error), "unmap_of_error");
  EXPECT_EQ(name(dma_debug_rule::handle_given_away), "handle_given_away");
}

}  // namespace
}  // namespace iommulab::test::debug_test
