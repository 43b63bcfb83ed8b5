// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's DMA API over a driver without hardware.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "dma/swiotlb/io_tlb.h"
#include "system.h"

namespace iommulab::v6_12::dma_iommu_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto both = dma_data_direction::bidirectional;
constexpr auto to_device = dma_data_direction::to_device;
constexpr auto from_device = dma_data_direction::from_device;
constexpr uint64_t mib = uint64_t{1} << 20;
/// The default domain that fake_driver makes first is called A.

scatterlist piece(uint64_t page, uint32_t offset, uint32_t length) {
  scatterlist sg;
  sg.page = phys_addr(page);
  sg.offset = offset;
  sg.length = length;
  return sg;
}

/// "dma:length …" of what the device sees.
std::string seen(const std::vector<scatterlist>& list, int ents) {
  std::string text;
  for (int i = 0; i < ents; ++i) {
    const scatterlist& sg = list[static_cast<size_t>(i)];
    absl::StrAppendFormat(&text, "%x:%x ", sg.dma_address.value(), sg.dma_length);
  }
  return text;
}

TEST(dma_iommu, a_page_is_mapped_where_its_offset_stays) {
  dma_system s;
  s.start();
  ASSERT_TRUE(s.dev().dma_iommu);
  const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0x800, 0x1000, from_device);
  EXPECT_EQ(dma, dma_addr(0xffffe800));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A ffffe000 5000 1000*2 prot 6"));
  dma_unmap_page(s.dev(), dma, 0x1000, from_device);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap A ffffe000 1000*2"));
  // The range waits; nothing was flushed.
  EXPECT_EQ(waiting_iovas(s.cookie()), 1u);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0, 1, to_device), dma_addr(0xffffd000));
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A ffffd000 5000 1000*1 prot 5"));
}

TEST(dma_iommu, strict_flushes_and_frees_at_once) {
  dma_system s;
  s.iommu.defaults.dma_strict = true;
  s.start();
  for (int i = 0; i < 2; ++i) {
    const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
    EXPECT_EQ(dma, dma_addr(0xfffff000));
    s.driver.take_calls();
    dma_unmap_page(s.dev(), dma, 0x1000, both);
    EXPECT_THAT(s.driver.take_calls(),
                ElementsAre("unmap A fffff000 1000*1", "sync A fffff000-ffffffff"));
  }
}

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

TEST(dma_iommu, addresses_below_4_gib_come_first) {
  dma_system s;
  s.add_recorded_windows();
  s.start();
  device& dev = s.dev();
  dev.dma_mask = UINT64_MAX;
  // All that is left below 4 GiB under fee00000h, bar the windows: 2 GiB do not fit any more.
  const phys_addr big(0);
  std::vector<scatterlist> list = {piece(0, 0, 0x70000000)};
  EXPECT_EQ(dma_map_sg(dev, absl::MakeSpan(list), both), 1);
  EXPECT_GT(list[0].dma_address, dma_addr(0xffffffff));
  EXPECT_EQ(list[0].dma_address.value() & 0x7fffffff, 0u) << "aligned to its power of two";
  EXPECT_LT(list[0].dma_address, dma_addr(uint64_t{1} << 39));
  EXPECT_THAT(s.log(), testing::Contains("pci 0000:00:04.0: Using 39-bit DMA addresses"));
  // From now on the device has them from the top.
  EXPECT_FALSE(dev.iommu->pci_32bit_workaround);
  EXPECT_GT(dma_map_page(dev, big, 0, 0x1000, both), dma_addr(0xffffffff));
}

TEST(dma_iommu, forcedac_gives_the_highest_address_and_a_small_mask_bounds_it) {
  dma_system s({.forcedac = true});
  s.start();
  device& dev = s.dev();
  dev.dma_mask = UINT64_MAX;
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x5000), 0, 0x1000, both), dma_addr(0x7ffffff000));
  dev.dma_mask = dma_bit_mask(24);
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x5000), 0, 0x1000, both), dma_addr(0xfff000));

  command_line line;
  dma_iommu_parameters parameters;
  environment env;
  add_iommu_dma_early_params(line, parameters, env.log);
  line.dispatch_early("iommu.forcedac=1", env.log);
  EXPECT_TRUE(parameters.forcedac);
  EXPECT_EQ(env.log.lines().at(0).text, "Forcing DAC for PCI devices");
}

TEST(dma_iommu, reserved_regions_and_windows_are_not_given_out) {
  dma_system s;
  s.add_recorded_windows();
  s.driver.regions["00:04.0"] = {
      {phys_addr(0x100000), 0x100000, 3, iommu_resv_type::direct_relaxable}};
  s.start();
  const auto ranges = s.cookie().iovad.ranges->ranges();
  std::vector<std::string> reserved;
  for (const iova_range& r : ranges) reserved.push_back(absl::StrFormat("%x-%x", r.lo, r.hi));
  EXPECT_THAT(reserved, testing::IsSupersetOf({"a0-bf", "100-1ff", "40000-affff", "c0000-febff",
                                               "fee00-feeff", "100000-8fffff"}));
  // The unit takes messages of interrupts itself: the doorbells are where they are.
  EXPECT_EQ(s.cookie().msi_page_list.size(), 256u);
  std::optional<dma_addr> doorbell;
  EXPECT_EQ(iommu_dma_prepare_msi(s.mapping.iommu(), s.dev(), phys_addr(0xfee01000), doorbell), 0);
  EXPECT_EQ(doorbell, dma_addr(0xfee01000));
}

TEST(dma_iommu, a_list_is_one_range) {
  dma_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x5000, 0x200, 0xe00), piece(0x9000, 0, 0x1000),
                                   piece(0x20000, 0, 0x300), piece(0x30000, 0x1100, 0x80)};
  const int ents = dma_map_sg(s.dev(), absl::MakeSpan(list), to_device);
  // 4 pages. The first three follow one another; behind the third's end nothing does.
  EXPECT_EQ(seen(list, ents), "ffffc200:2100 fffff100:80 ");
  EXPECT_THAT(
      s.driver.take_calls(),
      ElementsAre("map A ffffc000 5000 1000*1 prot 5", "map A ffffd000 9000 1000*1 prot 5",
                  "map A ffffe000 20000 1000*1 prot 5", "map A fffff000 31000 1000*1 prot 5"));
  // The pieces are what they were.
  EXPECT_EQ(list[0].offset, 0x200u);
  EXPECT_EQ(list[0].length, 0xe00u);
  EXPECT_EQ(list[3].offset, 0x1100u);
  EXPECT_EQ(list[3].length, 0x80u);
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), to_device);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap A ffffc000 1000*4"));
  EXPECT_TRUE(s.domain().pages.empty());
}

TEST(dma_iommu, pieces_are_joined_as_far_as_the_device_takes_them) {
  dma_system s;
  s.start();
  device& dev = s.dev();
  dev.dma_max_seg_size = 0x2000;
  std::vector<scatterlist> list;
  for (uint64_t i = 0; i < 5; ++i) list.push_back(piece(0x10000 + i * 0x3000, 0, 0x1000));
  int ents = dma_map_sg(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(seen(list, ents), "ffff8000:2000 ffffa000:2000 ffffc000:1000 ");
  dma_unmap_sg(dev, absl::MakeSpan(list), both);

  // A boundary every 16 KiB: the piece that would cross one begins at it.
  dev.dma_max_seg_size = UINT32_MAX;
  dev.dma_seg_boundary = 0x3fff;
  list = {piece(0x10000, 0, 0x3000), piece(0x20000, 0, 0x2000), piece(0x30000, 0, 0x1000)};
  ents = dma_map_sg(dev, absl::MakeSpan(list), both);
  EXPECT_EQ(seen(list, ents), "ffff0000:3000 ffff4000:3000 ");
  EXPECT_EQ(list[0].length, 0x3000u);
  dma_unmap_sg(dev, absl::MakeSpan(list), both);
}

TEST(dma_iommu, a_list_that_cannot_be_mapped_stays_as_it_was) {
  dma_system s;
  s.start();
  std::vector<scatterlist> list = {piece(0x5000, 0x200, 0xe00), piece(0x9000, 0, 0x1000)};
  s.driver.map_failure_at = 1;
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), to_device), 0);
  EXPECT_EQ(list[0].offset, 0x200u);
  EXPECT_EQ(list[0].length, 0xe00u);
  EXPECT_TRUE(s.domain().pages.empty());
  // The range is free again.
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x2000, both), dma_addr(0xffffe000));
}

TEST(dma_iommu, a_page_that_cannot_be_mapped_is_an_error) {
  dma_system s;
  s.start();
  s.driver.map_failure_at = 0;
  const dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  EXPECT_EQ(dma, dma_addr(UINT64_MAX));
  EXPECT_TRUE(dma_mapping_error(s.dev(), dma));
  s.slab.fail_from(1);
  EXPECT_TRUE(dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0), 0, 0x40000, both)));
  s.slab.fail_never();
  EXPECT_FALSE(dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0), 0, 0x40000, both)));
}

TEST(dma_iommu, an_unmap_of_nothing_warns) {
  dma_system s;
  s.start();
  dma_unmap_page(s.dev(), dma_addr(0x5000), 0x1000, both);
  EXPECT_THAT(s.log(), testing::Contains(HasSubstr("iommu_dma_unmap_page")));
  EXPECT_TRUE(s.driver.calls.empty());
}

TEST(dma_iommu, coherent_memory_is_a_block_that_has_one_name) {
  for (const gfp_t gfp : {gfp_kernel | gfp_direct_reclaim, gfp_atomic}) {
    dma_system s;
    s.start();
    dma_addr handle;
    const auto memory = dma_alloc_coherent(s.dev(), 0x2345, handle, gfp);
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(handle, dma_addr(0xffffc000));
    EXPECT_EQ(s.pages.live_pages(), 4u);
    EXPECT_EQ(*s.memory->object_at<uint64_t>(*memory + 0x2ff8), 0u);
    for (uint64_t at = 0; at < 0x3000; at += page_size) {
      EXPECT_EQ(iommu_iova_to_phys(s.domain(), handle + at), *memory + at);
    }
    EXPECT_EQ(s.domain().pages.size(), 3u);
    dma_free_coherent(s.dev(), 0x2345, *memory, handle);
    EXPECT_EQ(s.pages.live_pages(), 0u);
    EXPECT_TRUE(s.domain().pages.empty());
    EXPECT_TRUE(s.pages.diagnoses().empty());
  }
}

TEST(dma_iommu, scattered_pages_come_as_the_allocator_has_them) {
  dma_system s;
  s.start();
  s.mapping.iommu().take_scattered_pages(true);
  const std::vector<phys_addr> recorded = {phys_addr(0x9000), phys_addr(0x8000),
                                           phys_addr(0x20000)};
  for (const phys_addr page : recorded) ASSERT_TRUE(s.pages.hold_back(page, 0x1000).ok());
  s.pages.replay(recorded);
  dma_addr handle;
  const auto memory = dma_alloc_coherent(s.dev(), 0x3000, handle, gfp_kernel | gfp_direct_reclaim);
  EXPECT_EQ(memory, phys_addr(0x9000));
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("map A ffffc000 9000 1000*1 prot 7", "map A ffffd000 8000 1000*1 prot 7",
                          "map A ffffe000 20000 1000*1 prot 7"));
  dma_free_coherent(s.dev(), 0x3000, *memory, handle);
  EXPECT_EQ(s.pages.live_pages(), 0u);
}

TEST(dma_iommu, coherent_memory_that_cannot_be_had_costs_nothing) {
  for (const gfp_t gfp : {gfp_kernel | gfp_direct_reclaim, gfp_atomic}) {
    dma_system s;
    s.start();
    dma_addr handle;
    s.pages.fail_at(1);
    EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    s.pages.fail_at(0);
    s.driver.map_failure_at = 0;
    EXPECT_FALSE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    EXPECT_EQ(s.pages.live_pages(), 0u);
    ASSERT_TRUE(dma_alloc_coherent(s.dev(), 0x3000, handle, gfp).has_value());
    EXPECT_EQ(handle, dma_addr(0xffffc000)) << "the range had been given back";
  }
}

TEST(dma_iommu, registers_of_another_device_are_no_memory) {
  dma_system s;
  s.start();
  const dma_addr dma =
      iommu_dma_map_resource(s.mapping.iommu(), s.dev(), phys_addr(0xfe000000), 0x1000, both);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A fffff000 fe000000 1000*1 prot 19"));
  iommu_dma_unmap_resource(s.mapping.iommu(), s.dev(), dma, 0x1000, both);
  EXPECT_TRUE(s.domain().pages.empty());
}

TEST(dma_iommu, a_doorbell_of_an_owner_is_in_his_region) {
  dma_system s;
  s.start();
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  dma_iommu& dma = s.mapping.iommu();
  EXPECT_EQ(iommu_get_msi_cookie(dma, s.domain(), dma_addr(0x8000000)), -EINVAL);
  EXPECT_EQ(iommu_get_msi_cookie(dma, *domain, dma_addr(0x8000000)), 0);
  EXPECT_EQ(iommu_get_msi_cookie(dma, *domain, dma_addr(0x8000000)), -EEXIST);
  ASSERT_EQ(iommu_attach_device(*domain, s.dev()), 0);
  std::optional<dma_addr> doorbell;
  for (const auto& [phys, iova] : {std::pair<uint64_t, uint64_t>{0xfee01040, 0x8000000},
                                   {0xfee02000, 0x8001000},
                                   {0xfee01800, 0x8000000}}) {
    EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(phys), doorbell), 0);
    EXPECT_EQ(doorbell, dma_addr(iova));
  }
  s.driver.map_failure_at = 0;
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xfee03000), doorbell), -ENOMEM);
  EXPECT_EQ(iommu_dma_prepare_msi(dma, s.dev(), phys_addr(0xfee04000), doorbell), 0);
  EXPECT_EQ(doorbell, dma_addr(0x8002000)) << "what failed was given back";
  iommu_detach_device(*domain, s.dev());
  iommu_domain_free(*domain);
}

TEST(dma_iommu, pass_through_is_direct_and_a_new_type_takes_effect) {
  dma_system s;
  iommu_set_default_passthrough(s.iommu, true);
  s.start();
  EXPECT_FALSE(s.dev().dma_iommu);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0x10, 0x1000, both), dma_addr(0x5010));
  std::vector<scatterlist> list = {piece(0x5000, 0x200, 0xe00)};
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 1);
  EXPECT_EQ(list[0].dma_address, dma_addr(0x5200));
  ASSERT_TRUE(s.sys.sysfs.write("kernel/iommu_groups/0/type", "DMA-FQ\n").ok());
  EXPECT_TRUE(s.dev().dma_iommu);
  EXPECT_EQ(dma_map_page(s.dev(), phys_addr(0x5000), 0x10, 0x1000, both), dma_addr(0xffffe010));
  EXPECT_NE(s.cookie().fq_domain.load(), nullptr);
}

TEST(dma_iommu, whatever_allocation_fails_at_the_start_dma_works_or_the_device_is_refused) {
  int strict = 0, direct = 0, refused = 0;
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 1000u);
    dma_system s;
    ASSERT_EQ(iommu_subsys_init(s.iommu), 0);
    ASSERT_EQ(iommu_device_sysfs_add(s.sys.iommu, s.driver.unit, "dmar0", "intel-iommu", {}), 0);
    const uint64_t before = s.slab.allocations();
    s.slab.fail_at(n);
    const int ret = iommu_device_register(s.iommu, s.driver.unit, s.driver);
    const bool was_reached = s.slab.allocations() - before + 1 >= n;
    s.slab.fail_never();
    if (ret != 0) {
      EXPECT_EQ(ret, -ENOMEM) << n;
      ++refused;
    } else {
      const std::string type = s.sys.sysfs.read("kernel/iommu_groups/0/type").value();
      const std::vector<std::string> log = s.log();
      const auto said = [&log](std::string_view text) {
        return std::any_of(log.begin(), log.end(),
                           [text](const std::string& l) { return l.starts_with(text); });
      };
      EXPECT_EQ(type == "DMA\n",
                said("iova flush queue initialization failed") ||
                    said("iommu: Failed to allocate default IOMMU domain of type 11 for group"))
          << n;
      EXPECT_EQ(!s.dev().dma_iommu,
                said("Failed to set up IOMMU for device 0000:00:04.0; retaining platform DMA ops"))
          << n;
      if (type == "DMA\n") ++strict;
      if (!s.dev().dma_iommu) ++direct;
      EXPECT_FALSE(
          dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both)));
    }
    iommu_device_unregister(s.iommu, s.driver.unit);
    EXPECT_EQ(s.slab.live(), 0) << n;
    if (!was_reached) break;
  }
  // dev_iommu, group, member; cookie, queue; magazines and doorbells.
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(strict, 2);
  EXPECT_GT(direct, 256);
}

struct bouncing_system : dma_system {
  bouncing_system()
      : dma_system({}, 1, 256 * mib), slots(swiotlb_4_4_1(), sys.env, *memory, pages, 256) {
    slots.swiotlb_init();
    mapping.set_bounce(&slots);
  }
  io_tlb slots;
};

TEST(dma_iommu, an_untrusted_device_sees_whole_pages_or_copies) {
  bouncing_system s;
  s.sys.dev(at(0, 4)).untrusted = true;
  s.start();
  EXPECT_EQ(s.domain().type, iommu_domain_type::dma);
  std::memset(s.memory->at(phys_addr(0x5000), 0x1000), 0x77, 0x1000);
  dma_addr dma = dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, to_device);
  EXPECT_EQ(iommu_iova_to_phys(s.domain(), dma), phys_addr(0x5000));
  dma_unmap_page(s.dev(), dma, 0x1000, to_device);

  dma = dma_map_page(s.dev(), phys_addr(0x5000), 0x100, 0x40, both);
  const phys_addr copy = iommu_iova_to_phys(s.domain(), dma);
  ASSERT_TRUE(s.slots.is_swiotlb_buffer(copy));
  EXPECT_EQ(*s.memory->object_at<uint8_t>(copy), 0x77);
  // Beside the buffer the page is empty.
  EXPECT_EQ(*s.memory->object_at<uint8_t>(copy + 0x40), 0);
  *s.memory->object_at<uint8_t>(copy + 1) = 0x12;
  dma_sync_single_for_cpu(s.dev(), dma, 0x40, both);
  EXPECT_EQ(*s.memory->object_at<uint8_t>(phys_addr(0x5101)), 0x12);
  *s.memory->object_at<uint8_t>(phys_addr(0x5102)) = 0x34;
  dma_sync_single_for_device(s.dev(), dma, 0x40, both);
  EXPECT_EQ(*s.memory->object_at<uint8_t>(copy + 2), 0x34);
  *s.memory->object_at<uint8_t>(copy + 3) = 0x56;
  dma_unmap_page(s.dev(), dma, 0x40, both);
  EXPECT_EQ(*s.memory->object_at<uint8_t>(phys_addr(0x5103)), 0x56);
  EXPECT_EQ(s.slots.used_slots(), 0u);

  std::vector<scatterlist> list = {piece(0x5000, 0, 0x1000), piece(0x6000, 0x10, 0x20)};
  ASSERT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 2);
  EXPECT_EQ(s.slots.used_slots(), 1u);
  dma_unmap_sg(s.dev(), absl::MakeSpan(list), both);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  s.driver.map_failure_at = 1;
  EXPECT_EQ(dma_map_sg(s.dev(), absl::MakeSpan(list), both), 0);
  EXPECT_EQ(s.slots.used_slots(), 0u);
  EXPECT_TRUE(s.domain().pages.empty());
}

TEST(dma_iommu, without_bounce_buffers_an_untrusted_device_gets_whole_pages_only) {
  dma_system s;
  s.sys.dev(at(0, 4)).untrusted = true;
  s.start();
  EXPECT_FALSE(
      dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both)));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(
        dma_mapping_error(s.dev(), dma_map_page(s.dev(), phys_addr(0x5000), 1, 0x1000, both)));
  }
  const auto log = s.log();
  EXPECT_EQ(std::count(log.begin(), log.end(),
                       "pci 0000:00:04.0: DMA bounce buffers are inactive, unable to map unaligned "
                       "transaction."),
            1);
}

TEST(dma_direct, what_the_device_does_not_reach_is_bounced_or_an_error) {
  bouncing_system s;
  iommu_set_default_passthrough(s.iommu, true);
  s.start();
  device& dev = s.dev();
  dev.dma_mask = dev.coherent_dma_mask = dma_bit_mask(28);
  EXPECT_TRUE(dma_supported(dev, dma_bit_mask(24)));
  EXPECT_FALSE(dma_supported(dev, dma_bit_mask(20)));
  dev.dma_mask = dma_bit_mask(27);  // 128 MiB of 256; the slots are above
  const phys_addr high(200 * mib);
  s.mapping.set_bounce(nullptr);
  EXPECT_TRUE(dma_mapping_error(dev, dma_map_page(dev, high, 0, 0x1000, both)));
  EXPECT_THAT(s.log(), testing::Contains(HasSubstr("DMA addr 0x000000000c800000+4096 overflow "
                                                   "(mask 7ffffff, bus limit 0).")));
  EXPECT_EQ(dma_map_page(dev, phys_addr(0x5000), 0, 0x1000, both), dma_addr(0x5000));

  dev.coherent_dma_mask = dma_bit_mask(24);
  dma_addr handle;
  const auto low = dma_alloc_coherent(dev, 0x3000, handle, gfp_kernel | gfp_direct_reclaim);
  ASSERT_TRUE(low.has_value());
  EXPECT_LT(handle, dma_addr(16 * mib));
  EXPECT_EQ(handle.value(), low->value());
  dma_free_coherent(dev, 0x3000, *low, handle);
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

TEST(dma_iommu, a_kdump_kernel_attaches_with_the_first_mapping) {
  dma_system s({.is_kdump_kernel = true});
  s.driver.deferred = true;
  s.start();
  dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach A 00:04.0", "map A fffff000 5000 1000*1 prot 7"));
  dma_map_page(s.dev(), phys_addr(0x5000), 0, 0x1000, both);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("map A ffffe000 5000 1000*1 prot 7"));
}

}  // namespace
}  // namespace iommulab::v6_12::dma_iommu_test
