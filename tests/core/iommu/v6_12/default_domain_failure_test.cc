// SPDX-License-Identifier: GPL-2.0-only
//
// 6.12's IOMMU core over a driver without hardware: default domains that cannot be had, and types
// that are not taken. Expected: Linux v6.12 drivers/iommu/iommu.c, by the functions named.
#include <cerrno>
#include <string>
#include <tuple>
#include <vector>

#include "core_system.h"

namespace iommulab::v6_12::core_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto any_type = iommu_domain_type::blocked;
constexpr auto dma = iommu_domain_type::dma;
constexpr auto dma_fq = iommu_domain_type::dma_fq;
constexpr auto identity = iommu_domain_type::identity;

// iommu_get_def_domain_type(): the first wish stays, but for identity; a wish like it is none.
TEST(default_domain, what_the_driver_wants_of_several_devices) {
  for (const auto& [first, second, type, complaints] :
       {std::tuple(any_type, any_type, "DMA-FQ\n", 0u), std::tuple(any_type, dma, "DMA\n", 0u),
        std::tuple(dma, any_type, "DMA\n", 0u), std::tuple(dma, dma, "DMA\n", 0u),
        std::tuple(identity, dma, "identity\n", 1u), std::tuple(dma, identity, "identity\n", 1u),
        std::tuple(dma, dma_fq, "DMA\n", 1u)}) {
    core_system s(two_and_a_pair());
    s.driver.wanted["00:04.0"] = first;
    s.driver.wanted["00:04.1"] = second;
    ASSERT_EQ(s.start(), 0);
    EXPECT_EQ(s.read("1/type"), type);
    EXPECT_THAT(s.log(), Contains(HasSubstr("pci 0000:00:04.1: IOMMU driver error, requesting "
                                            "conflicting def_domain_type"))
                             .Times(complaints));
  }
}

// iommu_get_default_domain_type(): trust, wish and what somebody writes.
TEST(default_domain, an_untrusted_member_makes_its_group_strict) {
  for (const source_id id : {at(0, 4), at(0, 4, 1)}) {
    core_system s(two_and_a_pair());
    s.sys.dev(id).untrusted = true;
    s.driver.wanted["00:04.0"] = dma;
    ASSERT_EQ(s.start(), 0);
    EXPECT_EQ(s.read("1/type"), "DMA\n");
    EXPECT_EQ(s.write_type(1, "identity"), -EINVAL);
    EXPECT_EQ(s.write_type(1, "auto"), 0);
    EXPECT_EQ(s.read("1/type"), "DMA\n");
  }
  core_system s(two_and_a_pair());
  s.driver.wanted["00:04.0"] = identity;
  s.sys.dev(at(0, 4, 1)).untrusted = true;
  EXPECT_EQ(s.start(), -EINVAL);
  EXPECT_THAT(s.log(), Contains("pci 0000:00:04.1: Device is not trusted, but driver is overriding "
                                "group 1 to Passthrough, refusing to probe."));
}

// iommu_group_alloc_default_domain()
TEST(default_domain, what_the_driver_cannot_make) {
  core_system wished({endpoint(at(0, 3)).build()});
  wished.driver.wanted["00:03.0"] = dma;
  wished.driver.cannot_make = {dma};
  EXPECT_EQ(wished.start(), -ENOMEM) << "there is nothing instead of a wish";
  EXPECT_THAT(wished.driver.calls, Contains("alloc DMA").Times(1));

  core_system lazy({endpoint(at(0, 3)).build()});
  lazy.driver.cannot_make = {dma};
  EXPECT_EQ(lazy.start(), -ENOMEM);
  EXPECT_THAT(lazy.driver.calls, Contains("alloc DMA").Times(2)) << "with a queue, and without";
  EXPECT_THAT(lazy.log(), Not(Contains(HasSubstr("Falling back"))));

  core_system strict({endpoint(at(0, 3)).build()});
  strict.iommu.defaults.dma_strict = true;
  strict.driver.cannot_make = {dma};
  EXPECT_EQ(strict.start(), -EINVAL);
  EXPECT_THAT(strict.driver.calls, Contains("alloc DMA").Times(1));
  EXPECT_TRUE(strict.sys.iommu.groups().empty());
}

// iommu_group_store_type()
TEST(default_domain, who_may_write_what) {
  core_system s(two_and_a_pair());
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  for (const bool is_admin : {true, false}) {
    s.iommu.cap_sys_admin = is_admin;
    s.iommu.cap_sys_rawio = !is_admin;
    EXPECT_EQ(s.write_type(1, "DMA"), -EACCES);
  }
  s.iommu.cap_sys_admin = s.iommu.cap_sys_rawio = true;
  for (const char* word : {"blocked", "", "dma", "DMA\n\n", "identity "}) {
    EXPECT_EQ(s.write_type(1, word), -EINVAL) << word;
  }
  s.dma.set_up.clear();
  EXPECT_EQ(s.write_type(1, "DMA-FQ"), 0);
  EXPECT_THAT(s.driver.take_calls(), IsEmpty()) << "it is of that type";
  EXPECT_EQ(s.write_type(1, "DMA\n"), 0);
  EXPECT_THAT(s.driver.take_calls(), ElementsAre("alloc DMA", "flush all C", "flush all C",
                                                 "attach C 00:04.0", "attach C 00:04.1", "free B"));
  EXPECT_THAT(s.dma.set_up, ElementsAre("00:04.0", "00:04.1", "00:04.0", "00:04.1"));
  ASSERT_EQ(iommu_device_use_default_domain(s.dev(at(0, 4))), 0);
  EXPECT_EQ(s.write_type(1, "identity"), -EPERM);
  EXPECT_EQ(s.write_type(1, "DMA-FQ"), 0) << "a queue may be added";
  EXPECT_THAT(s.driver.take_calls(), IsEmpty());
  EXPECT_EQ(s.write_type(1, "DMA"), -EPERM) << "and not be taken away";
  s.iommu.dma = nullptr;
  iommu_device_unuse_default_domain(s.dev(at(0, 4)));
  EXPECT_EQ(s.write_type(0, "DMA"), 0);
  EXPECT_EQ(s.write_type(0, "DMA-FQ"), -EINVAL) << "iommu_dma_init_fq() without CONFIG_IOMMU_DMA";
}

TEST(default_domain, a_group_without_devices_has_no_type) {
  core_system s({endpoint(at(0, 3)).build()});
  ASSERT_EQ(s.start(), 0);
  iommu_group* group = iommu_group_get(s.dev(at(0, 3)));
  s.sys.pci->remove(s.sys.dev(at(0, 3)));
  EXPECT_EQ(s.read("0/type"), "unknown\n");
  EXPECT_EQ(s.write_type(0, "DMA"), -EINVAL);
  EXPECT_EQ(s.read("0/reserved_regions"), "");
  EXPECT_EQ(group->domain, nullptr);
  iommu_group_put(group);
  EXPECT_TRUE(s.sys.iommu.groups().empty());
}

// iommu_setup_default_domain(), err_restore_domain: neither before nor after the attach.
TEST(default_domain, what_cannot_be_mapped_one_to_one_is_not_taken) {
  core_system s(two_and_a_pair());
  iommu_set_default_passthrough(s.iommu, false);
  s.iommu.defaults.cmd_line_dma_api = true;
  s.driver.regions["00:04.1"] = {{phys_addr(0x1000), 0x1000, 3, iommu_resv_type::direct_relaxable}};
  ASSERT_EQ(s.start(), 0);
  s.driver.take_calls();
  s.driver.unmappable = {0x1000};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(s.write_type(1, "DMA"), -ENOMEM);
  EXPECT_EQ(s.read("1/type"), "identity\n");
  iommu_group& group = *s.dev(at(0, 4)).group;
  EXPECT_EQ(group.domain, &s.driver.identity);
  EXPECT_EQ(group.default_domain, &s.driver.identity);
  EXPECT_EQ(s.dma.cookies, 0);
  const std::vector<std::string> once(
      s.driver.calls.begin(),
      s.driver.calls.begin() + static_cast<long>(s.driver.calls.size() / 2));
  EXPECT_THAT(
      once, ElementsAre("alloc DMA", "flush all A", "map A 1000 1000 1000*1 prot 3",
                        "sync A ffffffffffffffff-0", "attach A 00:04.0", "attach A 00:04.1",
                        "flush all A", "map A 1000 1000 1000*1 prot 3", "sync A ffffffffffffffff-0",
                        "attach identity 00:04.0", "attach identity 00:04.1", "free A"));
  EXPECT_THAT(s.log(), Contains("iommu dmar0: IOMMU driver was not able to establish FW requested "
                                "direct mapping.")
                           .Times(1))
      << "once";

  // At the start there is nothing to go back to.
  core_system first({endpoint(at(0, 3)).build()});
  first.driver.regions["00:03.0"] = {{phys_addr(0x1000), 0x1000, 3, iommu_resv_type::direct}};
  first.driver.unmappable = {0x1000};
  EXPECT_EQ(first.start(), -ENOMEM);
  EXPECT_EQ(first.warnings("iommu_setup_default_domain"), 0);
  EXPECT_TRUE(first.driver.domains.empty());
  EXPECT_EQ(first.dma.cookies, 0);
}

TEST(default_domain, the_first_attach_may_not_fail) {
  core_system s(two_and_a_pair());
  s.driver.regions["00:04.0"] = {{phys_addr(0x1000), 0x1000, 3, iommu_resv_type::direct}};
  s.driver.attach_refusal["B 00:04.0"] = -EIO;
  EXPECT_EQ(s.start(), -EIO);
  EXPECT_EQ(s.warnings("iommu_setup_default_domain"), 1);
  EXPECT_THAT(s.driver.calls, Contains("attach B 00:04.1")) << "the others are tried";
  EXPECT_THAT(s.driver.calls, Contains("map B 1000 1000 1000*1 prot 3").Times(1));
  EXPECT_TRUE(s.driver.domains.empty());
}

TEST(default_domain, page_sizes_are_needed_for_what_translates) {
  core_system s({endpoint(at(0, 3)).build()});
  s.driver.iommu_ops::pgsize_bitmap = 0;
  EXPECT_EQ(s.start(), -EINVAL);
  EXPECT_EQ(s.warnings("iommu_create_device_direct_mappings"), 2) << "before and after the attach";
  core_system direct({endpoint(at(0, 3)).build()});
  direct.driver.iommu_ops::pgsize_bitmap = 0;
  iommu_set_default_passthrough(direct.iommu, false);
  direct.iommu.defaults.cmd_line_dma_api = true;
  direct.driver.regions["00:03.0"] = {{phys_addr(0x1000), 0x1000, 3, iommu_resv_type::direct}};
  EXPECT_EQ(direct.start(), 0);
  EXPECT_TRUE(direct.dev(at(0, 3)).iommu->require_direct) << "also where nothing is mapped";
  EXPECT_THAT(direct.driver.calls, ElementsAre("probe 00:03.0", "attach identity 00:03.0"));
}

}  // namespace
}  // namespace iommulab::v6_12::core_test
