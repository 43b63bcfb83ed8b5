// SPDX-License-Identifier: GPL-2.0-only
//
// 6.1's IOMMU core over a driver without hardware: what is written into a group's `type`. Expected:
// Linux v6.1 drivers/iommu/iommu.c, iommu_group_store_type() and iommu_change_dev_def_domain().
#include <cerrno>

#include "early_system.h"

namespace iommulab::v6_1::core_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

/// One device, in its default domain A.
struct lone_system : early_system {
  explicit lone_system(iommu_domain_type wanted = iommu_domain_type::blocked)
      : early_system({endpoint(at(0, 3)).build()}) {
    driver.wanted["00:03.0"] = wanted;
    start_well();
  }
  [[nodiscard]] iommu_group& own() const { return group(at(0, 3)); }
};

TEST(group_type_6_1, a_new_domain_takes_the_old_ones_place) {
  lone_system s;
  s.driver.regions["00:03.0"] = {
      {phys_addr(0x1000), 0x1000, iommu_read, v6_12::iommu_resv_type::direct}};
  EXPECT_EQ(s.write_type(0, "DMA\n"), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("alloc DMA", "map B 1000 1000 1000*1 prot 1", "flush all B",
                          "attach B 00:03.0", "finalize 00:03.0", "free A"));
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_EQ(s.own().domain, s.own().default_domain);
  EXPECT_EQ(s.dma.cookies, 1);
  EXPECT_EQ(s.write_type(0, "identity"), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("alloc identity", "attach C 00:03.0", "finalize 00:03.0", "free B"));
  EXPECT_EQ(s.write_type(0, "auto"), 0) << "the system's";
  EXPECT_EQ(s.read("0/type"), "DMA-FQ\n");
  s.driver.take_calls();
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), 0);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty()) << "it is of that type";
}

TEST(group_type_6_1, only_a_queue_is_added_while_the_domain_is_in_use) {
  lone_system s(dma);
  s.driver.wanted.clear();
  device& dev = s.dev(at(0, 3));
  dev.driver = "e1000e";
  EXPECT_EQ(s.write_type(0, "identity"), -EBUSY);
  EXPECT_EQ(s.write_type(0, "DMA"), -EBUSY);
  EXPECT_THAT(s.log(), Contains("iommu: Device is still bound to driver").Times(2));
  s.dma.init_fq_result = -ENOMEM;
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), -ENOMEM);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  s.dma.init_fq_result = 0;
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), 0);
  EXPECT_EQ(s.read("0/type"), "DMA-FQ\n");
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), -EBUSY) << "there is no queue to add";
}

TEST(group_type_6_1, a_device_may_insist) {
  lone_system s(identity);
  EXPECT_EQ(s.write_type(0, "DMA"), -EINVAL);
  EXPECT_EQ(s.log().back(), "pci 0000:00:03.0: Device cannot be in Translated domain");
  EXPECT_EQ(s.write_type(0, "identity"), 0);
  EXPECT_EQ(s.write_type(0, "auto"), 0);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  EXPECT_EQ(s.read("0/type"), "identity\n");
  s.driver.wanted["00:03.0"] = dma;
  EXPECT_EQ(s.write_type(0, "auto"), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), -EINVAL) << "not the same as DMA";
  EXPECT_EQ(s.write_type(0, "identity"), -EINVAL);
  EXPECT_EQ(s.log().back(), "pci 0000:00:03.0: Device cannot be in Passthrough domain");
}

TEST(group_type_6_1, who_may_write_what) {
  lone_system s;
  for (const bool is_admin : {true, false}) {
    s.iommu.cap_sys_admin = is_admin;
    s.iommu.cap_sys_rawio = !is_admin;
    EXPECT_EQ(s.write_type(0, "DMA"), -EACCES);
  }
  s.iommu.cap_sys_admin = s.iommu.cap_sys_rawio = true;
  EXPECT_EQ(s.write_type(0, "blocked"), -EINVAL);
  EXPECT_EQ(s.write_type(0, ""), -EINVAL);
  v6_12::iommu_domain* domain = v6_12::iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_EQ(v6_12::iommu_attach_device(*domain, s.dev(at(0, 3))), 0);
  EXPECT_EQ(s.write_type(0, "DMA"), -EBUSY);
  EXPECT_EQ(s.log().back(), "pci 0000:00:03.0: Group not assigned to default domain");
  v6_12::iommu_detach_device(*domain, s.dev(at(0, 3)));
  EXPECT_EQ(s.read("0/type"), "DMA-FQ\n");

  early_system pair(one_group_of(2));
  pair.start_well();
  EXPECT_EQ(pair.write_type(0, "DMA"), -EINVAL);
  EXPECT_EQ(pair.log().back(),
            "iommu: Cannot change default domain: Group has more than one device");
  EXPECT_THAT(pair.driver.take_calls(), IsEmpty());

  early_system none(one_group_of(1));
  none.driver.cannot_make = {dma, iommu_domain_type::dma_fq};
  none.start_well();
  EXPECT_EQ(none.write_type(0, "identity"), -EINVAL);
  EXPECT_THAT(none.driver.take_calls(), IsEmpty());
}

// free_new_domain
TEST(group_type_6_1, a_domain_that_does_not_come_up_leaves_the_old_one) {
  lone_system s;
  iommulab::iommu_domain* old = s.own().default_domain;
  const auto is_as_before = [&] {
    EXPECT_EQ(s.own().default_domain, old);
    EXPECT_EQ(s.own().domain, old);
    EXPECT_EQ(s.read("0/type"), "DMA-FQ\n");
    EXPECT_EQ(s.dma.cookies, 1);
  };
  s.driver.cannot_make = {dma, identity};
  EXPECT_EQ(s.write_type(0, "identity"), -ENOMEM);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("alloc identity", "alloc DMA"));
  is_as_before();

  s.driver.cannot_make.clear();
  s.driver.attach_refusal["B 00:03.0"] = -EIO;
  EXPECT_EQ(s.write_type(0, "DMA"), -EIO);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("alloc DMA", "flush all B", "attach B 00:03.0 = -5", "free B"));
  is_as_before();

  s.driver.attach_refusal.clear();
  s.driver.regions["00:03.0"] = {
      {phys_addr(0x1000), 0x1000, iommu_read, v6_12::iommu_resv_type::direct}};
  s.driver.map_failure_at = 0;
  EXPECT_EQ(s.write_type(0, "DMA"), -ENOMEM);
  EXPECT_EQ(s.driver.calls.back(), "free C");
  EXPECT_THAT(s.driver.calls, testing::Not(Contains("attach C 00:03.0")));
  s.driver.take_calls();
  is_as_before();

  // A type that the driver does not make becomes one that it does.
  s.driver.cannot_make = {identity};
  EXPECT_EQ(s.write_type(0, "identity"), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
}

}  // namespace
}  // namespace iommulab::v6_1::core_test
