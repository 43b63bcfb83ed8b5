// SPDX-License-Identifier: GPL-2.0-only
//
// Operations that 6.1 offers the core and 6.12 does not, or does otherwise: detaching, and syncs
// that free tables and promise that a range is gone. Expected is intel_iommu_detach_device(),
// intel_iommu_tlb_sync() and domain_context_clear_one() of 6.1's iommu.c.
#include "intel/v6_1/ops.h"

#include <gmock/gmock.h>

#include "intel/hw/memory.h"
#include "intel/v6_1/context.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/pasid_system.h"
#include "kernel/v6_1/profile.h"
#include "support/v6_12/translation_kinds.h"
#include "support/v6_12/unmap_promises.h"

namespace iommulab::v6_1::ops_test {
namespace {

using test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct system : test::linux_6_12::system {
  explicit system(const small_machine& m, const std::string& more_words = "iommu.strict=1")
      : test::linux_6_12::system(m.build(), "on,sm_on", more_words, v6_1::profile()) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
  device& card() { return dev(nic); }
  v6_12::device_domain_info& info() { return v6_12::info_of(card()); }
};

// The entry goes, what is cached of it, and the domain's id; the device is in no domain then.
TEST(Operations, DetachADevice) {
  system s{small_machine()};
  v6_12::iommu_domain& domain = *s.info().domain;
  domain.ops->detach_dev(domain, s.card());
  EXPECT_EQ(s.context(nic), std::pair(uint64_t{0}, uint64_t{0}));
  EXPECT_EQ(s.info().domain, nullptr);
  EXPECT_THAT(s.notes("qi_submit"), ElementsAre("qi_submit: cc_inv dmar0: 0x1800030031 0x0 0x0 0x0",
                                                "qi_submit: iotlb_inv dmar0: 0x300e2 0x0 0x0 0x0"));
  const intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  EXPECT_FALSE(v6_12::state_of(s.driver(), iommu).domain_ids.is_taken(3));
  EXPECT_EQ(domain.ops->attach_dev(domain, s.card()), 0);
  EXPECT_EQ(s.context(nic).second, 0x301u);
}

// Tables wait for the flush, and the range is gone when the sync returns; nothing gathered is
// nothing promised.
TEST(Operations, SyncWhatWasGathered) {
  system s{small_machine()};
  v6_12::iommu_domain& domain = *s.info().domain;
  constexpr uint64_t iova = uint64_t{1} << 30;
  uint64_t mapped = 0;
  EXPECT_EQ(domain.ops->map_pages(domain, dma_addr(iova), phys_addr(0x5000), 0x1000, 512,
                                  iommu_read, mapped),
            0);
  v6_12::iommu_iotlb_gather gather;
  EXPECT_EQ(domain.ops->unmap_pages(domain, dma_addr(iova), 0x1000, 512, gather), 512u * 0x1000);
  ASSERT_EQ(gather.freelist.size(), 1u);
  const uint64_t live = s.pages().live_pages();
  test::unmap_promises told(s.env());
  domain.ops->iotlb_sync(domain, gather);
  EXPECT_EQ(s.pages().live_pages(), live - 1);
  EXPECT_THAT(gather.freelist, IsEmpty());
  EXPECT_THAT(told.made, ElementsAre("fed90000 3: 40000000-401fffff"));
  told.made.clear();
  v6_12::iommu_iotlb_gather nothing;
  domain.ops->iotlb_sync(domain, nothing);
  EXPECT_THAT(told.made, IsEmpty());
}

// What is no PCI function has one entry, by the id that firmware gave it.
TEST(Operations, ClearTheEntryOfADeviceThatIsNoPciFunction) {
  system s{small_machine()};
  intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  v6_12::device_domain_info info;
  device other;
  info.iommu = &iommu;
  info.bus = 0xf0;
  info.devfn = 8;
  info.dev = &other;
  const source_id id = {0, 0xf0, 8};
  const uint64_t live = s.pages().live_pages();
  v6_1::domain_context_clear(s.driver(), info);
  EXPECT_EQ(s.pages().live_pages(), live) << "there is no table, and none is made";
  vtd::context_entry* entry =
      v6_12::iommu_context_addr(s.driver(), iommu, info.bus, info.devfn, /*alloc=*/true);
  ASSERT_NE(entry, nullptr);
  *entry = {0x5001, 0x901};
  v6_1::domain_context_clear(s.driver(), info);
  EXPECT_EQ(s.context(id), std::pair(uint64_t{0}, uint64_t{0}));
  EXPECT_THAT(s.notes("qi_submit"),
              ElementsAre("qi_submit: cc_inv dmar0: 0xf00800090031 0x0 0x0 0x0",
                          "qi_submit: iotlb_inv dmar0: 0x900e2 0x0 0x0 0x0"));
}

// A device's entry is there or not: what attaching and releasing ask.
TEST(Operations, AskWhetherADeviceHasAnEntry) {
  system s{small_machine()};
  EXPECT_TRUE(v6_1::domain_context_mapped(s.driver(), s.card()));
  v6_12::iommu_domain& domain = *s.info().domain;
  domain.ops->detach_dev(domain, s.card());
  EXPECT_FALSE(v6_1::domain_context_mapped(s.driver(), s.card()));
  const uint64_t link = s.word(s.root_table());
  const uint64_t live = s.pages().live_pages();
  s.word(s.root_table()) = 0;
  EXPECT_FALSE(v6_1::domain_context_mapped(s.driver(), s.card()));
  EXPECT_EQ(s.pages().live_pages(), live) << "no table is made for that";
  s.word(s.root_table()) = link;
  EXPECT_EQ(domain.ops->attach_dev(domain, s.card()), 0);
}

// One that has none of its aliases' entries has not its own either.
TEST(Operations, AskForTheAliasesToo) {
  test::linux_6_12::system s(test::machine_of(test::translation_kinds().front()), "on", "",
                             v6_1::profile());
  ASSERT_EQ(s.boot(), 0);
  device& dev = s.dev(test::behind_bridge);
  EXPECT_TRUE(v6_1::domain_context_mapped(s.driver(), dev));
  const uint64_t table = s.word(s.root_table() + 16) & ~uint64_t{0xfff};
  uint64_t& alias = s.word(table + 16 * uint64_t{test::alias_of_bridge.devfn});
  const uint64_t entry = std::exchange(alias, 0);
  EXPECT_FALSE(v6_1::domain_context_mapped(s.driver(), dev));
  alias = entry;
}

// -ENODEV for a device that no unit is in charge of; asked whether it has an entry, that is not 0.
TEST(Operations, KnowNothingOfDevicesWithoutAUnit) {
  small_machine m;
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39).add_drhd(0, 0, test::small_unit_base, scopes).finish();
  system s(m);
  device& other = s.dev(test::at(0, 0));
  EXPECT_EQ(v6_1::domain_context_mapping(s.driver(), *s.info().domain, other), -ENODEV);
  EXPECT_TRUE(v6_1::domain_context_mapped(s.driver(), other));
}

// Scalable mode: the PASID's entry, then the context entry, all under the domain's id.
TEST(Operations, FlushByTheDomainsIdInScalableMode) {
  system s{pasid_machine(pasid_machine::second_level())};
  s.pci().remove(*s.card().pci);
  EXPECT_THAT(s.notes("qi_submit"), ElementsAre("qi_submit: pc_inv dmar0: 0x30017 0x0 0x0 0x0",
                                                "qi_submit: iotlb_inv dmar0: 0x300e2 0x0 0x0 0x0",
                                                "qi_submit: cc_inv dmar0: 0x1800030031 0x0 0x0 0x0",
                                                "qi_submit: pc_inv dmar0: 0x30007 0x0 0x0 0x0",
                                                "qi_submit: iotlb_inv dmar0: 0x300e2 0x0 0x0 0x0"));
}

// -ENOMEM without a page for the bus's table; an entry that is there is left alone.
TEST(Operations, MapADevicesEntry) {
  system s{small_machine()};
  v6_12::dmar_domain& domain = *s.info().domain;
  const auto before = s.context(nic);
  EXPECT_EQ(v6_1::domain_context_mapping(s.driver(), domain, s.card()), 0);
  EXPECT_EQ(s.context(nic), before);
  v6_1::domain_context_clear(s.driver(), s.info());
  const uint64_t link = s.word(s.root_table());
  s.word(s.root_table()) = 0;
  s.pages().failures().fail_at(1);
  EXPECT_EQ(v6_1::domain_context_mapping(s.driver(), domain, s.card()), -ENOMEM);
  s.pages().failures().fail_never();
  s.word(s.root_table()) = link;
  EXPECT_EQ(v6_1::domain_context_mapping(s.driver(), domain, s.card()), 0);
  EXPECT_EQ(s.context(nic), before);
}

}  // namespace
}  // namespace iommulab::v6_1::ops_test
