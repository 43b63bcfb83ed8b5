// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: of which type a group's default domain is, and
// how it becomes one of another.

#include <cerrno>

#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

TEST(iommu_core, a_device_may_insist_on_a_type) {
  core_system s(two_and_a_pair());
  s.driver.wanted["00:03.0"] = iommu_domain_type::identity;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "identity\n");
  EXPECT_EQ(s.read("1/type"), "DMA-FQ\n");
  EXPECT_EQ(s.write_type(0, "DMA"), -EINVAL);
  EXPECT_EQ(s.write_type(0, "auto"), 0);
}

TEST(iommu_core, members_that_contradict_each_other_pass_through) {
  core_system s(two_and_a_pair());
  s.driver.wanted["00:04.0"] = iommu_domain_type::dma;
  s.driver.wanted["00:04.1"] = iommu_domain_type::identity;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("1/type"), "identity\n");
  EXPECT_TRUE(
      s.sys.logged("requesting conflicting def_domain_type, Translated and Passthrough, "
                   "for devices in group 1."));
}

TEST(iommu_core, an_untrusted_device_is_translated_and_strict) {
  core_system s(two_and_a_pair());
  iommu_set_default_passthrough(s.iommu, true);
  s.sys.dev(at(0, 3)).untrusted = true;
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_EQ(s.read("1/type"), "identity\n");

  core_system refused(two_and_a_pair());
  refused.sys.dev(at(0, 3)).untrusted = true;
  refused.driver.wanted["00:03.0"] = iommu_domain_type::identity;
  EXPECT_EQ(refused.start(), -EINVAL);
  EXPECT_TRUE(
      refused.sys.logged("pci 0000:00:03.0: Device is not trusted, but driver is "
                         "overriding group 0 to Passthrough, refusing to probe."));
}

TEST(iommu_core, a_driver_without_the_default_type_gets_dma) {
  core_system s({endpoint(at(0, 3)).build()});
  iommu_set_default_passthrough(s.iommu, true);
  s.driver.identity_domain = nullptr;
  s.driver.cannot_make = {iommu_domain_type::identity};
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.read("0/type"), "DMA\n");
  EXPECT_TRUE(
      s.sys.logged("Failed to allocate default IOMMU domain of type 4 for group (null) - "
                   "Falling back to IOMMU_DOMAIN_DMA"));
}

TEST(iommu_core, a_type_that_cannot_be_attached_is_not_taken) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  s.driver.attach_refusal["00:04.1"] = -EIO;
  EXPECT_EQ(s.write_type(1, "DMA"), -EIO);
  EXPECT_EQ(s.read("1/type"), "DMA-FQ\n");
  // The new domain goes; the old one is tried for the device that refuses, and the kernel warns.
  EXPECT_EQ(s.driver.calls.back(), "free C");
  EXPECT_EQ(s.dma.cookies, 2);
  s.driver.attach_refusal.clear();
  s.dma.init_fq_result = -ENOMEM;
  EXPECT_EQ(s.write_type(1, "DMA\n"), 0);
  EXPECT_EQ(s.write_type(1, "DMA-FQ"), -ENOMEM);
  EXPECT_EQ(s.read("1/type"), "DMA\n");
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
