// SPDX-License-Identifier: GPL-2.0-only
//
// 6.1's IOMMU core over a driver without hardware: which domain a group is in, and whose it is.
// Expected: Linux v6.1 drivers/iommu/iommu.c, by the functions named.
#include <cerrno>

#include "early_system.h"

namespace iommulab::v6_1::core_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// With a pair of functions in one group, in its default domain A, and a domain U of somebody's.
struct paired_system : early_system {
  explicit paired_system(bool has_default_domain = true) : early_system(one_group_of(2)) {
    if (!has_default_domain) {
      driver.cannot_make = {iommu_domain_type::dma, iommu_domain_type::dma_fq};
    }
    start_well();
    domain = static_cast<v6_12::fake_domain*>(v6_12::iommu_domain_alloc(iommu, sys.bus));
    domain->label = "U";
    driver.take_calls();
  }
  [[nodiscard]] iommu_group& pair() const { return group(at(0, 4)); }
  v6_12::fake_domain* domain;
};

// __iommu_attach_group()
TEST(iommu_core_6_1, a_group_goes_from_its_own_domains_only) {
  paired_system s;
  EXPECT_EQ(v6_12::iommu_attach_device(*s.domain, s.dev(at(0, 4))), -EINVAL) << "two members";
  s.domain->owner = nullptr;  // whose domain it is, 6.1 does not look
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach U 00:04.0", "attach U 00:04.1"));
  EXPECT_EQ(s.pair().domain, s.domain);
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), -EBUSY);
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach A 00:04.0", "attach A 00:04.1"));
  int owner = 0;
  ASSERT_EQ(v6_12::iommu_group_claim_dma_owner(s.pair(), &owner), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("alloc blocked", "attach C 00:04.0", "attach C 00:04.1"));
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0) << "from the blocking one";
  s.driver.take_calls();
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach C 00:04.0", "attach C 00:04.1"))
      << "back to nowhere while the group has an owner";
  v6_12::iommu_group_release_dma_owner(s.pair());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach A 00:04.0", "attach A 00:04.1"));
}

TEST(iommu_core_6_1, a_refused_attach_brings_all_members_back) {
  paired_system s;
  s.driver.attach_refusal["U 00:04.1"] = -EIO;
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), -EIO);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach U 00:04.0", "attach U 00:04.1 = -5",
                                                 "attach A 00:04.0", "attach A 00:04.1"));
  EXPECT_EQ(s.pair().domain, s.pair().default_domain);
  EXPECT_EQ(s.warnings("__iommu_attach_group"), 0);
  // WARN(): a driver that does not take its own back leaves the group nowhere.
  s.driver.attach_refusal["A 00:04.0"] = -ENOMEM;
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), -EIO);
  EXPECT_EQ(s.warnings("__iommu_attach_group"), 1);
  EXPECT_EQ(s.pair().domain, nullptr);
  s.driver.attach_refusal.clear();
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0) << "and from there anywhere";
}

// __iommu_group_set_domain(): a group without a default domain is detached, but for devices whose
// attach waits.
TEST(iommu_core_6_1, a_group_without_a_default_domain_is_detached) {
  paired_system s(/*has_default_domain=*/false);
  s.driver.attach_refusal["U 00:04.1"] = -EIO;
  EXPECT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), -EIO);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach U 00:04.0", "attach U 00:04.1 = -5"))
      << "nowhere is where it was";
  s.driver.attach_refusal.clear();
  ASSERT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0);
  s.driver.take_calls();
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("detach U 00:04.0", "detach U 00:04.1"));
  EXPECT_EQ(s.pair().domain, nullptr);
  ASSERT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0);
  s.driver.take_calls();
  s.driver.deferred_devices = {"00:04.0"};
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("detach U 00:04.1"));
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
}

TEST(iommu_core_6_1, a_default_domain_that_refuses_is_warned_of) {
  paired_system s;
  ASSERT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0);
  s.driver.attach_refusal["A 00:04.0"] = -EIO;
  s.driver.take_calls();
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach A 00:04.0 = -5"));
  EXPECT_EQ(s.warnings("__iommu_group_set_core_domain"), 1);
  EXPECT_EQ(s.pair().domain, s.domain);
  s.driver.attach_refusal.clear();
  v6_12::iommu_detach_group(*s.domain, s.pair());
  EXPECT_EQ(s.warnings("__iommu_group_set_core_domain"), 1);
}

// iommu_group_claim_dma_owner(), __iommu_group_alloc_blocking_domain()
TEST(iommu_core_6_1, an_empty_domain_blocks_where_the_driver_has_none_that_does) {
  paired_system s;
  int owner = 0;
  s.driver.cannot_make = {iommu_domain_type::blocked, iommu_domain_type::unmanaged};
  EXPECT_EQ(v6_12::iommu_group_claim_dma_owner(s.pair(), &owner), -EINVAL);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("alloc blocked", "alloc unmanaged"));
  EXPECT_EQ(s.state(at(0, 4)).blocking_domain, nullptr);
  s.driver.cannot_make = {iommu_domain_type::blocked};
  s.driver.attach_refusal["C 00:04.1"] = -EIO;
  EXPECT_EQ(v6_12::iommu_group_claim_dma_owner(s.pair(), &owner), -EIO);
  EXPECT_FALSE(v6_12::iommu_group_dma_owner_claimed(s.pair()));
  EXPECT_EQ(s.state(at(0, 4)).owner, nullptr);
  s.driver.attach_refusal.clear();
  s.driver.take_calls();
  EXPECT_EQ(v6_12::iommu_group_claim_dma_owner(s.pair(), &owner), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach C 00:04.0", "attach C 00:04.1"))
      << "the one that was made before";
  EXPECT_EQ(v6_12::iommu_group_claim_dma_owner(s.pair(), &owner), -EPERM);
}

// iommu_device_use_default_domain(), iommu_is_default_domain()
TEST(iommu_core_6_1, drivers_may_use_the_default_domain_or_one_like_it) {
  paired_system s;
  device& dev = s.dev(at(0, 4));
  int owner = 0;
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), 0);
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), 0);
  EXPECT_EQ(s.state(at(0, 4)).owner_cnt, 2u);
  ASSERT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0);
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), -EBUSY);
  s.domain->type = iommu_domain_type::identity;
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), -EBUSY) << "the default one translates";
  const iommu_domain_type before = s.pair().default_domain->type;
  s.pair().default_domain->type = iommu_domain_type::identity;
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), 0) << "both pass through";
  s.domain->type = iommu_domain_type::unmanaged;
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), -EBUSY);
  s.pair().default_domain->type = before;
  for (int i = 0; i < 3; ++i) v6_12::iommu_device_unuse_default_domain(dev);
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), 0) << "the first is not looked at";
  v6_12::iommu_device_unuse_default_domain(dev);
  v6_12::iommu_detach_group(*s.domain, s.pair());
  ASSERT_EQ(v6_12::iommu_group_claim_dma_owner(s.pair(), &owner), 0);
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(dev), -EBUSY);
}

TEST(iommu_core_6_1, drivers_need_no_default_domain) {
  paired_system s(/*has_default_domain=*/false);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(v6_12::iommu_device_use_default_domain(s.dev(at(0, 4))), 0);
  }
  ASSERT_EQ(v6_12::iommu_attach_group(*s.domain, s.pair()), 0);
  s.domain->type = iommu_domain_type::identity;
  EXPECT_EQ(v6_12::iommu_device_use_default_domain(s.dev(at(0, 4))), -EBUSY);
}

}  // namespace
}  // namespace iommulab::v6_1::core_test
