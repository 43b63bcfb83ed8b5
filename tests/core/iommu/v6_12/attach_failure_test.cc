// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: attaches that are refused, and what is put
// back. Expected: Linux v6.12 drivers/iommu/iommu.c, by the functions named.
#include <cerrno>

#include "core/iommu/v6_12/group.h"
#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Three functions in one group, in its default domain A, and a domain U of somebody's.
struct grouped_system : core_system {
  grouped_system()
      : core_system({endpoint(at(0, 4, 0)).multifunction().build(),
                     endpoint(at(0, 4, 1)).multifunction().build(),
                     endpoint(at(0, 4, 2)).multifunction().build()}) {
    EXPECT_EQ(start(), 0);
    domain = static_cast<fake_domain*>(iommu_domain_alloc(iommu, sys.bus));
    domain->label = "U";
    driver.take_calls();
  }
  ~grouped_system() { iommu_domain_free(*domain); }
  grouped_system(const grouped_system&) = delete;
  grouped_system& operator=(const grouped_system&) = delete;
  [[nodiscard]] iommu_group& group() const { return *dev(at(0, 4)).group; }
  fake_domain* domain;
};

// __iommu_group_set_domain_internal(), err_revert: up to the one that refused, that one included.
TEST(iommu_attach, a_refusal_brings_back_who_had_been_attached) {
  grouped_system s;
  s.driver.attach_refusal["U 00:04.1"] = -EIO;
  EXPECT_EQ(iommu_attach_group(*s.domain, s.group()), -EIO);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach U 00:04.0", "attach U 00:04.1 = -5",
                                                 "attach A 00:04.0", "attach A 00:04.1"));
  EXPECT_EQ(s.group().domain, s.group().default_domain);
  EXPECT_EQ(s.warnings("__iommu_group_set_domain_internal"), 0);
  s.driver.attach_refusal["A 00:04.0"] = -ENOMEM;
  EXPECT_EQ(iommu_attach_group(*s.domain, s.group()), -EIO);
  EXPECT_EQ(s.driver.calls.back(), "attach A 00:04.1") << "and the others all the same";
  EXPECT_EQ(s.warnings("__iommu_group_set_domain_internal"), 1);
}

// IOMMU_SET_DOMAIN_MUST_SUCCEED: all devices are tried, and who refuses is blocked.
TEST(iommu_attach, a_default_domain_that_refuses_is_warned_of) {
  grouped_system s;
  ASSERT_EQ(iommu_attach_group(*s.domain, s.group()), 0);
  s.driver.take_calls();
  s.driver.attach_refusal["A 00:04.1"] = -EIO;
  iommu_detach_group(*s.domain, s.group());
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("attach A 00:04.0", "attach A 00:04.1 = -5", "attach A 00:04.2"));
  EXPECT_EQ(s.warnings("__iommu_group_set_domain_nofail"), 1);
  EXPECT_EQ(s.group().domain, s.group().default_domain);

  int owner = 0;
  s.driver.attach_refusal.clear();
  ASSERT_EQ(iommu_group_claim_dma_owner(s.group(), &owner), 0);
  s.driver.take_calls();
  s.driver.attach_refusal["A 00:04.1"] = -EIO;
  iommu_group_release_dma_owner(s.group());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach A 00:04.0", "attach A 00:04.1 = -5",
                                                 "attach blocked 00:04.1", "attach A 00:04.2"));
  EXPECT_EQ(s.warnings("__iommu_group_set_domain_nofail"), 2);
  // A blocking domain that refuses is not tried a second time.
  ASSERT_EQ(iommu_attach_group(*s.domain, s.group()), 0);
  state_of(s.group()).owner = &owner;
  s.driver.attach_refusal = {{"blocked 00:04.2", -EIO}};
  s.driver.take_calls();
  iommu_detach_group(*s.domain, s.group());
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach blocked 00:04.0", "attach blocked 00:04.1",
                                                 "attach blocked 00:04.2 = -5"));
  state_of(s.group()).owner = nullptr;
}

TEST(iommu_attach, only_a_domain_of_the_devices_driver) {
  grouped_system s;
  s.domain->owner = nullptr;
  EXPECT_EQ(iommu_attach_group(*s.domain, s.group()), -EINVAL);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  s.domain->owner = &s.driver;
  EXPECT_EQ(iommu_attach_group(*s.domain, s.group()), 0);
  EXPECT_EQ(iommu_attach_group(*s.domain, s.group()), -EBUSY);
  s.driver.take_calls();
  EXPECT_EQ(iommu_group_replace_domain(s.group(), s.domain), 0);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty()) << "it is there";
  EXPECT_EQ(iommu_group_replace_domain(s.group(), nullptr), -EINVAL);
  EXPECT_EQ(s.warnings("__iommu_group_set_domain_internal"), 0);
  EXPECT_EQ(core_of_6_12().set_domain(s.group(), nullptr), -EINVAL);
  EXPECT_EQ(s.warnings("__iommu_group_set_domain_internal"), 1);
  iommu_detach_group(*s.domain, s.group());
}

// iommu_detach_device()
TEST(iommu_attach, a_detach_of_something_else_is_warned_of) {
  grouped_system s;
  device& dev = s.dev(at(0, 4));
  iommu_domain& own = *static_cast<iommu_domain*>(s.group().domain);
  iommu_detach_device(own, dev);
  EXPECT_EQ(s.warnings("iommu_detach_device"), 1) << "three members";
  s.sys.pci->remove(s.sys.dev(at(0, 4, 1)));
  s.sys.pci->remove(s.sys.dev(at(0, 4, 2)));
  iommu_detach_device(*s.domain, dev);
  EXPECT_EQ(s.warnings("iommu_detach_device"), 2) << "another domain";
  s.driver.take_calls();
  iommu_detach_device(own, dev);
  EXPECT_EQ(s.warnings("iommu_detach_device"), 2);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty()) << "it stays where it belongs";

  core_system none({endpoint(at(0, 3)).build()});
  iommu_detach_device(own, none.dev(at(0, 3)));
  EXPECT_EQ(none.warnings("iommu_detach_device"), 0);
  EXPECT_EQ(iommu_get_domain_for_dev(none.dev(at(0, 3))), nullptr);
}

// __iommu_device_set_domain(): the default domain waits with the device, any other does not.
TEST(iommu_attach, what_waits_for_its_first_mapping) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.deferred = true;
  ASSERT_EQ(s.start(), 0);
  device& dev = s.dev(at(0, 3));
  EXPECT_TRUE(dev.iommu->attach_deferred);
  s.driver.take_calls();
  s.driver.attach_refusal["00:03.0"] = -EIO;
  EXPECT_EQ(iommu_deferred_attach(dev, iommu_get_dma_domain(dev)), -EIO);
  EXPECT_TRUE(dev.iommu->attach_deferred);
  s.driver.attach_refusal.clear();
  s.driver.take_calls();
  iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
  ASSERT_EQ(iommu_attach_device(*domain, dev), 0);
  EXPECT_FALSE(dev.iommu->attach_deferred);
  iommu_detach_device(*domain, dev);
  EXPECT_THAT(s.driver.take_calls(),
              ElementsAre("alloc unmanaged", "attach B 00:03.0", "attach A 00:03.0"));
  iommu_domain_free(*domain);
  device without_unit;
  without_unit.bus = &s.sys.bus;
  EXPECT_EQ(iommu_deferred_attach(without_unit, iommu_get_dma_domain(dev)), 0);
}

// What the firmware goes on using must stay mapped: neither kind of blocking domain will do.
TEST(iommu_attach, a_device_with_a_direct_region_is_not_cut_off) {
  for (const bool has_blocked : {true, false}) {
    core_system s({endpoint(at(0, 3)).build()});
    s.driver.regions["00:03.0"] = {{phys_addr(0x1000), 0x1000, 3, iommu_resv_type::direct}};
    if (!has_blocked) {
      s.driver.blocked_domain = nullptr;
      s.driver.cannot_make = {iommu_domain_type::blocked};
    }
    ASSERT_EQ(s.start(), 0);
    int owner = 0;
    s.driver.take_calls();
    EXPECT_EQ(iommu_group_claim_dma_owner(*s.dev(at(0, 3)).group, &owner), -EINVAL);
    if (has_blocked) {
      EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach A 00:03.0"));
    } else {
      EXPECT_THAT(s.driver.take_calls(),
                  ElementsAre("alloc blocked", "alloc unmanaged", "attach A 00:03.0"));
    }
    iommu_domain* domain = iommu_domain_alloc(s.iommu, s.sys.bus);
    EXPECT_EQ(iommu_attach_device(*domain, s.dev(at(0, 3))), 0) << "a user's own may be";
    iommu_detach_device(*domain, s.dev(at(0, 3)));
    iommu_domain_free(*domain);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
