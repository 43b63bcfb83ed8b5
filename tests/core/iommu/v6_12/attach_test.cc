// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: which domain a group is in, its owners, process
// address spaces.

#include <cerrno>

#include "core/iommu/v6_12/group.h"
#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;

TEST(iommu_core, one_user_of_a_groups_dma_at_a_time) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  device& dev = s.dev(at(0, 4));
  device& sibling = s.dev(at(0, 4, 1));
  iommu_group& group = *dev.group;
  int owner = 0, other = 0;
  s.driver.take_calls();

  ASSERT_EQ(iommu_device_use_default_domain(dev), 0);
  ASSERT_EQ(iommu_device_use_default_domain(sibling), 0);
  EXPECT_EQ(iommu_group_claim_dma_owner(group, &owner), -EPERM);
  EXPECT_EQ(s.write_type(1, "identity"), -EPERM);
  iommu_device_unuse_default_domain(dev);
  EXPECT_EQ(iommu_group_claim_dma_owner(group, &owner), -EPERM);
  iommu_device_unuse_default_domain(sibling);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre());

  ASSERT_EQ(iommu_device_claim_dma_owner(dev, &owner), 0);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach blocked 00:04.0", "attach blocked 00:04.1"));
  EXPECT_EQ(iommu_device_claim_dma_owner(sibling, &other), -EPERM);
  EXPECT_EQ(iommu_device_claim_dma_owner(sibling, &owner), 0);
  EXPECT_EQ(iommu_device_use_default_domain(sibling), -EBUSY);
  EXPECT_TRUE(iommu_group_dma_owner_claimed(group));

  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(domain->type, iommu_domain_type::unmanaged);
  EXPECT_EQ(iommu_attach_device(*domain, dev), -EINVAL);
  EXPECT_EQ(iommu_attach_group(*domain, group), 0);
  iommu_domain* second = iommu_domain_alloc(s.iommu, s.sys.bus);
  EXPECT_EQ(iommu_attach_group(*second, group), -EBUSY);
  EXPECT_EQ(iommu_group_replace_domain(group, second), 0);
  s.driver.take_calls();
  // Back to nowhere as long as somebody owns the group.
  iommu_detach_group(*second, group);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach blocked 00:04.0", "attach blocked 00:04.1"));
  iommu_device_release_dma_owner(dev);
  EXPECT_TRUE(s.driver.take_calls().empty());
  iommu_device_release_dma_owner(sibling);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach B 00:04.0", "attach B 00:04.1"));
  iommu_domain_free(*second);
  iommu_domain_free(*domain);
  EXPECT_EQ(s.driver.domains.size(), 2u);

  // Without an owner a domain may be attached too, and is not disturbed by a claim.
  domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  EXPECT_EQ(iommu_attach_device(*domain, s.dev(at(0, 3))), 0);
  EXPECT_EQ(iommu_get_domain_for_dev(s.dev(at(0, 3))), domain);
  EXPECT_EQ(iommu_group_claim_dma_owner(*s.dev(at(0, 3)).group, &owner), -EBUSY);
  iommu_detach_device(*domain, s.dev(at(0, 3)));
  EXPECT_EQ(s.dev(at(0, 3)).group->domain, s.dev(at(0, 3)).group->default_domain);
  iommu_domain_free(*domain);
}

TEST(iommu_core, a_refused_attach_brings_all_members_back) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  iommu_group& group = *s.dev(at(0, 4)).group;
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  s.driver.take_calls();
  struct refusing final : iommu_domain_ops {
    fake_driver& driver;
    explicit refusing(fake_driver& d) : driver(d) {}
    int attach_dev(iommu_domain& d, device& dev) override {
      if (short_name(dev) == "00:04.1") return -EIO;
      return driver.attach_dev(d, dev);
    }
    void free(iommu_domain& d) override { driver.free(d); }
  } ops(s.driver);
  domain->ops = &ops;
  EXPECT_EQ(iommu_attach_group(*domain, group), -EIO);
  // The one that refused is put back as well.
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach C 00:04.0", "attach B 00:04.0", "attach B 00:04.1"));
  EXPECT_EQ(group.domain, group.default_domain);
  iommu_domain_free(*domain);
}

TEST(iommu_core, a_deferred_attach_waits_for_the_first_mapping) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.deferred = true;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.driver.calls.back(), "flush all A");
  device& dev = s.dev(at(0, 3));
  EXPECT_EQ(iommu_deferred_attach(dev, iommu_get_dma_domain(dev)), 0);
  EXPECT_EQ(s.driver.calls.back(), "attach A 00:03.0");
  s.driver.take_calls();
  EXPECT_EQ(iommu_deferred_attach(dev, iommu_get_dma_domain(dev)), 0);
  EXPECT_TRUE(s.driver.calls.empty());
}

TEST(iommu_core, pasids_are_attached_to_all_that_can_have_them_or_to_none) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  device& dev = s.dev(at(0, 4));
  device& sibling = s.dev(at(0, 4, 1));
  dev.iommu->max_pasids = 16;
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  iommu_attach_handle handle;
  s.driver.take_calls();
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, iommu_no_pasid, &handle), -EINVAL);
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, 16, &handle), -EINVAL);
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, 7, &handle), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("set pasid 7 C 00:04.0"));
  EXPECT_EQ(iommu_attach_device_pasid(*domain, sibling, 7, nullptr), -EBUSY);
  int error = 1;
  EXPECT_EQ(iommu_attach_handle_get(*dev.group, 7, iommu_domain_type::unmanaged, error), &handle);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(iommu_attach_handle_get(*dev.group, 7, iommu_domain_type::dma, error), nullptr);
  EXPECT_EQ(error, -EBUSY);
  // The group is not free any more.
  EXPECT_EQ(iommu_group_claim_dma_owner(*dev.group, &s), -EBUSY);

  sibling.iommu->max_pasids = 16;
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(iommu_attach_device_pasid(*domain, dev, 8, &handle), -EIO);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("set pasid 8 C 00:04.0", "set pasid 8 C 00:04.1",
                                                 "remove pasid 8 00:04.0"));
  iommu_detach_device_pasid(*domain, dev, 7);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("remove pasid 7 00:04.0", "remove pasid 7 00:04.1"));
  EXPECT_EQ(iommu_attach_handle_get(*dev.group, 7, iommu_domain_type::blocked, error), nullptr);
  EXPECT_EQ(error, -ENOENT);

  dev.iommu->max_pasids = 3;
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), 1u);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), 2u);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), iommu_pasid_invalid);
  iommu_free_global_pasid(s.iommu, 1);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, dev), 1u);
  iommu_domain_free(*domain);
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
