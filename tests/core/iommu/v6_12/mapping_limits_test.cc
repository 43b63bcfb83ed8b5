// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: which pages a mapping is made of, what a
// failure leaves, domains that are allocated. Expected: Linux v6.12 drivers/iommu/iommu.c, by the
// functions named; the driver has pages of 4 KiB, 2 MiB and 1 GiB.
#include <cerrno>
#include <string>
#include <vector>

#include "core/iommu/v6_12/iommu_api.h"
#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t large = 0x200000;
constexpr uint64_t huge = 0x40000000;

/// Counts and does not map, so that sizes cost nothing.
class counting_ops final : public iommu_domain_ops {
 public:
  int attach_dev(iommu_domain&, device&) override { return 0; }
  int map_pages(iommu_domain&, dma_addr iova, phys_addr, uint64_t pgsize, uint64_t count, int,
                uint64_t& mapped) override {
    runs.push_back(absl::StrFormat("%x %x*%d", iova.value(), pgsize, count));
    mapped += pgsize * count;
    return 0;
  }
  uint64_t unmap_pages(iommu_domain&, dma_addr iova, uint64_t pgsize, uint64_t count,
                       iommu_iotlb_gather&) override {
    runs.push_back(absl::StrFormat("%x %x*%d", iova.value(), pgsize, count));
    return pgsize * count;
  }
  std::vector<std::string> runs;
};

struct counting_system : mapped_system {
  counting_system() { domain->ops = &ops; }
  ~counting_system() {
    domain->ops = &driver;
    iommu_domain_free(*domain);
  }
  counting_system(const counting_system&) = delete;
  counting_system& operator=(const counting_system&) = delete;
  std::vector<std::string> runs(uint64_t iova, uint64_t paddr, uint64_t size) {
    EXPECT_EQ(iommu_map(*domain, dma_addr(iova), phys_addr(paddr), size, 3), 0);
    return std::exchange(ops.runs, {});
  }
  counting_ops ops;
};

// iommu_pgsize()
TEST(iommu_pages, the_largest_that_fit) {
  counting_system s;
  EXPECT_THAT(s.runs(0, 0, huge), ElementsAre("0 40000000*1"));
  EXPECT_THAT(s.runs(0, 0, huge - 0x1000), ElementsAre("0 200000*511", "3fe00000 1000*511"));
  EXPECT_THAT(s.runs(huge, 0, 2 * huge), ElementsAre("40000000 40000000*2"));
  EXPECT_THAT(s.runs(0x1000, 0x1000, 0x1000), ElementsAre("1000 1000*1"));
  // Up to a larger page that fits behind, exactly or not at all.
  EXPECT_THAT(s.runs(huge - large, huge - large, large + huge),
              ElementsAre("3fe00000 200000*1", "40000000 40000000*1"));
  EXPECT_THAT(s.runs(huge - large, huge - large, huge), ElementsAre("3fe00000 200000*512"));
  EXPECT_THAT(s.runs(large - 0x1000, large - 0x1000, 0x1000 + large),
              ElementsAre("1ff000 1000*1", "200000 200000*1"));
  EXPECT_THAT(s.runs(large - 0x1000, large - 0x1000, large), ElementsAre("1ff000 1000*512"));
  // Addresses that lie alike in 2 MiB and not in 1 GiB.
  EXPECT_THAT(s.runs(0, large, huge), ElementsAre("0 200000*512"));
  EXPECT_THAT(s.runs(0, 0x1000, 2 * large), ElementsAre("0 1000*1024"));
  // Unmapping goes by the address alone.
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(huge - large), large + huge), large + huge);
  EXPECT_THAT(s.ops.runs, ElementsAre("3fe00000 200000*1", "40000000 40000000*1"));
}

TEST(iommu_pages, of_one_size_only) {
  counting_system s;
  s.domain->pgsize_bitmap = 0x1000;
  EXPECT_THAT(s.runs(0, 0, large), ElementsAre("0 1000*512"));
  s.domain->pgsize_bitmap = large;
  EXPECT_THAT(s.runs(0, 0, large), ElementsAre("0 200000*1"));
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0), large, 3), -EINVAL);
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0), phys_addr(0x1000), large, 3), -EINVAL);
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0), 0x1000), 0u);
  EXPECT_EQ(s.log().back(), "iommu: unaligned: iova 0x0 size 0x1000 min_pagesz 0x200000");
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0x1000), large), 0u);
  EXPECT_THAT(s.ops.runs, IsEmpty());
}

// __iommu_map(), __iommu_unmap()
TEST(iommu_pages, of_no_size_or_in_no_tables) {
  counting_system s;
  s.domain->pgsize_bitmap = 0;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0), phys_addr(0), 0x1000, 3), -ENODEV);
  EXPECT_EQ(s.warnings("__iommu_map"), 1);
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0), 0x1000), 0u);
  EXPECT_EQ(s.warnings("__iommu_unmap"), 1);
  s.domain->pgsize_bitmap = 0x1000;
  s.domain->type = iommu_domain_type::blocked;
  EXPECT_EQ(iommu_map(*s.domain, dma_addr(0), phys_addr(0), 0x1000, 3), -EINVAL);
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0), 0x1000), 0u);
  EXPECT_EQ(iommu_iova_to_phys(*s.domain, dma_addr(0x1234)), phys_addr(0));
  EXPECT_THAT(s.ops.runs, IsEmpty());
  s.domain->type = iommu_domain_type::unmanaged;
}

TEST(iommu_pages, an_unmap_ends_at_a_hole) {
  mapped_system s;
  ASSERT_EQ(iommu_map(*s.domain, dma_addr(0x1000), phys_addr(0x1000), 0x2000, 3), 0);
  ASSERT_EQ(iommu_map(*s.domain, dma_addr(0x4000), phys_addr(0x4000), 0x1000, 3), 0);
  s.driver.take_calls();
  EXPECT_EQ(iommu_unmap(*s.domain, dma_addr(0x1000), 0x4000), 0x2000u);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("unmap U 1000 1000*4", "unmap U 3000 1000*2", "sync U 1000-2fff"));
  EXPECT_EQ(s.domain->pages.size(), 1u);
  // The gather of the fast one is the caller's.
  iommu_iotlb_gather gather;
  EXPECT_EQ(iommu_unmap_fast(*s.domain, dma_addr(0x4000), 0x1000, gather), 0x1000u);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("unmap U 4000 1000*1"));
  EXPECT_EQ(gather.start, dma_addr(0x4000));
  gather.queued = true;
  gather.freelist.push_back(phys_addr(0x9000));
  iommu_iotlb_sync(*s.domain, gather);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("sync U 4000-4fff"));
  EXPECT_EQ(gather.start, dma_addr(UINT64_MAX));
  EXPECT_EQ(gather.end, dma_addr(0));
  EXPECT_EQ(gather.pgsize, 0u);
  EXPECT_FALSE(gather.queued);
  EXPECT_TRUE(gather.freelist.empty());
  iommu_flush_iotlb_all(*s.domain);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("flush all U"));
  iommu_domain_free(*s.domain);
}

/// A driver that makes paging domains for a device.
class paging_ops final : public iommu_ops {
 public:
  explicit paging_ops(fake_driver& driver) : driver_(driver) {
    default_domain_ops = &driver;
    iommu_ops::pgsize_bitmap = 0x1000;
  }
  iommu_device* probe_device(device& dev, int& error) override {
    return driver_.probe_device(dev, error);
  }
  iommu_group* device_group(device& dev, int& error) override {
    return pci_device_group(dev, error);
  }
  iommu_domain* domain_alloc(iommu_domain_type type) override { return driver_.domain_alloc(type); }
  iommu_domain* domain_alloc_paging(device& dev) override {
    driver_.calls.push_back("alloc paging " + short_name(dev));
    driver_.domains.push_back(std::make_unique<fake_domain>());
    driver_.domains.back()->pgsize_bitmap = 0x3000;
    return driver_.domains.back().get();
  }
  [[nodiscard]] bool allocates_paging() const override { return true; }

 private:
  fake_driver& driver_;
};

// __iommu_domain_alloc(), iommu_paging_domain_alloc()
TEST(iommu_domain_alloc, asks_the_driver_in_its_way) {
  core_system s({endpoint(at(0, 3)).build(), endpoint(at(0, 4)).build()});
  int error = 0;
  EXPECT_EQ(iommu_domain_alloc(s.iommu, s.sys.bus), nullptr) << "nobody has a unit";
  EXPECT_EQ(iommu_paging_domain_alloc(s.dev(at(0, 3)), error), nullptr);
  EXPECT_EQ(error, -ENODEV);
  s.driver.foreign = {"00:03.0"};
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  iommu_domain* domain = iommu_paging_domain_alloc(s.dev(at(0, 4)), error);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(domain->type, iommu_domain_type::unmanaged);
  EXPECT_EQ(domain->pgsize_bitmap, 0x40201000u);
  EXPECT_EQ(domain->owner, &s.driver);
  EXPECT_EQ(s.dma.cookies, 1) << "an owner has his own addresses";
  domain->free();
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("alloc unmanaged", "free B"));
  s.driver.cannot_make = {iommu_domain_type::unmanaged};
  EXPECT_EQ(iommu_paging_domain_alloc(s.dev(at(0, 4)), error), nullptr);
  EXPECT_EQ(error, -ENOMEM);
  EXPECT_EQ(iommu_domain_alloc(s.iommu, s.sys.bus), nullptr);

  core_system paging({endpoint(at(0, 3)).build()});
  paging_ops ops(paging.driver);
  ASSERT_EQ(iommu_subsys_init(paging.iommu), 0);
  ASSERT_EQ(iommu_device_sysfs_add(paging.sys.iommu, paging.driver.unit, "dmar0", "x", {}), 0);
  ASSERT_EQ(iommu_device_register(paging.iommu, paging.driver.unit, ops), 0);
  EXPECT_THAT(paging.driver.take_calls(), testing::Contains("alloc paging 00:03.0"));
  EXPECT_EQ(static_cast<iommu_domain*>(paging.dev(at(0, 3)).group->default_domain)->pgsize_bitmap,
            0x3000u)
      << "what the driver has set stays";
  EXPECT_EQ(paging.write_type(0, "identity"), 0);
  EXPECT_EQ(paging.driver.calls.front(), "alloc identity") << "no paging one";
}

TEST(iommu_api_6_12, capabilities_are_the_first_devices) {
  core_system s({endpoint(at(0, 3)).build(), endpoint(at(0, 4)).build()});
  class capable_ops final : public iommu_ops {
   public:
    explicit capable_ops(fake_driver& driver) : driver_(driver) {
      default_domain_ops = &driver;
      iommu_ops::pgsize_bitmap = 0x1000;
    }
    bool capable(device& dev, iommu_cap cap) override {
      return short_name(dev) == "00:04.0" && cap == has;
    }
    iommu_device* probe_device(device& dev, int& error) override {
      return driver_.probe_device(dev, error);
    }
    iommu_group* device_group(device& dev, int& error) override {
      return pci_device_group(dev, error);
    }
    iommu_domain* domain_alloc(iommu_domain_type type) override {
      return driver_.domain_alloc(type);
    }
    iommu_cap has = iommu_cap::cache_coherency;

   private:
    fake_driver& driver_;
  } ops(s.driver);
  iommu_api api(s.iommu, s.sys.bus);
  EXPECT_FALSE(api.capable(iommulab::iommu_cap::cache_coherency)) << "nobody has a unit";
  EXPECT_FALSE(device_iommu_capable(s.dev(at(0, 4)), iommu_cap::cache_coherency));
  s.driver.foreign = {"00:03.0"};
  ASSERT_EQ(iommu_subsys_init(s.iommu), 0);
  ASSERT_EQ(iommu_device_sysfs_add(s.sys.iommu, s.driver.unit, "dmar0", "x", {}), 0);
  ASSERT_EQ(iommu_device_register(s.iommu, s.driver.unit, ops), 0);
  EXPECT_TRUE(api.capable(iommulab::iommu_cap::cache_coherency));
  EXPECT_FALSE(api.capable(iommulab::iommu_cap::noexec));
  ops.has = iommu_cap::noexec;
  EXPECT_TRUE(api.capable(iommulab::iommu_cap::noexec));
  EXPECT_FALSE(api.capable(iommulab::iommu_cap::cache_coherency));
  EXPECT_FALSE(api.capable(iommulab::iommu_cap::intr_remap)) << "no capability of 6.12's";
  iommulab::iommu_domain* domain = api.domain_alloc();
  s.driver.take_calls();
  api.domain_free(*domain);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("free B"));
  EXPECT_EQ(api.get_domain_for_dev(s.dev(at(0, 3))), nullptr);
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
