// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: who owns a group's DMA, process address spaces,
// attach handles. Expected: Linux v6.12 drivers/iommu/iommu.c, by the functions named.
#include <cerrno>

#include "core/iommu/v6_12/group.h"
#include "core/iommu/v6_12/structures.h"
#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct owned_system : core_system {
  owned_system() : core_system(two_and_a_pair()) {
    EXPECT_EQ(start(), 0);
    domain = static_cast<fake_domain*>(iommu_domain_alloc(iommu, sys.bus));
    domain->label = "U";
    driver.take_calls();
  }
  ~owned_system() { iommu_domain_free(*domain); }
  owned_system(const owned_system&) = delete;
  owned_system& operator=(const owned_system&) = delete;
  [[nodiscard]] device& first() const { return dev(at(0, 4)); }
  [[nodiscard]] device& second() const { return dev(at(0, 4, 1)); }
  [[nodiscard]] iommu_group& group() const { return *first().group; }
  [[nodiscard]] group_state& state() const { return state_of(group()); }
  fake_domain* domain;
  int owner = 0;
};

// iommu_group_claim_dma_owner(), iommu_device_claim_dma_owner()
TEST(iommu_owner, a_claim_names_somebody) {
  owned_system s;
  EXPECT_EQ(iommu_group_claim_dma_owner(s.group(), nullptr), -EINVAL);
  EXPECT_EQ(s.warnings("iommu_group_claim_dma_owner"), 1);
  EXPECT_EQ(iommu_device_claim_dma_owner(s.first(), nullptr), -EINVAL);
  EXPECT_EQ(s.warnings("iommu_device_claim_dma_owner"), 1);
  EXPECT_FALSE(iommu_group_dma_owner_claimed(s.group()));
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  device no_group;
  no_group.bus = &s.sys.bus;
  EXPECT_EQ(iommu_device_claim_dma_owner(no_group, &s.owner), -ENODEV);
}

TEST(iommu_owner, a_claim_that_fails_leaves_nobody) {
  owned_system s;
  s.driver.blocked_domain = nullptr;
  s.driver.cannot_make = {iommu_domain_type::blocked, iommu_domain_type::unmanaged};
  EXPECT_EQ(iommu_group_claim_dma_owner(s.group(), &s.owner), -ENOMEM);
  EXPECT_EQ(s.state().blocking_domain, nullptr);
  s.driver.cannot_make = {iommu_domain_type::blocked};
  s.driver.attach_refusal["D 00:04.1"] = -EIO;
  s.driver.take_calls();
  EXPECT_EQ(iommu_device_claim_dma_owner(s.first(), &s.owner), -EIO);
  EXPECT_EQ(s.driver.calls[0], "alloc blocked");
  EXPECT_EQ(s.driver.calls[1], "alloc unmanaged");
  EXPECT_EQ(s.state().owner, nullptr);
  EXPECT_EQ(s.state().owner_cnt, 0u);
  EXPECT_EQ(s.group().domain, s.group().default_domain);
  s.driver.attach_refusal.clear();
  s.driver.take_calls();
  EXPECT_EQ(iommu_device_claim_dma_owner(s.first(), &s.owner), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("attach D 00:04.0", "attach D 00:04.1"))
      << "the empty domain is kept";
  iommu_device_release_dma_owner(s.first());
  // Somebody's domain keeps claims out.
  ASSERT_EQ(iommu_attach_group(*s.domain, s.group()), 0);
  EXPECT_EQ(iommu_group_claim_dma_owner(s.group(), &s.owner), -EBUSY);
  iommu_detach_group(*s.domain, s.group());
}

// __iommu_release_dma_ownership()
TEST(iommu_owner, only_an_owner_releases) {
  owned_system s;
  iommu_group_release_dma_owner(s.group());
  EXPECT_EQ(s.warnings("__iommu_release_dma_ownership"), 1);
  ASSERT_EQ(iommu_device_use_default_domain(s.first()), 0);
  iommu_group_release_dma_owner(s.group());
  iommu_device_release_dma_owner(s.first());
  EXPECT_EQ(s.warnings("__iommu_release_dma_ownership"), 3) << "a driver is no owner";
  EXPECT_EQ(s.state().owner_cnt, 1u);
  iommu_device_unuse_default_domain(s.first());
  ASSERT_EQ(iommu_device_claim_dma_owner(s.first(), &s.owner), 0);
  ASSERT_EQ(iommu_device_claim_dma_owner(s.second(), &s.owner), 0);
  EXPECT_EQ(s.state().owner_cnt, 2u);
  s.first().iommu->max_pasids = 16;
  ASSERT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 1, nullptr), 0);
  iommu_group_release_dma_owner(s.group());
  EXPECT_EQ(s.warnings("__iommu_release_dma_ownership"), 4) << "an address space is attached";
  EXPECT_EQ(s.state().owner, &s.owner);
  iommu_detach_device_pasid(*s.domain, s.first(), 1);
  iommu_group_release_dma_owner(s.group());
  EXPECT_EQ(s.warnings("__iommu_release_dma_ownership"), 4);
  EXPECT_FALSE(iommu_group_dma_owner_claimed(s.group())) << "all claims at once";
  EXPECT_EQ(s.group().domain, s.group().default_domain);
}

// iommu_device_use_default_domain(), iommu_device_unuse_default_domain()
TEST(iommu_owner, drivers_use_the_default_domain_alone) {
  owned_system s;
  iommu_device_unuse_default_domain(s.first());
  EXPECT_EQ(s.warnings("iommu_device_unuse_default_domain"), 1);
  EXPECT_EQ(s.state().owner_cnt, 0u);
  ASSERT_EQ(iommu_attach_group(*s.domain, s.group()), 0);
  EXPECT_EQ(iommu_device_use_default_domain(s.first()), 0) << "the first is not looked at";
  EXPECT_EQ(iommu_device_use_default_domain(s.second()), -EBUSY);
  iommu_detach_group(*s.domain, s.group());
  s.first().iommu->max_pasids = 16;
  ASSERT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 1, nullptr), 0);
  EXPECT_EQ(iommu_device_use_default_domain(s.second()), -EBUSY);
  iommu_device_unuse_default_domain(s.first());
  EXPECT_EQ(s.warnings("iommu_device_unuse_default_domain"), 2);
  EXPECT_EQ(s.state().owner_cnt, 1u);
  iommu_detach_device_pasid(*s.domain, s.first(), 1);
  EXPECT_EQ(iommu_device_use_default_domain(s.second()), 0);
  EXPECT_EQ(s.state().owner_cnt, 2u);
  iommu_device_unuse_default_domain(s.first());
  iommu_device_unuse_default_domain(s.second());

  iommulab::iommu_domain* kept = std::exchange(s.group().default_domain, nullptr);
  EXPECT_EQ(iommu_device_use_default_domain(s.first()), -517) << "EPROBE_DEFER";
  s.group().default_domain = kept;
  device no_group;
  no_group.bus = &s.sys.bus;
  EXPECT_EQ(iommu_device_use_default_domain(no_group), 0);
  iommu_device_unuse_default_domain(no_group);
  EXPECT_EQ(s.warnings("iommu_device_unuse_default_domain"), 2);
}

// iommu_attach_device_pasid(), __iommu_set_group_pasid()
TEST(iommu_pasid, is_attached_where_the_driver_and_all_members_can) {
  owned_system s;
  struct without_pasids final : iommu_domain_ops {
    int attach_dev(iommu_domain&, device&) override { return 0; }
  } ops;
  s.first().iommu->max_pasids = 16;
  s.domain->ops = &ops;
  EXPECT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 1, nullptr), -EOPNOTSUPP);
  s.domain->ops = &s.driver;
  device no_group;
  no_group.bus = &s.sys.bus;
  EXPECT_EQ(iommu_attach_device_pasid(*s.domain, no_group, 1, nullptr), -ENODEV);
  s.domain->owner = nullptr;
  EXPECT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 1, nullptr), -EINVAL);
  s.domain->owner = &s.driver;
  s.second().iommu->max_pasids = 8;
  EXPECT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 8, nullptr), -EINVAL);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  EXPECT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 7, nullptr), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("set pasid 7 U 00:04.0", "set pasid 7 U 00:04.1"));
  int error = 0;
  EXPECT_EQ(iommu_attach_handle_get(s.group(), 7, iommu_domain_type::blocked, error), nullptr);
  EXPECT_EQ(error, -ENOENT) << "it was attached without a handle";
  iommu_detach_device_pasid(*s.domain, s.first(), 7);
}

TEST(iommu_pasid, a_refusal_takes_back_what_was_set) {
  core_system s({endpoint(at(0, 4, 0)).multifunction().build(),
                 endpoint(at(0, 4, 1)).multifunction().build(),
                 endpoint(at(0, 4, 2)).multifunction().build(),
                 endpoint(at(0, 4, 3)).multifunction().build()});
  ASSERT_EQ(s.start(), 0);
  auto* domain = static_cast<fake_domain*>(iommu_domain_alloc(s.iommu, s.sys.bus));
  domain->label = "U";
  for (const unsigned function : {0u, 2u, 3u}) s.dev(at(0, 4, function)).iommu->max_pasids = 4;
  s.driver.attach_refusal["00:04.2"] = -ENOSPC;
  s.driver.take_calls();
  EXPECT_EQ(iommu_attach_device_pasid(*domain, s.dev(at(0, 4)), 2, nullptr), -ENOSPC);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("set pasid 2 U 00:04.0", "set pasid 2 U 00:04.2",
                                                 "remove pasid 2 00:04.0"));
  s.driver.attach_refusal.clear();
  EXPECT_EQ(iommu_attach_device_pasid(*domain, s.dev(at(0, 4)), 2, nullptr), 0) << "it is free";
  EXPECT_EQ(iommu_attach_device_pasid(*domain, s.dev(at(0, 4)), 2, nullptr), -EBUSY);
  s.driver.take_calls();
  iommu_detach_device_pasid(*domain, s.dev(at(0, 4, 1)), 2);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("remove pasid 2 00:04.0", "remove pasid 2 00:04.2",
                                                 "remove pasid 2 00:04.3"));
  EXPECT_EQ(iommu_attach_device_pasid(*domain, s.dev(at(0, 4)), 2, nullptr), 0);
  iommu_detach_device_pasid(*domain, s.dev(at(0, 4)), 2);
  iommu_domain_free(*domain);
}

TEST(iommu_pasid, ids_for_all_devices_are_counted_from_one) {
  owned_system s;
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, s.first()), iommu_pasid_invalid)
      << "a device without address spaces";
  s.first().iommu->max_pasids = 2;
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, s.first()), 1u);
  s.second().iommu->max_pasids = 4;
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, s.second()), 2u);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, s.first()), iommu_pasid_invalid);
  iommu_free_global_pasid(s.iommu, iommu_pasid_invalid);
  EXPECT_EQ(s.warnings("iommu_free_global_pasid"), 1);
  iommu_free_global_pasid(s.iommu, 1);
  EXPECT_EQ(s.warnings("iommu_free_global_pasid"), 1);
  EXPECT_EQ(iommu_alloc_global_pasid(s.iommu, s.first()), 1u);
}

// iommu_attach_group_handle(), iommu_replace_group_handle(), iommu_detach_group_handle()
TEST(iommu_handle, says_who_attached_a_group) {
  owned_system s;
  iommu_attach_handle handle, other;
  int error = 0;
  const auto current = [&] {
    return iommu_attach_handle_get(s.group(), iommu_no_pasid, iommu_domain_type::blocked, error);
  };
  s.driver.attach_refusal["U 00:04.1"] = -EIO;
  EXPECT_EQ(iommu_attach_group_handle(*s.domain, s.group(), &handle), -EIO);
  EXPECT_EQ(current(), nullptr);
  EXPECT_EQ(error, -ENOENT);
  s.driver.attach_refusal.clear();
  EXPECT_EQ(iommu_attach_group_handle(*s.domain, s.group(), &handle), 0);
  EXPECT_EQ(current(), &handle);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(handle.domain, s.domain);
  EXPECT_EQ(iommu_attach_group_handle(*s.domain, s.group(), &other), -EBUSY);
  EXPECT_EQ(current(), &handle);

  auto* next = static_cast<fake_domain*>(iommu_domain_alloc(s.iommu, s.sys.bus));
  next->label = "V";
  EXPECT_EQ(iommu_replace_group_handle(s.group(), nullptr, &other), -EINVAL);
  s.driver.attach_refusal["V 00:04.0"] = -EIO;
  EXPECT_EQ(iommu_replace_group_handle(s.group(), next, &other), -EIO);
  EXPECT_EQ(current(), &handle);
  EXPECT_EQ(s.group().domain, s.domain);
  s.driver.attach_refusal.clear();
  EXPECT_EQ(iommu_replace_group_handle(s.group(), next, &other), 0);
  EXPECT_EQ(current(), &other);
  EXPECT_EQ(other.domain, next);
  EXPECT_EQ(s.group().domain, next);
  EXPECT_EQ(iommu_replace_group_handle(s.group(), s.domain, nullptr), 0);
  EXPECT_EQ(current(), nullptr);
  EXPECT_EQ(iommu_replace_group_handle(s.group(), next, &other), 0);
  iommu_detach_group_handle(*next, s.group());
  EXPECT_EQ(current(), nullptr);
  EXPECT_EQ(s.group().domain, s.group().default_domain);
  EXPECT_EQ(iommu_attach_group_handle(*s.domain, s.group(), nullptr), 0);
  EXPECT_EQ(current(), nullptr);
  iommu_detach_group_handle(*s.domain, s.group());
  iommu_domain_free(*next);
}

TEST(iommu_handle, a_dump_tells_of_address_spaces_and_devices) {
  owned_system s;
  s.first().iommu->max_pasids = 16;
  s.first().iommu->shadow_on_flush = true;
  iommu_attach_handle handle;
  ASSERT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 3, &handle), 0);
  ASSERT_EQ(iommu_attach_device_pasid(*s.domain, s.first(), 5, nullptr), 0);
  const structure group = structure_of(s.group());
  EXPECT_EQ(group.fields.back().name, "pasid_array");
  const auto& pasids = std::get<structure_list>(group.fields.back().value);
  ASSERT_EQ(pasids.size(), 2u);
  structure first{"iommu_attach_handle", "", {}};
  first.add("pasid", uint64_t{3}).add("domain", structure_link{"iommu_domain", "U"});
  structure second{"iommu_attach_handle", "", {}};
  second.add("pasid", uint64_t{5}).add("domain", structure_link{"iommu_domain", ""});
  EXPECT_EQ(pasids[0], structure_value(first));
  EXPECT_EQ(pasids[1], structure_value(second));
  structure dev{"dev_iommu", "0000:00:04.0", {}};
  dev.add("dev", structure_link{"device", "0000:00:04.0"}).add("max_pasids", uint64_t{16});
  for (const char* name : {"attach_deferred", "pci_32bit_workaround", "require_direct"}) {
    dev.add(name, false);
  }
  dev.add("shadow_on_flush", true);
  EXPECT_EQ(dev_iommu_structure_of(s.first()), dev);
  for (const ioasid pasid : {3u, 5u}) iommu_detach_device_pasid(*s.domain, s.first(), pasid);
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
