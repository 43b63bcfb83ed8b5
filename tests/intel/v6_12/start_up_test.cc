// SPDX-License-Identifier: GPL-2.0-only
//
// Start-up against what Linux 6.12.117 did on QEMU's unit: golden/kernel/v6_12/boot. The machines
// here have fewer functions than the recorded ones; what a unit is told before translation is on
// does not depend on them.
#include <gmock/gmock.h>

#include "intel/dmar/table.h"
#include "intel/v6_12/init.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12 {
namespace {

using test::at;
using test::small_machine;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;

// CAP and ECAP of intremap-off, lines 3 and 4 of its vtd-reads.txt.
constexpr vtd::cap_register recorded_cap{0xd2008c22260206};
constexpr vtd::ecap_register recorded_ecap{0xf42};

/// The recorded machine's functions, as far as they fit on bus 0.
small_machine recorded_machine() {
  small_machine m;
  m.ram = uint64_t{256} << 20;
  m.set_cap(recorded_cap).set_ecap(recorded_ecap);
  m.functions.clear();
  m.add_function(test::plain_function(at(0, 0), 0x8086, 0x29c0, 0x060000));
  m.add_function(test::plain_function(at(0, 3), 0x1234, 0x11e8, 0x00ff00));
  m.add_function(test::plain_function(at(0, 4), 0x8086, 0x10d3, 0x020000));
  m.add_function(test::plain_function(at(0, 5), 0x1b36, 0x0010, 0x010802));
  for (const auto& [function, device, class_code] :
       std::vector<std::tuple<unsigned, uint16_t, uint32_t>>{
           {0, 0x2918, 0x060100}, {2, 0x2922, 0x010601}, {3, 0x2930, 0x0c0500}}) {
    m.add_function(function_builder(at(0, 0x1f, function), 0x8086, device, class_code)
                       .multifunction()
                       .build());
  }
  return m;
}

/// A value that is an address of this machine's is left out, as are those of status words.
std::vector<std::string> without_addresses(std::vector<std::string> accesses) {
  for (std::string& line : accesses) {
    for (const std::string_view reg : {"W8 90 ", "W8 20 "}) {
      if (line.starts_with(reg)) line = std::string(reg) + "page+" + line.substr(line.size() - 3);
    }
  }
  return accesses;
}

// Lines 3 to 57 of intremap-off/vtd-trace.txt, register accesses alone.
TEST(StartUp, DoesTheRecordedAccesses) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(without_addresses(s.accesses()),
              ElementsAre("R8 8", "R8 10",   // dmar_validate_one_drhd
                          "R8 8", "R8 10",   // map_iommu
                          "R4 0", "R4 1c",   // alloc_iommu
                          "R4 34", "R4 1c",  // dmar_fault, dmar_disable_qi
                          "W4 88 0", "W8 90 page+000", "W4 18 4000000", "R4 1c",  // queue on
                          "R4 1c",                                                // translation?
                          "W8 20 page+000", "W4 18 44000000", "R4 1c",            // root table
                          "W4 88 20",                               // context cache, global
                          "W4 88 40",                               // IOTLB, global
                          "W4 3c 21", "W4 40 fee00000", "W4 44 0",  // the fault event's message
                          "W4 3c 21", "W4 40 fee00000", "W4 44 0",  // its affinity
                          "W4 38 0", "R4 38",                       // unmasked
                          "W4 18 84000000", "R4 1c"));
}

TEST(StartUp, QueuesTheRecordedDescriptors) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(s.notes("qi_submit"), ElementsAre("qi_submit: cc_inv dmar0: 0x11 0x0 0x0 0x0",
                                                "qi_submit: iotlb_inv dmar0: 0xd2 0x0 0x0 0x0"));
}

// intremap-off/pt-boot.txt and groups.txt: ids in the order of groups, one domain a group, width
// code 1, no table for untranslated requests of others.
TEST(StartUp, MakesTheRecordedContextEntries) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  const std::vector<std::pair<source_id, uint64_t>> recorded = {
      {at(0, 0), 0x201},       {at(0, 3), 0x301},       {at(0, 4), 0x401},      {at(0, 5), 0x501},
      {at(0, 0x1f, 0), 0x601}, {at(0, 0x1f, 2), 0x601}, {at(0, 0x1f, 3), 0x601}};
  for (const auto& [id, hi] : recorded) {
    const auto entry = s.context(id);
    EXPECT_EQ(entry.first & 0xfff, 1u) << to_string(id);
    EXPECT_EQ(entry.second, hi) << to_string(id);
  }
  EXPECT_EQ(s.context(at(0, 0x1f, 0)).first, s.context(at(0, 0x1f, 3)).first);
  EXPECT_EQ(s.context(at(0, 1)), std::pair(uint64_t{0}, uint64_t{0}));
}

// Fact 13 and 14: 16 MiB below the ISA bridge, in leaves of 4 KiB, and nothing else.
TEST(StartUp, MapsTheIsaRegionInSmallPages) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  const uint64_t table = s.context(at(0, 0x1f, 0)).first & ~uint64_t{0xfff};
  for (uint64_t page = 0; page < 4096; ++page) {
    ASSERT_EQ(s.leaf(table, 3, page << 12), page << 12 | 3) << page;
  }
  EXPECT_EQ(s.leaf(table, 3, uint64_t{16} << 20), 0u);
  const uint64_t other = s.context(at(0, 4)).first & ~uint64_t{0xfff};
  EXPECT_EQ(s.leaf(other, 3, 0), 0u);
}

// intremap-off/events.txt, phase boot.
TEST(StartUp, AssignsCacheTags) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(s.notes("cache_tag_assign"),
              ElementsAre("cache_tag_assign: dmar0/dmar0 type iotlb did 2 pasid 0 ref 1",
                          "cache_tag_assign: dmar0/dmar0 type iotlb did 3 pasid 0 ref 1",
                          "cache_tag_assign: dmar0/dmar0 type iotlb did 4 pasid 0 ref 1",
                          "cache_tag_assign: dmar0/dmar0 type iotlb did 5 pasid 0 ref 1",
                          "cache_tag_assign: dmar0/dmar0 type iotlb did 6 pasid 0 ref 1",
                          "cache_tag_assign: dmar0/dmar0 type iotlb did 6 pasid 0 ref 2",
                          "cache_tag_assign: dmar0/dmar0 type iotlb did 6 pasid 0 ref 3"));
}

TEST(StartUp, SaysWhatTheRecordedLogSays) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(
      s.log(),
      IsSupersetOf({"DMAR: IOMMU enabled", "DMAR: Host address width 39",
                    "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap d2008c22260206 ecap f42",
                    "DMAR: No RMRR found", "DMAR: No ATSR found", "DMAR: No SATC found",
                    "DMAR: dmar0: Using Queued invalidation",
                    "pci 0000:00:1f.3: Adding to iommu group 4",
                    "DMAR: Intel(R) Virtualization Technology for Directed I/O"}));
  EXPECT_THAT(s.log(), Not(Contains("DMAR: Setting RMRR:")));
}

// Fact 12: in caching mode an entry that comes is flushed under id 0, then the domain.
TEST(StartUp, FlushesNewEntriesInCachingMode) {
  vtd::cap_register cap = recorded_cap;
  cap.set_caching_mode(true);
  small_machine m = recorded_machine();
  test::linux_6_12::system s(m.set_cap(cap).build());
  ASSERT_EQ(s.boot(), 0);
  const std::vector<std::string> queued = s.notes("qi_submit");
  ASSERT_GE(queued.size(), 6u);
  EXPECT_EQ(queued[2], "qi_submit: cc_inv dmar0: 0x31 0x0 0x0 0x0");
  EXPECT_EQ(queued[3], "qi_submit: iotlb_inv dmar0: 0x200e2 0x0 0x0 0x0");
  EXPECT_EQ(queued[4], "qi_submit: cc_inv dmar0: 0x1800000031 0x0 0x0 0x0");  // 00:03.0
  EXPECT_EQ(queued[5], "qi_submit: iotlb_inv dmar0: 0x300e2 0x0 0x0 0x0");
  EXPECT_TRUE(s.logged("DMAR: IOMMU batching disallowed due to virtualization"));
}

// passthrough/pt-boot.txt: TT 10b, width code 1, no address, id 1.
TEST(StartUp, LetsDevicesPassThrough) {
  test::linux_6_12::system s(recorded_machine().build(), "on", "iommu=pt");
  ASSERT_EQ(s.boot(), 0);
  for (const source_id id : {at(0, 0), at(0, 4), at(0, 0x1f, 2)}) {
    EXPECT_EQ(s.context(id), std::pair(uint64_t{0x9}, uint64_t{0x101})) << to_string(id);
  }
}

// A unit with four levels, too: width code 2 (width48/pt-boot.txt).
TEST(StartUp, TakesTheWidestTables) {
  vtd::cap_register cap = recorded_cap;
  cap.set_sagaw(0b00110).set_max_guest_address_width(48);
  small_machine m = recorded_machine();
  test::linux_6_12::system s(m.set_cap(cap).build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.context(at(0, 4)).second, 0x402u);
}

// iommu-off: the queue stays as it was, translation is switched off, and units are freed late.
TEST(StartUp, SwitchesUnitsOffWhenItIsOff) {
  test::linux_6_12::system s(recorded_machine().build(), "off");
  ASSERT_EQ(s.boot(), -ENODEV);
  EXPECT_THAT(s.accesses(),
              ElementsAre("R8 8", "R8 10", "R8 8", "R8 10", "R4 0", "R4 1c", "W4 18 0", "R4 1c"));
  dmar_free_unused_resources(s.driver());
  EXPECT_TRUE(s.driver().dmar_drhd_units.empty());
}

// Power-off of a running system, the last two lines of every trace.
TEST(StartUp, ShutsDown) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  s.events().clear();
  intel_iommu_shutdown(s.driver());
  EXPECT_THAT(s.accesses(), ElementsAre("W4 18 4000000", "R4 1c"));
}

// Fact 25: domains_used is 2 and one for each group.
TEST(StartUp, CountsDomainIds) {
  test::linux_6_12::system s(recorded_machine().build());
  ASSERT_EQ(s.boot(), 0);
  const intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  EXPECT_EQ(state_of(s.driver(), iommu).domain_ids.taken(), 7);
}

// Protected regions are left alone by a unit that has none, and switched off by one that has.
TEST(StartUp, SwitchesProtectedRegionsOff) {
  vtd::cap_register cap = recorded_cap;
  cap.set_protected_low_memory(true).set_protected_high_memory(true);
  small_machine m = recorded_machine();
  test::linux_6_12::system s(m.set_cap(cap).build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(s.accesses(), Contains("R4 64"));
}

}  // namespace
}  // namespace iommulab::v6_12
