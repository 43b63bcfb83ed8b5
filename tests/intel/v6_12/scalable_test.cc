// SPDX-License-Identifier: GPL-2.0-only
//
// Scalable mode against golden/kernel/v6_12/boot/scalable: PASID tables, and the register values
// that say which mode it is. Tables are read by the VT-d specification's layouts (9.4 to 9.6).
#include <gmock/gmock.h>

#include "intel/v6_12/device.h"
#include "intel/v6_12/pasid.h"
#include "support/small_machine.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12 {
namespace {

using test::at;
using test::small_machine;
using ::testing::Contains;

/// The recorded unit's ECAP bits that matter: scalable mode, second level, 2.
vtd::ecap_register scalable_ecap() {
  return default_ecap().set_scalable_mode(true).set_second_level(true).set_snoop_control(true);
}
vtd::ecap_register first_level_ecap() {
  return default_ecap()
      .set_scalable_mode(true)
      .set_first_level(true)
      .set_pasid_bits(20)
      .set_scalable_page_walk_coherency(true);
}
vtd::cap_register four_level_cap() {
  return default_cap().set_sagaw(0b00100).set_max_guest_address_width(48);
}

// Fact 11: RTADDR bit 10, IQA bits 11 and 0.
TEST(Scalable, SaysSoInTheRegisters) {
  small_machine m;
  test::linux_6_12::system s(m.set_ecap(scalable_ecap()).build(), "on,sm_on");
  s.boot();
  bool queue = false;
  bool root = false;
  for (const std::string& line : s.accesses()) {
    queue |= line.starts_with("W8 90 ") && line.ends_with("801");
    root |= line.starts_with("W8 20 ") && line.ends_with("400");
  }
  EXPECT_TRUE(queue);
  EXPECT_TRUE(root);
}

// Fact 11: directory and size code 2, PASID 0; one table; entry 0 with the domain's table, AW 1,
// second level, the domain's id.
TEST(Scalable, MakesTheRecordedEntries) {
  small_machine m;
  test::linux_6_12::system s(m.set_ecap(scalable_ecap()).build(), "on,sm_on");
  ASSERT_EQ(s.boot(), 0);
  const auto context = s.scalable_context(test::nic);
  EXPECT_EQ(context.first & 0xfff, 0x401u);
  EXPECT_EQ(context.second, 0u);
  const uint64_t link = s.word(context.first & ~uint64_t{0xfff});
  EXPECT_EQ(link & 0xfff, 1u);
  const uint64_t entry = link & ~uint64_t{0xfff};
  EXPECT_EQ(s.word(entry) & 0xfff, 0x85u);
  EXPECT_EQ(s.word(entry + 8), 3u);  // the second group's domain
  for (uint64_t i = 2; i < 8; ++i) EXPECT_EQ(s.word(entry + 8 * i), 0u);
}

// scalable/events.txt: context, PASID cache, IOTLB, each global, after the root table was set.
TEST(Scalable, FlushesThePasidCacheToo) {
  small_machine m;
  test::linux_6_12::system s(m.set_ecap(scalable_ecap()).build(), "on,sm_on");
  s.boot();
  const std::vector<std::string> queued = s.notes("qi_submit");
  ASSERT_GE(queued.size(), 3u);
  EXPECT_EQ(queued[0], "qi_submit: cc_inv dmar0: 0x11 0x0 0x0 0x0");
  EXPECT_EQ(queued[1], "qi_submit: pc_inv dmar0: 0x37 0x0 0x0 0x0");
  EXPECT_EQ(queued[2], "qi_submit: iotlb_inv dmar0: 0xd2 0x0 0x0 0x0");
}

// A unit that has first-level tables alone: PGTT 1, the table in the third word, entries with U and
// A (9.7), leaves with D where they are written.
TEST(Scalable, UsesFirstLevelTablesWhereThereAreNoOthers) {
  small_machine m;
  test::linux_6_12::system s(m.set_cap(four_level_cap()).set_ecap(first_level_ecap()).build(),
                             "on");
  ASSERT_EQ(s.boot(), 0);
  const auto context = s.scalable_context(test::nic);
  const uint64_t entry = s.word(context.first & ~uint64_t{0xfff}) & ~uint64_t{0xfff};
  EXPECT_EQ(s.word(entry) & 0x1ff, 0x049u);              // present, AW 2, first level
  EXPECT_EQ(s.word(entry + 8), 3u | uint64_t{1} << 23);  // page walks snoop
  const uint64_t table = s.word(entry + 16) & ~uint64_t{0xfff};
  ASSERT_NE(table, 0u);
  EXPECT_EQ(s.word(entry + 16) & 0xfff, 0u);  // four levels
  const dma_addr to = s.dma().map_page(s.dev(test::nic), phys_addr(0x100000), 0, 0x1000,
                                       dma_data_direction::to_device);
  EXPECT_EQ(s.leaf(table, 4, to.value()), 0x100025u);
  const dma_addr from = s.dma().map_page(s.dev(test::nic), phys_addr(0x200000), 0, 0x1000,
                                         dma_data_direction::from_device);
  EXPECT_EQ(s.leaf(table, 4, from.value()), 0x200067u);
  EXPECT_EQ(s.word(table + 8 * (from.value() >> 39 & 511)) & 0xfff, 0x27u);
}

TEST(Scalable, IsNotUsedWhenSwitchedOff) {
  small_machine m;
  test::linux_6_12::system s(m.set_ecap(scalable_ecap()).build(), "on,sm_off");
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.context(test::nic).second, 0x301u);
}

// PASIDs lie 64 to a table, tables 512 to a page of the directory.
TEST(Scalable, FreesPasidTablesWithTheDevice) {
  small_machine m;
  test::linux_6_12::system s(m.set_ecap(scalable_ecap()).build(), "on,sm_on");
  ASSERT_EQ(s.boot(), 0);
  const device_domain_info& info = info_of(s.dev(test::nic));
  ASSERT_NE(info.pasid, nullptr);
  EXPECT_EQ(info.pasid->max_pasid, 512u * 64u);
  s.pci().remove(*s.dev(test::nic).pci);
  EXPECT_EQ(s.scalable_context(test::nic), std::pair(uint64_t{0}, uint64_t{0}));
}

}  // namespace
}  // namespace iommulab::v6_12
