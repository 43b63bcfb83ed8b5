// SPDX-License-Identifier: GPL-2.0-only
//
// Domains of Linux 6.12's driver on units: ids and how they run out, what units have in common,
// widths, and what an attach refuses. drivers/iommu/intel/iommu.c: domain_attach_iommu(),
// domain_update_iommu_cap(), prepare_domain_attach_device(), iommu_domain_alloc().
#include "intel/v6_12/domain.h"

#include <gmock/gmock.h>

#include "intel/v6_12/device.h"
#include "intel/v6_12/page_table.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::domain_test {
namespace {

using test::at;
using test::small_machine;

constexpr uint64_t size_2m = uint64_t{1} << 21, size_1g = uint64_t{1} << 30;

struct booted : test::linux_6_12::system {
  explicit booted(const small_machine& m, const std::string& intel_iommu = "on")
      : system(m.build(), intel_iommu) {
    EXPECT_EQ(boot(), 0);
  }
  ~booted() {
    for (const page_diagnosis& d : pages().diagnoses()) ADD_FAILURE() << d.sentence;
  }
  dmar_domain* make(iommu_domain_type type = iommu_domain_type::unmanaged) {
    return domain_alloc(driver(), type);
  }
  std::string used(int unit = 0) {
    return k()
        .sysfs()
        .read(absl::StrFormat("devices/virtual/iommu/dmar%d/intel-iommu/domains_used", unit))
        .value_or("");
  }
};

// Two devices and their groups have ids 2 and 3; sixteen are all.
TEST(DomainIds, RunOut) {
  small_machine m;
  booted s(m.set_cap(default_cap().set_number_of_domains(16)));
  std::vector<dmar_domain*> domains;
  for (unsigned id = 4; id < 16; ++id) {
    domains.push_back(s.make());
    ASSERT_EQ(domain_attach_iommu(s.driver(), *domains.back(), s.iommu()), 0);
    EXPECT_EQ(domain_id_iommu(*domains.back(), s.iommu()), id);
  }
  EXPECT_EQ(s.used(), "16\n");
  const int64_t objects = s.slab().live();
  dmar_domain* one_more = s.make();
  EXPECT_EQ(domain_attach_iommu(s.driver(), *one_more, s.iommu()), -ENOSPC);
  EXPECT_EQ(s.logged("DMAR: dmar0: No free domain ids"), 1);
  EXPECT_TRUE(one_more->iommu_array.empty());

  domain_detach_iommu(s.driver(), *domains[5], s.iommu());
  EXPECT_EQ(domain_attach_iommu(s.driver(), *one_more, s.iommu()), 0);
  EXPECT_EQ(domain_id_iommu(*one_more, s.iommu()), 9) << "the one that came free";
  domain_detach_iommu(s.driver(), *one_more, s.iommu());
  domain_exit(s.driver(), *one_more);
  EXPECT_EQ(s.slab().live(), objects - 1) << "and the sixth domain's id";
  for (dmar_domain* domain : domains) {
    if (!domain->iommu_array.empty()) domain_detach_iommu(s.driver(), *domain, s.iommu());
    domain_exit(s.driver(), *domain);
  }
  EXPECT_EQ(s.used(), "4\n");
}

// A device that cannot have an id stays blocked; the error is the API's.
TEST(DomainIds, ThatRunOutLeaveADeviceBlocked) {
  small_machine m;
  booted s(m.set_cap(default_cap().set_number_of_domains(16)));
  domain_id_bitmap& ids = state_of(s.driver(), s.iommu()).domain_ids;
  for (uint32_t id = 0; id < 16; ++id) ids.take(id);
  device_block_translation(s.driver(), s.dev(test::nic));
  ids.take(3);
  dmar_domain* domain = s.make();
  EXPECT_EQ(dmar_domain_attach_device(s.driver(), *domain, s.dev(test::nic)), -ENOSPC);
  EXPECT_FALSE(s.info(test::nic).domain_attached);
  EXPECT_TRUE(domain->devices.empty());
  domain_exit(s.driver(), *domain);
}

TEST(DomainIds, AreOneForAllDevicesOfADomainOnAUnit) {
  booted s(small_machine().add_unit_for_others());
  dmar_domain* domain = s.make();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(domain_attach_iommu(s.driver(), *domain, s.iommu(0)), 0);
  }
  const std::string before = s.used(1);
  EXPECT_EQ(s.used(0), "4\n") << "0, 1, the nic's and this one";
  EXPECT_EQ(domain->iommu_array.size(), 1u);
  ASSERT_EQ(domain_attach_iommu(s.driver(), *domain, s.iommu(1)), 0);
  EXPECT_EQ(domain->iommu_array.size(), 2u);
  domain->nid = 5;
  for (int i = 0; i < 2; ++i) domain_detach_iommu(s.driver(), *domain, s.iommu(0));
  EXPECT_EQ(s.used(0), "4\n");
  EXPECT_EQ(domain->nid, 5);
  domain_detach_iommu(s.driver(), *domain, s.iommu(0));
  EXPECT_EQ(s.used(0), "3\n");
  EXPECT_EQ(domain->nid, -1) << "NUMA_NO_NODE";
  EXPECT_EQ(domain->iommu_array.size(), 1u);
  domain_detach_iommu(s.driver(), *domain, s.iommu(1));
  EXPECT_EQ(s.used(1), before);
  domain_exit(s.driver(), *domain);
}

TEST(DomainIds, NeedMemory) {
  booted s{small_machine()};
  dmar_domain* domain = s.make();
  s.slab().fail_at(1);
  EXPECT_EQ(domain_attach_iommu(s.driver(), *domain, s.iommu()), -ENOMEM);
  s.slab().fail_at(1);
  EXPECT_EQ(iommu_init_domains(s.driver(), s.iommu()), -ENOMEM);
  s.slab().fail_never();
  domain_exit(s.driver(), *domain);
}

// An object and a page: without either there is no domain, and nothing stays.
TEST(Domains, NeedMemory) {
  booted s{small_machine()};
  const int64_t objects = s.slab().live();
  const uint64_t pages = s.pages().live_pages();
  const uint64_t domains = s.driver().live_domain_count();
  s.slab().fail_at(1);
  EXPECT_EQ(s.make(), nullptr);
  EXPECT_EQ(s.logged("DMAR: Can't allocate dmar_domain"), 1);
  s.slab().fail_never();
  s.pages().failures().fail_at(1);
  EXPECT_EQ(s.make(), nullptr);
  EXPECT_EQ(s.logged("DMAR: Domain initialization failed"), 1);
  s.pages().failures().fail_never();
  EXPECT_EQ(s.slab().live(), objects);
  EXPECT_EQ(s.pages().live_pages(), pages);
  EXPECT_EQ(s.driver().live_domain_count(), domains);
  dmar_domain* domain = s.make();
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(s.pages().live_pages(), pages + 1);
  EXPECT_EQ(s.driver().live_domain_count(), domains + 1);
  domain_exit(s.driver(), *domain);
  EXPECT_EQ(s.pages().live_pages(), pages);
}

// DEFAULT_DOMAIN_ADDRESS_WIDTH is 57: five levels, until a unit has fewer.
TEST(Domains, BeginAsWideAsCanBe) {
  booted s{small_machine()};
  dmar_domain* domain = s.make();
  EXPECT_EQ(domain->gaw, 57);
  EXPECT_EQ(domain->agaw, 3);
  EXPECT_EQ(domain->geometry.aperture_start.value(), 0u);
  EXPECT_EQ(domain->geometry.aperture_end.value(), (uint64_t{1} << 57) - 1);
  EXPECT_TRUE(domain->geometry.force_aperture);
  EXPECT_EQ(domain->type, iommu_domain_type::unmanaged);
  domain_exit(s.driver(), *domain);
}

// WARN_ON(!list_empty(&domain->devices)): it stays for the device's sake.
TEST(Domains, StayWhileADeviceIsInThem) {
  booted s{small_machine()};
  dmar_domain& domain = *s.info(test::nic).domain;
  const uint64_t domains = s.driver().live_domain_count();
  domain_exit(s.driver(), domain);
  EXPECT_EQ(s.driver().live_domain_count(), domains);
  EXPECT_TRUE(s.log_contains("domain_exit"));
}

// CAP.SLLPS bit 0 is 2 MiB, bit 1 1 GiB: what all units have, and 1 GiB not without 2 MiB.
TEST(Superpages, AreThoseThatAllUnitsHave) {
  struct row {
    uint8_t first, second;
    int expected;
  };
  for (const row& r : {row{3, 3, 2}, row{3, 1, 1}, row{1, 3, 1}, row{3, 0, 0}, row{0, 3, 0},
                       row{1, 2, 0}, row{2, 3, 2}}) {
    small_machine m;
    m.set_cap(default_cap().set_super_pages(r.first));
    booted s(m.add_unit_for_others(default_cap().set_super_pages(r.second)));
    EXPECT_EQ(domain_update_iommu_superpage(s.driver(), nullptr, nullptr), r.expected)
        << int{r.first} << " " << int{r.second};
    // Without the second unit: what the first has.
    EXPECT_EQ(domain_update_iommu_superpage(s.driver(), nullptr, &s.iommu(1)),
              std::bit_width(unsigned{r.first}));
    EXPECT_EQ(domain_update_iommu_superpage(s.driver(), nullptr, &s.iommu(0)),
              std::bit_width(unsigned{r.second}));
    s.iommu(1).drhd->ignored = true;
    EXPECT_EQ(domain_update_iommu_superpage(s.driver(), nullptr, nullptr),
              std::bit_width(unsigned{r.first}));
    s.iommu(1).drhd->ignored = false;
  }
}

TEST(Superpages, AreNoneWhenSwitchedOff) {
  booted s{small_machine(), "on,sp_off"};
  EXPECT_EQ(domain_update_iommu_superpage(s.driver(), nullptr, nullptr), 0);
  EXPECT_EQ(s.info(test::nic).domain->pgsize_bitmap, 0x1000u);
}

// First-level tables always have 2 MiB, and 1 GiB where CAP.FL1GP says so.
TEST(Superpages, OfFirstLevelTablesAreACapabilityOfTheirOwn) {
  for (const bool gigabyte : {false, true}) {
    small_machine m;
    m.set_cap(default_cap()
                  .set_sagaw(0b00100)
                  .set_max_guest_address_width(48)
                  .set_super_pages(0)
                  .set_first_level_1g_pages(gigabyte));
    m.set_ecap(default_ecap().set_scalable_mode(true).set_first_level(true));
    booted s(m);
    EXPECT_EQ(s.info(test::nic).domain->iommu_superpage, gigabyte ? 2 : 1);
    EXPECT_EQ(s.info(test::nic).domain->pgsize_bitmap, 0x1000 | size_2m | (gigabyte ? size_1g : 0));
    // 47 bits: the upper half of the canonical addresses is out of reach.
    EXPECT_EQ(s.info(test::nic).domain->geometry.aperture_end.value(), (uint64_t{1} << 47) - 1);
  }
}

TEST(Superpages, AreOfferedToTheCore) {
  for (const auto& [bits, sizes] : {std::pair(uint8_t{0}, uint64_t{0x1000}),
                                    {uint8_t{1}, 0x1000 | size_2m},
                                    {uint8_t{3}, 0x1000 | size_2m | size_1g}}) {
    small_machine m;
    booted s(m.set_cap(default_cap().set_super_pages(bits)));
    EXPECT_EQ(s.info(test::nic).domain->pgsize_bitmap, sizes);
    EXPECT_EQ(s.info(test::nic).domain->geometry.aperture_end.value(), (uint64_t{1} << 39) - 1);
  }
}

// iommu_paging_structure_coherency(): ECAP.C in legacy mode, of the units that the domain is on;
// of all when it is on none.
TEST(Coherency, IsThatOfTheUnitsOfADomain) {
  small_machine m;
  m.set_ecap(default_ecap().set_page_walk_coherency(true));
  booted s(m.add_unit_for_others());
  dmar_domain* domain = s.make();
  domain_update_iommu_cap(s.driver(), *domain);
  EXPECT_FALSE(domain->iommu_coherency) << "one of all has it not";
  ASSERT_EQ(domain_attach_iommu(s.driver(), *domain, s.iommu(0)), 0);
  EXPECT_TRUE(domain->iommu_coherency);
  ASSERT_EQ(domain_attach_iommu(s.driver(), *domain, s.iommu(1)), 0);
  EXPECT_FALSE(domain->iommu_coherency);
  domain_detach_iommu(s.driver(), *domain, s.iommu(1));
  EXPECT_TRUE(domain->iommu_coherency);
  domain_detach_iommu(s.driver(), *domain, s.iommu(0));
  EXPECT_FALSE(domain->iommu_coherency);
  s.iommu(1).drhd->ignored = true;
  domain_update_iommu_cap(s.driver(), *domain);
  EXPECT_TRUE(domain->iommu_coherency) << "all that there are";
  s.iommu(1).drhd->ignored = false;
  domain_exit(s.driver(), *domain);
}

TEST(Coherency, IsAnotherBitInScalableMode) {
  for (const bool snoops : {false, true}) {
    small_machine m;
    booted s(m.set_ecap(default_ecap()
                            .set_scalable_mode(true)
                            .set_second_level(true)
                            .set_page_walk_coherency(!snoops)
                            .set_scalable_page_walk_coherency(snoops)));
    EXPECT_EQ(s.info(test::nic).domain->iommu_coherency, snoops);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::domain_test
