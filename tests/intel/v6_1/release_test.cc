// SPDX-License-Identifier: GPL-2.0-only
//
// What 6.1 does otherwise than 6.12, both run side by side: rows of kernel/v6_12/changes.cc that a
// driver or its core shows. Expected are golden/kernel/v6_1 and v6_12, their READMEs' facts, and
// 6.1's source where no recording comes by.
#include <gmock/gmock.h>

#include "kernel/v6_1/profile.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_1 {
namespace {

using test::at;
using test::small_machine;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto both_ways = dma_data_direction::bidirectional;

struct system : test::linux_6_12::system {
  system(const machine_config& machine, const kernel_profile& profile,
         const std::string& intel_iommu = "on", const std::string& more_words = "")
      : test::linux_6_12::system(machine, intel_iommu, more_words, profile) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
  device& nic() { return dev(test::nic); }
  dma_addr map() { return dma().map_page(nic(), phys_addr(0x100000), 0, 0x1000, both_ways); }
  absl::Status write_type(unsigned group, std::string_view type) {
    return k().sysfs().write(absl::StrFormat("kernel/iommu_groups/%d/type", group), type);
  }
};

vtd::ecap_register without_pass_through() {
  return default_ecap().set_pass_through(false);
}
vtd::ecap_register scalable_ecap() {
  return default_ecap().set_scalable_mode(true).set_second_level(true).set_snoop_control(true);
}
vtd::ecap_register first_level_ecap() {
  return default_ecap().set_scalable_mode(true).set_first_level(true).set_pasid_bits(20);
}
vtd::cap_register four_level_cap() {
  return default_cap().set_sagaw(0b00100).set_max_guest_address_width(48);
}

/// Two functions of one device, which share a group, beside the small machine's.
small_machine with_shared_group() {
  small_machine m;
  for (const unsigned function : {0u, 1u}) {
    m.add_function(
        function_builder(at(0, 4, function), 0x1234, 0x5678, 0x020000).multifunction().build());
  }
  return m;
}

// v6_1/README.md: "Strict unmap: PSI with IH=0"; 6.12's fact 17: with the hint, bit 6.
TEST(linux_6_1, loses_the_hint_that_no_table_went) {
  for (const auto& [profile, hint] :
       {std::pair(&v6_1::profile(), uint64_t{0}), std::pair(&v6_12::profile(), uint64_t{0x40})}) {
    system s(small_machine().build(), *profile, "on", "iommu.strict=1");
    const dma_addr handle = s.map();
    EXPECT_THAT(s.notes("qi_submit"), IsEmpty()) << profile->name();
    s.dma().unmap_page(s.nic(), handle, 0x1000, both_ways);
    EXPECT_THAT(s.notes("qi_submit"),
                ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x300f2 0x%x 0x0 0x0",
                                            handle.value() | hint)))
        << profile->name();
  }
}

// No cache tags: no event of theirs.
TEST(linux_6_1, has_no_cache_tags) {
  system s(small_machine().build(), v6_1::profile(), "on", "iommu.strict=1");
  s.dma().unmap_page(s.nic(), s.map(), 0x1000, both_ways);
  EXPECT_THAT(s.notes("cache_tag"), IsEmpty());
}

// v6_1/README.md, passthrough: an si_domain from start-up, id 2 and domains_used 3; 6.12 1 and 2.
TEST(linux_6_1, has_one_identity_domain_with_an_id_of_its_own) {
  for (const auto& [profile, id, used] :
       {std::tuple(&v6_1::profile(), 2u, "3\n"), std::tuple(&v6_12::profile(), 1u, "2\n")}) {
    system s(small_machine().build(), *profile, "on", "iommu=pt");
    const auto [lo, hi] = s.context(test::nic);
    EXPECT_EQ(lo, 0x9u) << profile->name() << ": present, translation type 2, no table";
    EXPECT_EQ(hi >> 8, id) << profile->name();
    const auto file = s.k().sysfs().read("devices/virtual/iommu/dmar0/intel-iommu/domains_used");
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(*file, used) << profile->name();
  }
}

// 6.1 drivers/iommu/intel/iommu.c: si_domain_init() maps all of memory where a unit cannot pass
// through; 6.12's device_def_domain_type() makes such devices translated.
TEST(linux_6_1, maps_all_of_memory_where_a_unit_cannot_pass_through) {
  small_machine m;
  const machine_config machine = m.set_ecap(without_pass_through()).build();
  system s(machine, v6_1::profile(), "on", "iommu=pt");
  const auto [lo, hi] = s.context(test::nic);
  EXPECT_EQ(lo & 0xf, 1u) << "translated";
  EXPECT_EQ(hi >> 8, 2u);
  const uint64_t table = lo & ~uint64_t{0xfff};
  for (const uint64_t address : {uint64_t{0x1000}, uint64_t{0x123000}, m.ram - 0x1000}) {
    const uint64_t leaf = s.leaf(table, 3, address);
    EXPECT_EQ(leaf & 3, 3u) << std::hex << address;
    const uint64_t size = (leaf & 0x80) != 0 ? uint64_t{2} << 20 : 0x1000;
    EXPECT_EQ(leaf & ~uint64_t{0xfff}, address & ~(size - 1));
  }
  EXPECT_EQ(s.leaf(table, 3, m.ram), 0u) << "and nothing behind memory";

  system later(machine, v6_12::profile(), "on", "iommu=pt");
  EXPECT_EQ(later.nic().group->default_domain->type, iommu_domain_type::dma);
}

// 6.1's iommu_group_store_type(): one device, without a driver; 6.12: any number.
TEST(linux_6_1, changes_the_type_of_a_group_of_one) {
  const machine_config machine = with_shared_group().build();
  system s(machine, v6_1::profile());
  const unsigned shared = static_cast<unsigned>(s.dev(at(0, 4)).group->id);
  const unsigned own = static_cast<unsigned>(s.nic().group->id);
  EXPECT_FALSE(s.write_type(shared, "identity").ok());
  EXPECT_THAT(s.log_text(),
              HasSubstr("Cannot change default domain: Group has more than one device"));
  EXPECT_TRUE(s.write_type(own, "identity").ok());
  EXPECT_EQ(s.context(test::nic).first & 0xf, 9u);
  EXPECT_TRUE(s.write_type(own, "auto").ok());
  EXPECT_EQ(s.nic().group->default_domain->type, iommu_domain_type::dma_fq);
  EXPECT_EQ(s.context(test::nic).first & 0xf, 1u);
  EXPECT_TRUE(s.write_type(own, "DMA").ok());
  s.nic().driver = "e1000e";
  EXPECT_FALSE(s.write_type(own, "identity").ok());
  EXPECT_THAT(s.log_text(), HasSubstr("Device is still bound to driver"));
  EXPECT_TRUE(s.write_type(own, "DMA-FQ").ok()) << "a queue can be added while it is in use";
  s.nic().driver.clear();

  system later(machine, v6_12::profile());
  EXPECT_TRUE(later.write_type(shared, "identity").ok());
  EXPECT_EQ(later.context(at(0, 4)).first & 0xf, 9u);
}

// device_is_rmrr_locked(): a user cannot have the addresses of a device whose region firmware goes
// on using.
TEST(linux_6_1, keeps_devices_with_reserved_regions_out_of_users_domains) {
  small_machine m;
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(/*flags=*/1, 0, test::small_unit_base)
                .add_rmrr(0, 0x3000000, 0x3000fff, scopes)
                .finish();
  for (const kernel_profile* profile : {&v6_1::profile(), &v6_12::profile()}) {
    system s(m.build(), *profile);
    auto& iommu = s.generation().iommu();
    v6_12::iommu_domain* domain = v6_12::iommu_domain_alloc(iommu, *iommu.buses.back());
    ASSERT_NE(domain, nullptr);
    const int ret = v6_12::iommu_attach_device(*domain, s.nic());
    EXPECT_EQ(ret, profile == &v6_1::profile() ? -EPERM : 0) << profile->name();
    const auto said =
        HasSubstr("Device is ineligible for IOMMU domain attach due to platform RMRR");
    if (ret != 0) {
      EXPECT_THAT(s.log_text(), said);
      EXPECT_EQ(s.nic().group->domain, s.nic().group->default_domain);
      EXPECT_EQ(s.context(test::nic).first & 1, 1u) << "and it is back in its own";
    } else {
      EXPECT_THAT(s.log_text(), Not(said));
      v6_12::iommu_detach_device(*domain, s.nic());
    }
    v6_12::iommu_domain_free(*domain);
  }
}

// Scalable mode: the context entry goes with the domain in 6.1, and stays in 6.12.
TEST(linux_6_1, writes_scalable_context_entries_at_the_attach) {
  small_machine m;
  const machine_config machine = m.set_ecap(scalable_ecap()).build();
  for (const kernel_profile* profile : {&v6_1::profile(), &v6_12::profile()}) {
    system s(machine, *profile, "on,sm_on");
    const auto context = s.scalable_context(test::nic);
    EXPECT_EQ(context.first & 0xfff, 0x401u) << profile->name() << ": directory, size code 2";
    const uint64_t entry = s.word(context.first & ~uint64_t{0xfff}) & ~uint64_t{0xfff};
    EXPECT_EQ(s.word(entry) & 0xfff, 0x85u) << "AW 1, second level";
    auto& iommu = s.generation().iommu();
    v6_12::iommu_domain* domain = v6_12::iommu_domain_alloc(iommu, *iommu.buses.back());
    ASSERT_EQ(v6_12::iommu_attach_device(*domain, s.nic()), 0);
    EXPECT_EQ(s.scalable_context(test::nic), context);
    v6_12::iommu_detach_device(*domain, s.nic());
    v6_12::iommu_domain_free(*domain);
    s.pci().remove(*s.nic().pci);
    EXPECT_EQ(s.scalable_context(test::nic), std::pair(uint64_t{0}, uint64_t{0}));
  }
}

// DMA_FL_PTE_XD in every first-level entry, and NXE, bit 133, in the PASID entry (9.6, 9.7).
TEST(linux_6_1, forbids_execution_in_first_level_tables) {
  constexpr uint64_t execute_disable = uint64_t{1} << 63;
  constexpr uint64_t no_execute_enable = uint64_t{1} << 5;
  small_machine m;
  const machine_config machine = m.set_cap(four_level_cap()).set_ecap(first_level_ecap()).build();
  for (const kernel_profile* profile : {&v6_1::profile(), &v6_12::profile()}) {
    const bool early = profile == &v6_1::profile();
    system s(machine, *profile);
    const uint64_t entry =
        s.word(s.scalable_context(test::nic).first & ~uint64_t{0xfff}) & ~uint64_t{0xfff};
    EXPECT_EQ(s.word(entry) & 0x1ff, 0x049u) << "present, AW 2, first level";
    EXPECT_EQ(s.word(entry + 16) & no_execute_enable, early ? no_execute_enable : 0);
    const uint64_t table = s.word(entry + 16) & ~uint64_t{0xfff};
    const dma_addr handle = s.map();
    const uint64_t bits = early ? execute_disable : 0;
    EXPECT_EQ(s.word(table + 8 * (handle.value() >> 39 & 511)) & (execute_disable | 0xfff),
              bits | 0x27);
    uint64_t at_level = table;
    for (unsigned level = 4; level > 1; --level) {
      at_level = s.word(at_level + 8 * (handle.value() >> (12 + 9 * (level - 1)) & 511)) &
                 0x000ffffffffff000;
    }
    EXPECT_EQ(s.word(at_level + 8 * (handle.value() >> 12 & 511)), bits | 0x100067);
    // The device reaches the page all the same.
    const dma_translation reached = s.test::system::dma(test::nic, handle.value());
    EXPECT_EQ(reached.outcome, dma_outcome::translated)
        << profile->name() << ": reason " << static_cast<int>(reached.reason);
  }
}

// Attach in caching mode, and mappings: golden/kernel/v6_12/boot/caching-mode's fact 12, which 6.1
// does alike but for the hint.
TEST(linux_6_1, tells_a_caching_unit_of_what_comes) {
  small_machine m;
  m.set_cap(default_cap().set_caching_mode(true));
  test::linux_6_12::system s(m.build(), "on", "", v6_1::profile());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(s.notes("qi_submit"), Contains("qi_submit: cc_inv dmar0: 0x1800000031 0x0 0x0 0x0"));
  EXPECT_THAT(s.notes("qi_submit"), Contains("qi_submit: iotlb_inv dmar0: 0x300e2 0x0 0x0 0x0"));
  s.events().clear();
  device& nic = s.dev(test::nic);
  const dma_addr handle = s.dma().map_page(nic, phys_addr(0x100000), 0, 0x1000, both_ways);
  EXPECT_THAT(s.notes("qi_submit"),
              ElementsAre(absl::StrFormat("qi_submit: iotlb_inv dmar0: 0x300f2 0x%x 0x0 0x0",
                                          handle.value())));
}

// A function that comes to a group in use: attached by joining, and once more. 6.12: once.
TEST(linux_6_1, attaches_a_newcomer_twice) {
  const machine_config machine = with_shared_group().build();
  for (const auto& [profile, times] :
       {std::pair(&v6_1::profile(), 2), std::pair(&v6_12::profile(), 1)}) {
    system s(machine, *profile);
    s.pci().remove(*s.dev(at(0, 4, 1)).pci);
    s.events().clear();
    s.pci().rescan();
    EXPECT_THAT(s.notes("attach_device_to_domain"),
                ::testing::ElementsAreArray(std::vector<std::string>(
                    static_cast<size_t>(times), "attach_device_to_domain: device=0000:00:04.1")))
        << profile->name();
    EXPECT_EQ(s.context(at(0, 4, 1)), s.context(at(0, 4)));
  }
}

// BUG_ON(!pfn_to_dma_pte(…)): a divergence of 6.1 alone.
TEST(linux_6_1, would_panic_at_an_unmap_beyond_the_domain) {
  for (const auto& [profile, told] :
       {std::pair(&v6_1::profile(), 1u), std::pair(&v6_12::profile(), 0u)}) {
    system s(small_machine().build(), *profile);
    auto& iommu = s.generation().iommu();
    v6_12::iommu_domain* domain = v6_12::iommu_domain_alloc(iommu, *iommu.buses.back());
    ASSERT_EQ(v6_12::iommu_attach_device(*domain, s.nic()), 0);
    EXPECT_EQ(v6_12::iommu_unmap(*domain, dma_addr(uint64_t{1} << 60), 0x1000), 0u);
    EXPECT_EQ(s.env().divergences.total(), told) << profile->name();
    if (told != 0) {
      EXPECT_THAT(s.log_text(), HasSubstr("Linux 6.1 panics"));
    }
    v6_12::iommu_detach_device(*domain, s.nic());
    v6_12::iommu_domain_free(*domain);
  }
}

// The policy lines end in a blank (v6_1/README.md).
TEST(linux_6_1, ends_its_policy_with_a_blank) {
  system s(small_machine().build(), v6_1::profile());
  EXPECT_THAT(s.log_text(), HasSubstr("iommu: Default domain type: Translated \n"));
  EXPECT_THAT(s.log_text(), HasSubstr("iommu: DMA domain TLB invalidation policy: lazy mode \n"));
}

// Each request tries below 4 GiB; 6.12 gives up at the first that finds nothing.
TEST(linux_6_1, tries_below_4_gib_each_time) {
  for (const auto& [profile, told] :
       {std::pair(&v6_1::profile(), false), std::pair(&v6_12::profile(), true)}) {
    system s(small_machine().build(), *profile);
    s.nic().dma_mask = UINT64_MAX;
    v6_12::iova_domain& iovad =
        static_cast<v6_12::iommu_domain*>(s.nic().group->default_domain)->iova_cookie->iovad;
    reserve_iova(iovad, 1, 0xfffff);
    EXPECT_GT(s.map().value(), uint64_t{1} << 32) << profile->name();
    const auto notice = HasSubstr("Using 39-bit DMA addresses");
    if (told) {
      EXPECT_THAT(s.log_text(), notice);
    } else {
      EXPECT_THAT(s.log_text(), Not(notice));
    }
    EXPECT_EQ(s.nic().iommu->pci_32bit_workaround, !told);
  }
}

}  // namespace
}  // namespace iommulab::v6_1
