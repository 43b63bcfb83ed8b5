// SPDX-License-Identifier: GPL-2.0-only
//
// Units that come and go while Linux 6.12 runs: dmar_iommu_hotplug(), intel_iommu_add(),
// alloc_iommu(), free_iommu() (drivers/iommu/intel; VT-d specification 8.8). A newcomer passes the
// audit only where the others' numbers are zero (README.md): tests say so first.
#include "intel/expect.h"
#include "intel/v6_12/init.h"
#include "support/device_of_acpi.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::unit_hotplug_test {
namespace {

using namespace test;
using linux_6_12::system;
using ::testing::HasSubstr;

constexpr uint64_t second_base = 0xfeda0000;
constexpr source_id in_scope = at(0, 4);

struct plugged_system : system {
  explicit plugged_system(vtd::cap_register cap = default_cap(),
                          vtd::ecap_register ecap = default_ecap(),
                          const std::string& intel_iommu = "on", uint8_t others_pages = 0)
      : system(machine(cap, ecap, others_pages), intel_iommu) {
    acpi.functions[dmar_dsm_function::drhd] =
        structures(dmar_builder(39).add_drhd(0, 1, second_base));
  }
  void start() {
    ASSERT_EQ(boot(), 0);
    k().finish_boot();
    accept_all();
  }
  /// Nothing that the units have in common is to be fallen short of.
  void accept_all() {
    driver().intel_iommu_cap_sanity = 0;
    driver().intel_iommu_ecap_sanity = 0;
  }
  static machine_config machine(vtd::cap_register cap, vtd::ecap_register ecap,
                                uint8_t others_pages) {
    small_machine m;
    m.set_cap(default_cap().set_super_pages(others_pages));
    m.add_unit(second_base, cap, ecap);
    m.add_function(plain_function(in_scope, 0x8086, 0x10d3, 0x020000));
    m.table = dmar_builder(39).add_drhd(1, 0, small_unit_base).finish();
    return m.build();
  }
  int add() { return dmar_device_add(driver(), acpi.dsm()); }
  int remove() { return dmar_device_remove(driver(), acpi.dsm()); }
  size_t known() { return driver().dmar_drhd_units.size(); }
  bool translating() { return (unit(1).peek(vtd_register::gsts) & te) != 0; }

  device_of_acpi acpi;
};

// README.md: hardly any newcomer passes. FRO is 22h of 16 bytes here.
TEST(Newcomer, FallsShortOfTheOthers) {
  plugged_system s;
  ASSERT_EQ(s.boot(), 0);
  s.k().finish_boot();
  const uint64_t pages = s.pages().live_pages();
  const int64_t objects = s.slab().live();
  EXPECT_EQ(s.add(), -EFAULT);
  EXPECT_EQ(s.known(), 1u);
  EXPECT_FALSE(s.translating());
  EXPECT_EQ(s.pages().live_pages(), pages);
  EXPECT_EQ(s.slab().live(), objects);
  EXPECT_FALSE(s.k().sysfs().exists("class/iommu/dmar1"));
}

// intel_iommu_add(): queue, root table, fault event, translation.
TEST(Newcomer, TranslatesAndIsKnown) {
  plugged_system s(
      default_cap().set_required_write_buffer_flush(true).set_protected_low_memory(true));
  s.start();
  s.events().clear();
  EXPECT_EQ(s.add(), 0);
  EXPECT_EQ(s.known(), 2u);
  EXPECT_TRUE(s.translating());
  EXPECT_TRUE(s.k().sysfs().exists("class/iommu/dmar1"));
  const intel_iommu& iommu = s.iommu(1);
  const sequence all = s.accesses("dmar1", "dmar_iommu_hotplug");
  const sequence message = {write4(r_fedata, s.unit(1).peek(vtd_register::fedata)),
                            write4(r_feaddr, s.unit(1).peek(vtd_register::feaddr)),
                            write4(r_feuaddr, 0)};
  EXPECT_EQ(all,
            chain({no_faults(),
                   {read4(r_gsts), write4(r_iqt, 0), write8(r_iqa, iommu.qi->desc_phys.value())},
                   command(qie),
                   command(qie | wbf),
                   message,
                   message,
                   {write4(r_fectl, 0), read4(r_fectl)},
                   set_root(iommu.root_entry_phys.value(), qie),
                   {submit(1), submit(2)},
                   command(qie | te),
                   {read4(r_pmen), write4(r_pmen, 0), read4(r_pmen)}}));
  EXPECT_EQ(state_of(s.driver(), iommu).domain_ids.taken(), 2);
}

TEST(Newcomer, LeavesNothingBehind) {
  plugged_system s;
  s.start();
  const uint64_t pages = s.pages().live_pages();
  const int64_t objects = s.slab().live();
  for (int i = 0; i < 2; ++i) {
    s.accept_all();
    ASSERT_EQ(s.add(), 0);
    EXPECT_GT(s.pages().live_pages(), pages);
    EXPECT_EQ(s.generation().iommu().iommu_device_list.size(), 2u);
    EXPECT_EQ(s.remove(), 0);
    EXPECT_EQ(s.known(), 1u);
    EXPECT_FALSE(s.translating());
    EXPECT_EQ(s.pages().live_pages(), pages);
    EXPECT_EQ(s.slab().live(), objects);
    EXPECT_FALSE(s.k().sysfs().exists("class/iommu/dmar1"));
    EXPECT_EQ(s.generation().iommu().iommu_device_list.size(), 1u);
  }
  EXPECT_TRUE(s.pages().diagnoses().empty());
}

TEST(Newcomer, NeedsMemory) {
  plugged_system s;
  s.start();
  const uint64_t pages = s.pages().live_pages();
  const int64_t objects = s.slab().live();
  unsigned failures = 0;
  for (uint64_t n = 1; n <= 40; ++n) {
    for (const bool page : {true, false}) {
      s.accept_all();
      page ? s.pages().failures().fail_at(n) : s.slab().fail_at(n);
      const int ret = s.add();
      s.pages().failures().fail_never();
      s.slab().fail_never();
      if (ret != 0) {
        ++failures;
      } else {
        ASSERT_EQ(s.known(), 2u);
        ASSERT_TRUE(s.translating());
        ASSERT_EQ(s.remove(), 0);
      }
      ASSERT_EQ(s.pages().live_pages(), pages) << page << " " << n;
      ASSERT_EQ(s.slab().live(), objects) << page << " " << n;
      ASSERT_EQ(s.known(), 1u);
      ASSERT_FALSE(s.translating());
    }
  }
  EXPECT_GT(failures, 3u);
  EXPECT_TRUE(s.pages().diagnoses().empty());
}

// dmar_set_interrupt() failing: what was made goes, the error is the interrupt's.
TEST(Newcomer, NeedsAVector) {
  plugged_system s;
  s.start();
  const uint64_t pages = s.pages().live_pages();
  s.k().irqs().limit(1);
  EXPECT_EQ(s.add(), -EINVAL);
  EXPECT_EQ(s.logged("DMAR: No free IRQ vectors"), 1);
  EXPECT_FALSE(s.translating());
  EXPECT_EQ(s.known(), 1u);
  EXPECT_EQ(s.pages().live_pages(), pages);
}

// The others have pages of 1 GiB: domains that there are may be of them. The audit comes before,
// and lowers the newcomer's to what all have, which is none where it lets a newcomer pass.
TEST(Newcomer, NeedsTheSuperpagesOfTheOthers) {
  for (const uint8_t pages : {uint8_t{0}, uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
    for (const char* option : {"on", "on,sp_off"}) {
      plugged_system s(default_cap().set_super_pages(pages), default_ecap(), option, 3);
      s.start();
      const bool none_asked = std::string_view(option) != "on";
      EXPECT_EQ(s.add(), none_asked ? 0 : -ENXIO) << int{pages};
      EXPECT_EQ(s.logged("DMAR: dmar1: Doesn't support large page."), none_asked ? 0 : 1);
    }
  }
}

TEST(Newcomer, IsLookedAtOnlyWhereTheDriverRuns) {
  plugged_system s(default_cap(), default_ecap(), "off");
  EXPECT_EQ(s.boot(), -ENODEV);
  dmar_drhd_unit& drhd = s.driver().dmar_drhd_units.front();
  s.events().clear();
  EXPECT_EQ(dmar_iommu_hotplug(s.driver(), drhd, true), 0);
  EXPECT_TRUE(s.accesses().empty());
}

TEST(Newcomer, HasToBeAUnit) {
  plugged_system s;
  s.start();
  dmar_drhd_unit nobody;
  nobody.iommu = nullptr;
  EXPECT_EQ(dmar_iommu_hotplug(s.driver(), nobody, true), -EINVAL);
}

// disable_dmar_iommu(): WARN_ON() while a domain is on it; its translation stays on.
TEST(Leaver, WithDomainsIsWarnedOf) {
  plugged_system s;
  s.start();
  ASSERT_EQ(s.add(), 0);
  domain_id_bitmap& ids = state_of(s.driver(), s.iommu(1)).domain_ids;
  ids.take(2);
  s.events().clear();
  EXPECT_EQ(dmar_iommu_hotplug(s.driver(), *s.iommu(1).drhd, false), 0);
  EXPECT_TRUE(s.log_contains("disable_dmar_iommu"));
  EXPECT_TRUE(s.accesses("dmar1").empty());
  EXPECT_TRUE(s.translating());
  EXPECT_TRUE(ids.empty());
}

TEST(Leaver, IsSwitchedOffOnce) {
  plugged_system s;
  s.start();
  ASSERT_EQ(s.add(), 0);
  s.events().clear();
  EXPECT_EQ(dmar_iommu_hotplug(s.driver(), *s.iommu(1).drhd, false), 0);
  EXPECT_EQ(s.accesses("dmar1"), command(qie));
  s.events().clear();
  EXPECT_EQ(dmar_iommu_hotplug(s.driver(), *s.iommu(1).drhd, false), 0);
  EXPECT_TRUE(s.accesses("dmar1").empty());
}

// dmar_parse_one_atsr(), dmar_check_one_atsr(), dmar_release_one_atsr(): a structure comes once,
// stays while a port of it is there, and goes.
TEST(RootPorts, ComeAndGoWithAUnit) {
  const dmar_scope_spec scope[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  for (const bool all : {true, false}) {
    plugged_system s;
    s.start();
    s.pci().remove(s.function(in_scope));
    dmar_builder table(39);
    all ? table.add_atsr(1, 0) : table.add_atsr(0, 0, scope);
    s.acpi.functions[dmar_dsm_function::atsr] = structures(table);
    const int64_t objects = s.slab().live();
    ASSERT_EQ(s.add(), 0);
    EXPECT_EQ(s.driver().dmar_atsr_units.size(), 1u);
    EXPECT_EQ(s.driver().dmar_atsr_units.front().include_all, all);
    EXPECT_EQ(s.add(), 0);
    EXPECT_EQ(s.driver().dmar_atsr_units.size(), 1u) << "it is there already";
    s.pci().rescan();
    EXPECT_EQ(s.remove(), all ? 0 : -EBUSY);
    EXPECT_EQ(s.translating(), !all);
    if (!all) {
      s.pci().remove(s.function(in_scope));
      EXPECT_EQ(s.remove(), 0);
    } else {
      s.pci().remove(s.function(in_scope));
    }
    EXPECT_TRUE(s.driver().dmar_atsr_units.empty());
    EXPECT_EQ(s.remove(), 0) << "there is nothing to remove";
    EXPECT_EQ(s.slab().live(), objects);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::unit_hotplug_test
