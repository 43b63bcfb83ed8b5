// SPDX-License-Identifier: GPL-2.0-only
//
// PASID directories, tables and entries: how large a directory is and what the context entry says
// of it, entries of each kind in tables of each kind (VT-d specification 9.4 to 9.6), and requests
// that are refused, as pasid.c of 6.12 refuses them.
#include "intel/v6_12/pasid.h"

#include <gmock/gmock.h>

#include "intel/v6_12/pasid_system.h"

namespace iommulab::v6_12::pasid_test {
namespace {

using test::nic, test::pasid_machine, test::pasid_system;
using words = pasid_system::words;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr words nothing{};

struct directory_of_a_device {
  const char* what;
  std::optional<unsigned> bits;  // of the device's PASIDs
  unsigned unit_bits;
  uint64_t low_bits;    // of its context entry
  uint32_t pasids;      // that there is room for
  unsigned page_count;  // of the directory
};
class DirectoryOfADevice : public ::testing::TestWithParam<directory_of_a_device> {};

// 9.4: PDTS X in bits 11:9 is a directory of 2^(X+7) entries, 64 PASIDs each; bit 3 lets requests
// with PASIDs pass. intel_pasid_alloc_table() takes whole pages, 512 entries each.
TEST_P(DirectoryOfADevice, IsAsLargeAsItsPasidsNeed) {
  const directory_of_a_device& p = GetParam();
  pasid_machine m(pasid_machine::second_level().set_pasid_bits(p.unit_bits));
  m.set_function(p.bits, /*ats=*/false);
  pasid_system s(m);
  EXPECT_EQ(s.scalable_context(nic).first & 0xfff, p.low_bits);
  EXPECT_EQ(s.scalable_context(nic).second, 0u);
  const pasid_table& table = *info_of(s.dev()).pasid;
  EXPECT_EQ(table.max_pasid, p.pasids);
  EXPECT_EQ(1u << table.order, p.page_count);
  // All of it is zero but for the link that PASID 0 has.
  for (uint64_t i = 1; i < uint64_t{512} * p.page_count; ++i) {
    ASSERT_EQ(s.word(s.directory() + 8 * i), 0u) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    ForEachWidth, DirectoryOfADevice,
    ::testing::Values(directory_of_a_device{"none", std::nullopt, 20, 0x401, 1u << 15, 1},
                      directory_of_a_device{"bits_5", 5, 20, 0x409, 1u << 15, 1},
                      directory_of_a_device{"bits_15", 15, 20, 0x409, 1u << 15, 1},
                      directory_of_a_device{"bits_16", 16, 20, 0x609, 1u << 16, 2},
                      directory_of_a_device{"bits_18", 18, 20, 0xa09, 1u << 18, 8},
                      directory_of_a_device{"bits_20", 20, 20, 0xe09, 1u << 20, 32},
                      directory_of_a_device{"the_unit_has_fewer", 20, 16, 0x609, 1u << 16, 2}),
    [](const auto& test_case) { return std::string(test_case.param.what); });

// Directory index PASID 19:6, table index 5:0.
TEST(Pasids, LieSixtyFourToATable) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  iommu_domain& domain = s.new_domain();
  const uint64_t live = s.pages().live_pages();
  const std::vector<uint32_t> pasids = {1, 63, 64, 0x12345, 0xfffff};
  for (const uint32_t pasid : pasids) ASSERT_EQ(s.attach(domain, pasid), 0) << pasid;
  EXPECT_EQ(s.pages().live_pages(), live + 3) << "PASID 0 had a table, three more have come";
  const words expected = {s.top_of(domain) | 0x85, s.id_of(domain)};
  for (uint32_t pasid : pasids) {
    EXPECT_EQ(s.link(pasid) & 0xfff, 1u);
    EXPECT_EQ(s.entry(pasid), expected) << pasid;
  }
  EXPECT_EQ(s.link(1), s.link(63));
  EXPECT_NE(s.link(63), s.link(64));
  for (const uint32_t pasid : {2u, 62u, 65u, 127u, 0x12344u, 0x12346u, 0xffffeu}) {
    EXPECT_EQ(s.entry(pasid), nothing) << pasid;
  }
  for (const uint32_t pasid : {128u, 0x8000u}) EXPECT_EQ(s.link(pasid), 0u) << pasid;
  for (const uint32_t pasid : pasids) {
    s.detach(domain, pasid);
    EXPECT_EQ(s.entry(pasid), nothing) << pasid;
  }
  EXPECT_EQ(s.pages().live_pages(), live + 3) << "tables stay with the device";
  iommu_domain_free(domain);
}

// intel_pasid_free_table(): with all tables, wherever in the directory.
TEST(Pasids, LeaveNoTableBehind) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  s.pci().remove(*s.dev().pci);
  const uint64_t live = s.pages().live_pages();
  const int64_t objects = s.slab().live();
  s.pci().rescan();
  EXPECT_EQ(s.pages().live_pages(), live + 32 + 1 + 1) << "directory, table, the domain's table";
  for (const uint32_t pasid : {64u, 512u * 64, 0xfffc0u}) {
    ASSERT_EQ(s.attach(s.identity(), pasid), 0);
    s.detach(s.identity(), pasid);
  }
  s.pci().remove(*s.dev().pci);
  EXPECT_EQ(s.pages().live_pages(), live);
  EXPECT_EQ(s.slab().live(), objects);
  EXPECT_THAT(s.pages().diagnoses(), IsEmpty());
}

// 9.6, word by word: AW in bits 4:2, PGTT in 8:6; the domain, and PWSNP in bit 23; FLPM in bits
// 3:2 of the third word. Identity has id 1 and no table (FLPT_DEFAULT_DID).
TEST(Pasids, HaveEntriesOfEachKind) {
  for (const bool snooping : {false, true}) {
    const uint64_t walks = snooping ? uint64_t{1} << 23 : 0;
    {
      pasid_system s{
          pasid_machine(pasid_machine::second_level().set_scalable_page_walk_coherency(snooping))};
      iommu_domain& domain = s.new_domain();
      ASSERT_EQ(s.attach(domain, 5), 0);
      ASSERT_EQ(s.attach(s.identity(), 6), 0);
      EXPECT_EQ(s.entry(5), (words{s.top_of(domain) | 0x85, s.id_of(domain) | walks}));
      EXPECT_EQ(s.entry(6), (words{0x105, 1 | walks}));
      s.detach(domain, 5);
      s.detach(s.identity(), 6);
      static_cast<dmar_domain&>(domain).dirty_tracking = true;  // SSADE, bit 9
      ASSERT_EQ(s.attach(domain, 5), 0);
      EXPECT_EQ(s.entry(5), (words{s.top_of(domain) | 0x285, s.id_of(domain) | walks}));
      s.detach(domain, 5);
      iommu_domain_free(domain);
    }
    for (const bool five : {false, true}) {
      pasid_system s{
          pasid_machine(pasid_machine::first_level().set_scalable_page_walk_coherency(snooping),
                        five ? pasid_machine::five_levels() : pasid_machine::four_levels())};
      iommu_domain& domain = s.new_domain();
      ASSERT_EQ(s.attach(domain, 5), 0);
      ASSERT_EQ(s.attach(s.identity(), 6), 0);
      const uint64_t width = five ? 3 << 2 : 2 << 2;
      EXPECT_EQ(s.entry(5),
                (words{0x41 | width, s.id_of(domain) | walks, s.top_of(domain) | (five ? 4 : 0)}));
      EXPECT_EQ(s.entry(6), (words{0x101 | width, 1 | walks}));
      s.detach(domain, 5);
      s.detach(s.identity(), 6);
      iommu_domain_free(domain);
    }
  }
}

// The device is in the domain: requests without a PASID have the same entry as PASID 0.
TEST(Pasids, AreReachedWithAndWithoutOne) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  iommu_domain& domain = s.new_domain();
  ASSERT_EQ(iommu_map(domain, dma_addr(0x40000000), phys_addr(0x800000), 0x1000, iommu_read), 0);
  ASSERT_EQ(s.attach(domain, 70), 0);
  dma_request request;
  request.source = nic;
  request.address = 0x40000000;
  request.length = 8;
  EXPECT_NE(s.unit().translate(request).outcome, dma_outcome::translated);
  request.with_pasid = true;
  request.pasid = 70;
  EXPECT_EQ(s.unit().translate(request).address, 0x800000u);
  request.pasid = 71;
  EXPECT_NE(s.unit().translate(request).outcome, dma_outcome::translated);
  s.detach(domain, 70);
  iommu_domain_free(domain);
}

// -EBUSY: an entry that is there stays as it is, whichever kind is asked for.
TEST(Pasids, AreNotTakenTwice) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  dmar_domain& domain = static_cast<dmar_domain&>(s.new_domain());
  ASSERT_EQ(s.attach(domain, 9), 0);
  const words before = s.entry(9);
  const auto ids = [&] { return state_of(s.driver(), s.iommu()).domain_ids.taken(); };
  const int taken = ids();
  s.events().clear();
  EXPECT_EQ(intel_pasid_setup_second_level(s.driver(), domain, s.dev(), 9), -EBUSY);
  EXPECT_EQ(intel_pasid_setup_pass_through(s.driver(), s.dev(), 9), -EBUSY);
  EXPECT_EQ(s.entry(9), before);
  // Through the operation: id and tag of the second domain go again.
  iommu_domain& other = s.new_domain();
  EXPECT_EQ(other.ops->set_dev_pasid(other, s.dev(), 9, nullptr), -EBUSY);
  EXPECT_EQ(s.entry(9), before);
  EXPECT_EQ(ids(), taken);
  EXPECT_EQ(s.notes("cache_tag_assign").size(), s.notes("cache_tag_unassign").size());
  EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
  s.detach(domain, 9);
  iommu_domain_free(other);
  iommu_domain_free(domain);
}

// WARN_ON() in intel_pasid_get_entry(): one past the last that the directory has room for.
TEST(Pasids, BeyondTheDirectoryAreRefused) {
  pasid_machine m(pasid_machine::second_level(), default_cap(), 8);
  pasid_system s(m);
  constexpr uint32_t room = 1u << 15;
  EXPECT_EQ(intel_pasid_setup_pass_through(s.driver(), s.dev(), room - 1), 0);
  EXPECT_FALSE(s.log_contains("WARNING"));
  EXPECT_EQ(intel_pasid_setup_pass_through(s.driver(), s.dev(), room), -ENODEV);
  EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_get_entry()"));
  intel_pasid_tear_down_entry(s.driver(), s.iommu(), s.dev(), room, /*fault_ignore=*/false);
  EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_tear_down_entry()"));
  intel_pasid_setup_page_snoop_control(s.driver(), s.dev(), room);
  EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_setup_page_snoop_control()"));
}

// No page for a table: -ENODEV, which intel_pasid_get_entry()'s callers make of null.
TEST(Pasids, NeedAPageForTheirTable) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  s.pages().failures().fail_at(1);
  EXPECT_EQ(s.attach(s.identity(), 64), -ENODEV);
  s.pages().failures().fail_never();
  EXPECT_EQ(s.link(64), 0u);
  EXPECT_EQ(s.attach(s.identity(), 64), 0);
}

// The unit has no such tables: said, and -EINVAL.
TEST(Pasids, AreRefusedTablesThatTheUnitHasNot) {
  pasid_system second{pasid_machine(pasid_machine::second_level())};
  dmar_domain& of_second = static_cast<dmar_domain&>(second.new_domain());
  EXPECT_EQ(intel_pasid_setup_first_level(second.driver(), of_second, second.dev(), 3, false),
            -EINVAL);
  EXPECT_TRUE(second.logged("DMAR: No first level translation support on dmar0"));
  iommu_domain_free(of_second);

  pasid_system first{pasid_machine(pasid_machine::first_level(), pasid_machine::four_levels())};
  dmar_domain& of_first = static_cast<dmar_domain&>(first.new_domain());
  EXPECT_EQ(intel_pasid_setup_second_level(first.driver(), of_first, first.dev(), 3), -EINVAL);
  EXPECT_TRUE(first.logged("DMAR: No second level translation support on dmar0"));
  EXPECT_EQ(intel_pasid_setup_first_level(first.driver(), of_first, first.dev(), 3, true), -EINVAL);
  EXPECT_TRUE(first.logged("DMAR: No 5-level paging support for first-level on dmar0"));
  EXPECT_EQ(first.entry(3), nothing);
  // domain_setup_first_level(): four levels or five.
  of_first.agaw = 1;
  EXPECT_EQ(domain_setup_first_level(first.driver(), of_first, first.dev(), 3), -EINVAL);
  of_first.agaw = 2;
  iommu_domain_free(of_first);
}

// intel_pasid_alloc_table() takes an object and pages; without a directory there is no entry.
TEST(Pasids, NeedADirectory) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  device_domain_info& info = info_of(s.dev());
  pasid_table* const real = std::exchange(info.pasid, nullptr);
  const uint64_t live = s.pages().live_pages();
  const int64_t objects = s.slab().live();
  s.slab().fail_at(1);
  EXPECT_EQ(intel_pasid_alloc_table(s.driver(), s.dev()), -ENOMEM);
  s.slab().fail_never();
  s.pages().failures().fail_at(1);
  EXPECT_EQ(intel_pasid_alloc_table(s.driver(), s.dev()), -ENOMEM);
  s.pages().failures().fail_never();
  EXPECT_EQ(info.pasid, nullptr);
  EXPECT_EQ(s.pages().live_pages(), live);
  EXPECT_EQ(s.slab().live(), objects);
  EXPECT_EQ(intel_pasid_setup_pass_through(s.driver(), s.dev(), 5), -ENODEV);
  EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_get_entry()"));
  intel_pasid_free_table(s.driver(), s.dev());
  info.pasid = real;
}

// What is no PCI device has no directory.
TEST(Pasids, AreOfPciDevices) {
  pasid_system s{pasid_machine(pasid_machine::second_level())};
  dev_iommu priv;
  device_domain_info info;
  info.iommu = &s.iommu();
  priv.priv = &info;
  device other;
  other.iommu = &priv;
  EXPECT_EQ(intel_pasid_alloc_table(s.driver(), other), -ENODEV);
  EXPECT_TRUE(s.log_contains("WARNING: at intel_pasid_alloc_table()"));
}

}  // namespace
}  // namespace iommulab::v6_12::pasid_test
