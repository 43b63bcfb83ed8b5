// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware: ranges that wait for a flush.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "system.h"

namespace iommulab::v6_12::dma_iommu_test {
namespace {

using testing::ElementsAre;

TEST(dma_iommu, the_first_unmap_arms_a_timer_of_four_ticks) {
  dma_system s;
  s.start();
  s.sys.env.clock.advance(ns_per_jiffy + 3);
  const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  dma_unmap_page(s.dev(), dma, 0x1000, both);
  s.driver.take_calls();
  // Armed in tick 1: fires with tick 5.
  s.sys.env.clock.advance(4 * ns_per_jiffy - 4);
  EXPECT_TRUE(s.driver.take_calls().empty());
  s.sys.env.clock.advance(1);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("flush all A"));
  EXPECT_EQ(waiting_iovas(s.cookie()), 0u);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both), dma);
  s.sys.env.clock.advance(100 * ns_per_jiffy);
  EXPECT_THAT(s.driver.calls, ElementsAre("map A fffff000 5000 1000*1 prot 7"));
}

TEST(dma_iommu, a_queue_of_255_is_full) {
  dma_system s;
  s.start();
  std::vector<dma_addr> mapped;
  for (int i = 0; i < 256; ++i) {
    mapped.push_back(dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both));
  }
  for (int i = 0; i < 255; ++i) dma_unmap_page(s.dev(), mapped[static_cast<size_t>(i)], 1, both);
  EXPECT_EQ(waiting_iovas(s.cookie()), 255u);
  s.driver.take_calls();
  dma_unmap_page(s.dev(), mapped[255], 0x1000, both);
  EXPECT_EQ(s.driver.calls.back(), "flush all A");
  EXPECT_EQ(waiting_iovas(s.cookie()), 1u);
  // Out of the magazine, last in first out.
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both), mapped[254]);
}

/// Hands page-table pages over with each unmap, as a driver does that frees whole tables.
class table_freeing_ops final : public iommu_domain_ops {
 public:
  table_freeing_ops(fake_driver& driver, page_allocator& pages) : driver_(driver), pages_(pages) {}
  int attach_dev(iommu_domain&, device&) override { return 0; }
  int map_pages(iommu_domain& d, dma_addr iova, phys_addr paddr, uint64_t size, uint64_t count,
                int prot, uint64_t& mapped) override {
    return driver_.map_pages(d, iova, paddr, size, count, prot, mapped);
  }
  uint64_t unmap_pages(iommu_domain& d, dma_addr iova, uint64_t size, uint64_t count,
                       iommu_iotlb_gather& gather) override {
    gather.freelist.push_back(pages_.alloc_pages(0).value());
    return driver_.unmap_pages(d, iova, size, count, gather);
  }
  phys_addr iova_to_phys(iommu_domain& d, dma_addr iova) override {
    return driver_.iova_to_phys(d, iova);
  }
  void free(iommu_domain& d) override { driver_.free(d); }

 private:
  fake_driver& driver_;
  page_allocator& pages_;
};

TEST(dma_iommu, table_pages_wait_with_their_range) {
  dma_system s;
  s.start();
  table_freeing_ops ops(s.driver, s.pages);
  s.domain().ops = &ops;
  const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  dma_unmap_page(s.dev(), dma, 0x1000, both);
  EXPECT_EQ(s.pages.live_pages(), 1u);
  s.sys.env.clock.advance(4 * ns_per_jiffy);
  EXPECT_EQ(s.pages.live_pages(), 0u);
  // And go with the domain.
  dma_unmap_page(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 1, both), 1, both);
  EXPECT_EQ(s.pages.live_pages(), 1u);
  iommu_device_unregister(s.iommu, s.driver.unit);
  EXPECT_EQ(s.pages.live_pages(), 0u);
  EXPECT_EQ(s.slab.live(), 0);
  EXPECT_TRUE(s.pages.diagnoses().empty());
}

TEST(dma_iommu, a_shadowing_unit_gets_one_long_queue) {
  dma_system s;
  class shadowed final : public iommu_ops {
   public:
    explicit shadowed(fake_driver& driver) : driver_(driver) {
      default_domain_ops = &driver;
      iommu_ops::pgsize_bitmap = 0x1000;
    }
    bool capable(device& d, iommu_cap cap) override { return driver_.capable(d, cap); }
    iommu_domain* domain_alloc(iommu_domain_type type) override {
      return driver_.domain_alloc(type);
    }
    iommu_device* probe_device(device& d, int& error) override {
      d.iommu->shadow_on_flush = true;
      return driver_.probe_device(d, error);
    }
    iommu_group* device_group(device& d, int& error) override { return pci_device_group(d, error); }

   private:
    fake_driver& driver_;
  } ops(s.driver);
  ASSERT_EQ(iommu_subsys_init(s.iommu), 0);
  ASSERT_EQ(iommu_device_sysfs_add(s.sys.iommu, s.driver.unit, "dmar0", "intel-iommu", {}), 0);
  ASSERT_EQ(iommu_device_register(s.iommu, s.driver.unit, ops), 0);
  EXPECT_EQ(s.cookie().options.qt, iommu_dma_queue_type::single);
  EXPECT_EQ(s.cookie().options.fq_size, 32768u);
  s.driver.take_calls();
  dma_unmap_page(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 1, both), 1, both);
  s.driver.take_calls();
  // 1 s is 250 ticks; that far away the wheel keeps time in steps of 8: (250 / 8 + 1) * 8 = 256.
  s.sys.env.clock.advance(255 * ns_per_jiffy);
  EXPECT_TRUE(s.driver.take_calls().empty());
  s.sys.env.clock.advance(ns_per_jiffy);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("flush all A"));
}

TEST(dma_iommu, the_wheel_is_never_early) {
  EXPECT_EQ(timer_wheel_expiry(100, 103), 104u);
  EXPECT_EQ(timer_wheel_expiry(100, 162), 163u);
  EXPECT_EQ(timer_wheel_expiry(100, 163), 168u);
  EXPECT_EQ(timer_wheel_expiry(0, 250), 256u);
  for (const uint64_t now : {uint64_t{0}, uint64_t{7}, uint64_t{1000}}) {
    for (uint64_t delta = 1; delta < 5000; ++delta) {
      ASSERT_GT(timer_wheel_expiry(now, now + delta), now + delta);
    }
  }
}

TEST(dma_iommu, threads_have_ranges_of_their_own) {
  constexpr unsigned threads = 4;
  dma_system s({}, threads);
  s.start();
  // Tables that threads may share are the driver's business; here there are none.
  class no_tables final : public iommu_domain_ops {
   public:
    int attach_dev(iommu_domain&, device&) override { return 0; }
    int map_pages(iommu_domain&, dma_addr, phys_addr, uint64_t size, uint64_t count, int,
                  uint64_t& mapped) override {
      mapped += size * count;
      return 0;
    }
    uint64_t unmap_pages(iommu_domain&, dma_addr, uint64_t size, uint64_t count,
                         iommu_iotlb_gather&) override {
      return size * count;
    }
    phys_addr iova_to_phys(iommu_domain&, dma_addr) override { return phys_addr(0x1000); }
    void free(iommu_domain&) override {}
  } ops;
  s.domain().ops = &ops;
  std::vector<std::vector<dma_addr>> mapped(threads);
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int round = 0; round < 400; ++round) {
        const uint64_t size = page_size << (round % 4);
        const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x100000), 0, size, both);
        if (round % 8 == 0) {
          mapped[t].push_back(dma);
        } else {
          dma_unmap_page(s.dev(), dma, size, both);
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::set<uint64_t> all;
  size_t count = 0;
  for (const auto& list : mapped) {
    for (const dma_addr dma : list) all.insert(dma.value());
    count += list.size();
  }
  EXPECT_EQ(all.size(), count);
  EXPECT_EQ(count, threads * 50u);
  s.sys.env.clock.advance(4 * ns_per_jiffy);
  EXPECT_EQ(waiting_iovas(s.cookie()), 0u);
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
