// SPDX-License-Identifier: GPL-2.0-only
//
// Domains whose accesses snoop the processor's caches whatever a device asks for:
// intel_iommu_enforce_cache_coherency() of 6.12 and 6.1. Second-level leaves have bit 11 (SNP, VT-d
// specification 9.8) then, PASID table entries of first-level tables bit 24 of the second word
// (PGSNP, 9.6).
#include <gmock/gmock.h>

#include "intel/v6_12/pasid_system.h"
#include "support/v6_12/releases.h"

namespace iommulab::v6_12::snooping_test {
namespace {

using test::at, test::nic, test::pasid_machine, test::pasid_system, test::small_machine;

constexpr uint64_t leaf_snoops = 1 << 11;
constexpr uint64_t entry_snoops = uint64_t{1} << 24;
constexpr uint64_t second_base = 0xfeda0000;
constexpr source_id other_nic = at(0, 4);

struct system : test::linux_6_12::system {
  explicit system(const machine_config& machine, const kernel_profile& profile = v6_12::profile())
      : test::linux_6_12::system(machine, "on", "", profile) {
    EXPECT_EQ(boot(), 0);
    domain = iommu_domain_alloc(generation().iommu(), *generation().iommu().buses.back());
  }
  ~system() {
    for (const source_id id : attached) iommu_detach_device(*domain, dev(id));
    iommu_domain_free(*domain);
  }
  int attach(source_id id) {
    const int ret = iommu_attach_device(*domain, dev(id));
    if (ret == 0) attached.push_back(id);
    return ret;
  }
  bool enforce() { return domain->ops->enforce_cache_coherency(*domain); }
  void map(uint64_t page) {
    EXPECT_EQ(iommu_map(*domain, dma_addr(page << 12), phys_addr(0x800000), 0x1000,
                        iommu_read | iommu_write),
              0);
  }
  uint64_t leaf_of(uint64_t page) {
    const auto& d = static_cast<const dmar_domain&>(*domain);
    return leaf(d.pgd.value(), static_cast<unsigned>(d.agaw) + 2, page << 12);
  }
  iommu_domain* domain = nullptr;
  std::vector<source_id> attached;
};

machine_config one_unit(bool snoops) {
  small_machine m;
  return m.set_ecap(default_ecap().set_snoop_control(snoops)).build();
}
/// nic behind a unit that can snoop, other_nic behind one that cannot.
machine_config two_units() {
  small_machine m;
  m.set_ecap(default_ecap().set_snoop_control(true)).add_unit(second_base);
  m.add_function(test::plain_function(other_nic, 0x8086, 0x10d3, 0x020000));
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{4, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(0, 0, second_base, scopes)
                .add_drhd(1, 0, test::small_unit_base)
                .finish();
  return m.build();
}

// What is mapped from then on has the bit; what was asked for once stays so, mapped or not.
TEST(Snooping, IsInLeavesThatComeAfter) {
  system s(one_unit(true));
  ASSERT_EQ(s.attach(nic), 0);
  EXPECT_TRUE(s.enforce());
  s.map(1);
  EXPECT_EQ(s.leaf_of(1), 0x800003 | leaf_snoops);
  EXPECT_TRUE(s.enforce());
  const dma_translation reached = s.test::system::dma(nic, 0x1000);
  EXPECT_EQ(reached.address, 0x800000u) << "the bit is none of the unit's reserved ones";
}

TEST(Snooping, IsNotThereUnlessAskedFor) {
  system s(one_unit(true));
  ASSERT_EQ(s.attach(nic), 0);
  s.map(1);
  EXPECT_EQ(s.leaf_of(1), 0x800003u);
}

// 6.12 refuses when leaves without the bit are there; 6.1 lets them be.
TEST(Snooping, ComesTooLateForLeavesThatAreThere) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    const bool early = profile == &test::linux_6_1();
    system s(one_unit(true), *profile);
    ASSERT_EQ(s.attach(nic), 0);
    s.map(1);
    EXPECT_EQ(s.enforce(), early) << profile->name();
    EXPECT_EQ(s.enforce(), early) << "and again";
    s.map(2);
    EXPECT_EQ(s.leaf_of(1), 0x800003u);
    EXPECT_EQ(s.leaf_of(2), 0x800003 | (early ? leaf_snoops : 0));
  }
}

// ECAP.SC of every unit that a device of the domain is behind.
TEST(Snooping, NeedsEveryUnit) {
  {
    system s(one_unit(false));
    ASSERT_EQ(s.attach(nic), 0);
    EXPECT_FALSE(s.enforce());
    s.map(1);
    EXPECT_EQ(s.leaf_of(1), 0x800003u);
  }
  for (const bool that_cannot : {false, true}) {
    system s(two_units());
    ASSERT_EQ(s.attach(nic), 0);
    if (that_cannot) {
      ASSERT_EQ(s.attach(other_nic), 0);
    }
    EXPECT_EQ(s.enforce(), !that_cannot);
  }
}

// prepare_domain_attach_device(): -EINVAL behind a unit that cannot, once it was promised.
TEST(Snooping, KeepsDevicesOutThatCannot) {
  system s(two_units());
  EXPECT_TRUE(s.enforce()) << "no device is in it yet";
  EXPECT_EQ(s.attach(other_nic), -EINVAL);
  EXPECT_EQ(s.attach(nic), 0);
  s.map(1);
  EXPECT_EQ(s.leaf_of(1), 0x800003 | leaf_snoops);
}

// First-level leaves have no such bit: the entries of the domain's devices get it, mapped or not,
// and those that come later have it at once.
TEST(Snooping, IsInTheEntriesOfFirstLevelTables) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    pasid_machine m(pasid_machine::first_level().set_snoop_control(true),
                    pasid_machine::four_levels());
    pasid_system s(m, *profile);
    iommu_domain& domain = *info_of(s.dev()).domain;
    const auto snoops = [&] { return (s.entry(0)[1] & entry_snoops) != 0; };
    s.dma().map_page(s.dev(), phys_addr(0x100000), 0, 0x1000, dma_data_direction::to_device);
    EXPECT_FALSE(snoops());
    EXPECT_TRUE(domain.ops->enforce_cache_coherency(domain)) << profile->name();
    EXPECT_TRUE(snoops());
    s.events().clear();
    EXPECT_TRUE(domain.ops->enforce_cache_coherency(domain));
    EXPECT_TRUE(s.notes("qi_submit").empty()) << "the second time there is nothing to do";
    const dma_addr later =
        s.dma().map_page(s.dev(), phys_addr(0x100000), 0, 0x1000, dma_data_direction::to_device);
    EXPECT_EQ(s.leaf(s.top_of(domain), 4, later.value()) & 0xfff, 0x25u);
    if (profile == &test::linux_6_1()) continue;
    ASSERT_EQ(s.attach(domain, 66), 0);
    EXPECT_NE(s.entry(66)[1] & entry_snoops, 0u);
    s.detach(domain, 66);
    // The same without the promise.
    iommu_domain& other = s.new_domain();
    ASSERT_EQ(s.attach(other, 66), 0);
    EXPECT_EQ(s.entry(66)[1] & entry_snoops, 0u);
    s.detach(other, 66);
    iommu_domain_free(other);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::snooping_test
