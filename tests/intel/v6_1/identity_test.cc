// SPDX-License-Identifier: GPL-2.0-only
//
// 6.1's identity domain where a unit cannot pass through: memory, and reserved regions of devices
// that are there (si_domain_init() and iommu_domain_identity_map() of its iommu.c), and context
// entries of devices that are in it (domain_context_mapping_one(), domain_context_clear_one()).
#include "intel/v6_1/identity.h"

#include <gmock/gmock.h>

#include "intel/v6_12/pasid_system.h"
#include "kernel/v6_1/profile.h"

namespace iommulab::v6_1::identity_test {
namespace {

using test::at, test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;

constexpr uint64_t frame = ~uint64_t{0xfff};

struct system : test::linux_6_12::system {
  explicit system(const small_machine& m, const std::string& more_words = "iommu=pt")
      : test::linux_6_12::system(m.build(), "on,sm_on", more_words, v6_1::profile()) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
  /// Where the identity domain leads; 0 for nowhere.
  uint64_t reached(uint64_t address) {
    const v6_12::dmar_domain& d = *driver().si_domain;
    const uint64_t entry = leaf(d.pgd.value(), static_cast<unsigned>(d.agaw) + 2, address);
    if (entry == 0) return 0;
    EXPECT_EQ(entry & 3, 3u);
    const uint64_t size = (entry & 0x80) != 0 ? uint64_t{2} << 20 : 0x1000;
    return (entry & 0x000ffffffffff000) + (address & (size - 1));
  }
};

small_machine without_pass_through() {
  small_machine m;
  m.set_ecap(default_ecap().set_pass_through(false));
  return m;
}
const dmar_scope_spec of_nic[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
const dmar_scope_spec of_both[] = {dmar_scope_spec::endpoint(0, {{3, 0}}),
                                   dmar_scope_spec::endpoint(0, {{0, 0}})};
const dmar_scope_spec of_nobody[] = {dmar_scope_spec::endpoint(0, {{9, 0}})};

// Regions in memory, which is mapped already, and above it, once for each device; not those of
// devices that are not there.
TEST(Identity, HasReservedRegionsToo) {
  small_machine m = without_pass_through();
  m.table = dmar_builder(39)
                .add_drhd(1, 0, test::small_unit_base)
                .add_rmrr(0, 0x2000000, 0x2002fff, of_nic)
                .add_rmrr(0, 0x80000000, 0x80001fff, of_both)
                .add_rmrr(0, 0x90000000, 0x90000fff, of_nobody)
                .finish();
  system s(m);
  for (const uint64_t address : {0x0u, 0x1ffffffu, 0x2000000u, 0x2002fffu, 0x2003000u, 0x3ffffffu,
                                 0x80000000u, 0x80001fffu}) {
    EXPECT_EQ(s.reached(address), address) << std::hex << address;
  }
  for (const uint64_t address : {0x4000000u, 0x7ffff000u, 0x80002000u, 0x90000000u}) {
    EXPECT_EQ(s.reached(address), 0u) << std::hex << address;
  }
  EXPECT_FALSE(s.log_contains("already set")) << "what is mapped is cleared first";
  EXPECT_FALSE(s.log_contains("WARNING"));
}

// Nothing is mapped where all units pass through.
TEST(Identity, IsEmptyWhereDevicesPassThrough) {
  system s{small_machine()};
  ASSERT_NE(s.driver().si_domain, nullptr);
  EXPECT_EQ(s.reached(0x1000), 0u);
}

// -EFAULT without the domain; -ENOMEM when its tables cannot be had, in memory or for a region.
TEST(Identity, NeedsMemoryForItsTables) {
  small_machine m = without_pass_through();
  m.table = dmar_builder(39)
                .add_drhd(1, 0, test::small_unit_base)
                .add_rmrr(0, 0x80000000, 0x80001fff, of_nic)
                .finish();
  system s(m);
  v6_12::dmar_domain* const real = s.driver().si_domain;
  EXPECT_EQ(si_domain_init(s.driver(), /*hw=*/true), 0);
  si_domain_exit(s.driver());
  EXPECT_EQ(s.driver().si_domain, nullptr);
  const uint64_t live = s.pages().live_pages();
  EXPECT_EQ(si_domain_init(s.driver(), /*hw=*/false), 0);
  const uint64_t tables = s.pages().live_pages() - live;
  si_domain_exit(s.driver());
  EXPECT_EQ(s.pages().live_pages(), live);
  ASSERT_GT(tables, 3u);
  for (uint64_t n = 1; n <= tables; ++n) {
    s.pages().failures().fail_at(n);
    EXPECT_EQ(si_domain_init(s.driver(), /*hw=*/false), n == 1 ? -EFAULT : -ENOMEM) << n;
    s.pages().failures().fail_never();
    EXPECT_EQ(s.driver().si_domain == nullptr, n == 1);
    si_domain_exit(s.driver());
    EXPECT_EQ(s.pages().live_pages(), live);
  }
  s.driver().si_domain = real;
}

// A region that the domain, of 57 bits, cannot hold is warned of and left out; those behind it are
// mapped. The table's last region is the first in the list.
TEST(Identity, LeavesOutWhatItCannotHold) {
  small_machine m = without_pass_through();
  m.table = dmar_builder(39)
                .add_drhd(1, 0, test::small_unit_base)
                .add_rmrr(0, 0x80000000, 0x80000fff, of_nic)
                .add_rmrr(0, 0xa0000000, 0xa0000fff, of_nic)
                .finish();
  system s(m);
  v6_12::dmar_domain* const real = s.driver().si_domain;
  constexpr uint64_t end = uint64_t{1} << 57;
  const auto again = [&](uint64_t first, uint64_t last) {
    s.driver().dmar_rmrr_units.front().base_address = first;
    s.driver().dmar_rmrr_units.front().end_address = last;
    EXPECT_EQ(si_domain_init(s.driver(), /*hw=*/false), 0);
    const bool mapped = s.reached(first) != 0;
    EXPECT_EQ(s.reached(0x80000000), 0x80000000u);
    si_domain_exit(s.driver());
    return mapped;
  };
  const auto warnings = [&] { return s.logged("WARNING: at si_domain_init()"); };
  EXPECT_TRUE(again(end - 0x1000, end - 1));
  EXPECT_FALSE(s.log_contains("WARNING"));
  EXPECT_FALSE(again(end - 0x1000, end));
  EXPECT_EQ(warnings(), 1);
  EXPECT_FALSE(again(0xa0001000, 0xa0000fff));
  EXPECT_EQ(warnings(), 2);
  EXPECT_TRUE(again(0xa0000000, 0xa0000000)) << "a page, of which firmware wants a byte";
  EXPECT_EQ(warnings(), 2);
  s.driver().si_domain = real;
}

// Scalable mode: the context entry leads to the directory as for any domain, and goes under id 1
// where the unit passes through.
TEST(Identity, InScalableModeIsPassThroughOfAPasid) {
  for (const bool passes : {true, false}) {
    system s(pasid_machine(pasid_machine::second_level().set_pass_through(passes)));
    const unsigned id = passes ? 1
                               : v6_12::domain_id_iommu(*s.driver().si_domain,
                                                        *s.driver().dmar_drhd_units.front().iommu);
    EXPECT_EQ(s.scalable_context(nic).first & 0xfff, 0xe09u);
    const uint64_t entry = s.word(s.scalable_context(nic).first & frame) & frame;
    EXPECT_EQ(s.word(entry) & 0xfff, passes ? 0x105u : 0x85u);
    EXPECT_EQ(s.word(entry + 8), id);
    s.pci().remove(*s.dev(nic).pci);
    const auto told = [&](std::string_view kind, uint64_t low) {
      return absl::StrFormat("qi_submit: %s dmar0: 0x%x 0x0 0x0 0x0", kind, low);
    };
    // The PASID's entry; then the context entry: by device, all PASIDs of the domain, the domain.
    EXPECT_THAT(s.notes("qi_submit"),
                ElementsAre(told("pc_inv", id << 16 | 0x17),
                            passes ? told("p_iotlb_inv", id << 16 | 0x26)
                                   : told("iotlb_inv", id << 16 | 0xe2),
                            told("cc_inv", uint64_t{nic.devfn} << 32 | id << 16 | 0x31),
                            told("pc_inv", id << 16 | 0x07), told("iotlb_inv", id << 16 | 0xe2)))
        << passes;
    EXPECT_EQ(s.scalable_context(nic), std::pair(uint64_t{0}, uint64_t{0}));
  }
}

// 9.4: DTE, bit 2; PASIDE, bit 3; PRE, bit 4: page requests, which a unit has to drain.
TEST(Identity, SaysWhatADeviceMayAskFor) {
  for (unsigned with = 0; with < 4; ++with) {
    const bool ats = (with & 1) != 0;
    const bool requests = with == 3;
    pasid_machine m(pasid_machine::second_level()
                        .set_device_tlb(true)
                        .set_page_requests(true)
                        .set_page_request_drain(true));
    m.set_function(20, ats);
    if (requests) {
      function_builder b(nic, 0x8086, 0x1533, 0x020000);
      b.express(pci_exp_type::rc_endpoint, 0x40);
      b.extended_capability(pci_ext_cap_id_pasid, 1, 0x100).device_register(0x104, 2, 20 << 8);
      b.ats(0x140, 4).extended_capability(pci_ext_cap_id_pri, 1, 0x160);
      m.functions[1] = b.build();
    }
    system s(m);
    EXPECT_EQ(s.scalable_context(nic).first & 0x1ff, 9u | (ats ? 4 : 0) | (requests ? 16 : 0))
        << with;
  }
}

}  // namespace
}  // namespace iommulab::v6_1::identity_test
