// SPDX-License-Identifier: GPL-2.0-only
//
// What is copied of a crashed kernel's tables in scalable mode: each half of a bus has a context
// table of its own, with entries of 32 bytes of which the first 16 are copied; and what a device
// that is taken over has flushed (VT-d specification 9.2, 9.4; copy_context_table() and
// device_pasid_table_setup() of 6.12). At the end, what is freed when a start-up with copied tables
// fails.
#include <gmock/gmock.h>

#include "intel/dmar/table.h"
#include "intel/v6_12/context.h"
#include "intel/v6_12/pasid_system.h"
#include "support/gcmd_bits.h"
#include "support/old_kernel.h"
#include "support/v6_12/cache_lines.h"

namespace iommulab::v6_12::kdump_scalable_test {
namespace {

using gcmd_bits::qie, gcmd_bits::srtp, gcmd_bits::te;
using test::at, test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t gcmd = 0x18;
constexpr uint64_t rtaddr_scalable = 1 << 10;
constexpr source_id upper = at(0, 0x12);  // devfn 90h
using entry = std::pair<uint64_t, uint64_t>;

/// Another kernel's tables, in memory that the page allocator does not give out.
struct dumping : test::linux_6_12::system {
  static constexpr uint64_t root = 0x100000;
  static constexpr uint64_t lower_0 = 0x101000;
  static constexpr uint64_t upper_0 = 0x102000;
  static constexpr uint64_t lower_5 = 0x103000;
  static constexpr uint64_t upper_6 = 0x104000;
  static constexpr uint64_t directory = 0x105000;
  static constexpr uint64_t pasids = 0x106000;
  static constexpr uint64_t page_tables = 0x107000;
  static constexpr uint64_t mapped = 0x12345000;
  static constexpr uint64_t memory = 0x180000;

  explicit dumping(const small_machine& machine)
      : system(machine.build(), "on,sm_on", "elfcorehdr=0x1000000") {
    EXPECT_TRUE(pages().reserve(phys_addr(root), 0x100000).ok());
    word(root) = lower_0 | 1;
    word(root + 8) = upper_0 | 1;
    word(root + 16 * 5) = lower_5 | 1;
    word(root + 16 * 6 + 8) = upper_6 | 1;
    word(directory) = pasids | 1;
    word(pasids + 8) = 7;               // domain
    word(pasids) = page_tables | 0x85;  // second level, three levels
    word(page_tables) = (page_tables + 0x1000) | 3;
    word(page_tables + 0x1000 + (mapped >> 21 & 0x1ff) * 8) = (page_tables + 0x2000) | 3;
    word(page_tables + 0x2000 + (mapped >> 12 & 0x1ff) * 8) = memory | 3;
    for (const auto& [table, devfn] : contexts) set_context(table, devfn);
  }
  static constexpr std::pair<uint64_t, uint8_t> contexts[] = {
      {lower_0, nic.devfn}, {upper_0, upper.devfn}, {lower_5, 0x7f}, {upper_6, 0x80}};

  void set_context(uint64_t table, uint8_t devfn) {
    word(table + 32 * uint64_t{devfn & 0x7fu}) = directory | 1;
    // The unit ignores what the copy leaves out.
    word(table + 32 * uint64_t{devfn & 0x7fu} + 16) = 0x2001;
  }
  int start() {
    unit().write64(0x20, root | rtaddr_scalable);
    unit().write32(gcmd, srtp);
    unit().write32(gcmd, te);
    const int ret = boot();
    return ret;
  }
  intel_iommu& iommu() { return *driver().dmar_drhd_units.front().iommu; }
  bool copied(source_id id) { return context_copied(driver(), iommu(), id.bus, id.devfn); }
  device& card() { return dev(nic); }
};

small_machine machine() {
  small_machine m = pasid_machine(pasid_machine::second_level());
  m.add_function(test::plain_function(upper, 0x8086, 0x10d3, 0x020000));
  return m;
}

TEST(KdumpScalable, CopiesEachHalfOfABus) {
  dumping s(machine());
  test::cache_lines lines(s.env());
  ASSERT_EQ(s.start(), 0);
  EXPECT_EQ(s.logged("DMAR: Copied translation tables from previous kernel for dmar0"), 1);
  EXPECT_THAT(s.written(gcmd), ElementsAre(te | qie, te | qie | srtp));
  EXPECT_THAT(lines.dirty(), IsEmpty());
  const uint64_t root = s.root_table();
  EXPECT_NE(root, dumping::root);
  for (const auto& [half, there] :
       {std::pair(root, true), std::pair(root + 8, true), std::pair(root + 16 * 5, true),
        std::pair(root + 16 * 5 + 8, false), std::pair(root + 16 * 6, false),
        std::pair(root + 16 * 6 + 8, true)}) {
    EXPECT_EQ(s.word(half) & 0xfff, there ? 1u : 0u) << std::hex << half - root;
  }
  for (const source_id id : {nic, upper, source_id{0, 5, 0x7f}, source_id{0, 6, 0x80}}) {
    EXPECT_EQ(s.scalable_context(id), entry(dumping::directory | 1, 0)) << to_string(id);
    EXPECT_TRUE(s.copied(id)) << to_string(id);
  }
  unsigned all = 0;
  for (unsigned bus = 0; bus < 256; ++bus) {
    for (unsigned devfn = 0; devfn < 256; ++devfn) {
      all += s.copied({0, static_cast<uint8_t>(bus), static_cast<uint8_t>(devfn)}) ? 1u : 0u;
    }
  }
  EXPECT_EQ(all, 4u);
  // Of an entry the first two words, of which one is zero. The host bridge, which the old kernel
  // did not use, has an entry of this driver's.
  for (const uint64_t half : {root, root + 8, root + 16 * 5, root + 16 * 6 + 8}) {
    const uint64_t table = s.word(half) & ~uint64_t{0xfff};
    unsigned words = 0;
    for (uint64_t i = 0; i < 512; ++i) words += s.word(table + 8 * i) != 0 ? 1u : 0u;
    EXPECT_EQ(words, half == root ? 2u : 1u);
  }
  EXPECT_EQ(s.test::system::dma(nic, dumping::mapped + 8).address, dumping::memory + 8);
}

// RTADDR's bit 10 against what the driver is to use: -EINVAL either way.
TEST(KdumpScalable, NeedsTheSameKindOfTables) {
  small_machine m = machine();
  dumping s(m);
  s.unit().write64(0x20, dumping::root);
  s.unit().write32(gcmd, srtp);
  s.unit().write32(gcmd, te);
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.logged("DMAR: Failed to copy translation tables from previous kernel for dmar0"), 1);
  EXPECT_FALSE(s.copied(nic));
}

// A half that cannot be copied costs what comes behind it, not what came before.
TEST(KdumpScalable, KeepsTheHalfThatCouldBeCopied) {
  for (const bool upper_fails : {false, true}) {
    dumping s(machine());
    s.word(dumping::root + (upper_fails ? 8 : 0)) = 0x7000000001;
    ASSERT_EQ(s.start(), 0);
    EXPECT_EQ(s.logged("DMAR: dmar0: Failed to copy context table for bus 0"), 1);
    EXPECT_EQ(s.copied(nic), upper_fails);
    EXPECT_FALSE(s.copied(upper));
    EXPECT_TRUE(s.copied({0, 5, 0x7f}));
  }
}

// device_pasid_table_setup(): which ids and PASIDs the old entry used is not known, so that
// everything goes: context cache by device, PASID cache and IOTLB all of it.
TEST(KdumpScalable, ForgetsEverythingWhenADeviceIsTakenOver) {
  dumping s(machine());
  ASSERT_EQ(s.start(), 0);
  const uint64_t at = (s.word(s.root_table()) & ~uint64_t{0xfff}) + 32 * uint64_t{nic.devfn};
  s.events().clear();
  test::cache_lines lines(s.env());
  const dma_addr handle =
      s.dma().map_page(s.card(), phys_addr(0x800000), 0, 0x1000, dma_data_direction::bidirectional);
  EXPECT_THAT(s.notes("qi_submit"), ElementsAre("qi_submit: cc_inv dmar0: 0x1800000031 0x0 0x0 0x0",
                                                "qi_submit: pc_inv dmar0: 0x37 0x0 0x0 0x0",
                                                "qi_submit: iotlb_inv dmar0: 0xd2 0x0 0x0 0x0"));
  EXPECT_FALSE(s.copied(nic));
  EXPECT_TRUE(s.copied(upper));
  EXPECT_EQ(s.test::system::dma(nic, handle.value()).address, 0x800000u);
  EXPECT_FALSE(s.test::system::dma(nic, dumping::mapped).ok());
  std::vector<test::cache_lines::store> to_entry;
  for (const auto& store : lines.stores()) {
    if (store.first == at || store.first == at + 8) to_entry.push_back(store);
  }
  using store = test::cache_lines::store;
  EXPECT_THAT(to_entry, ElementsAre(store(at, dumping::directory), store(at, 0), store(at + 8, 0),
                                    store(at, s.scalable_context(nic).first)));
  EXPECT_EQ(s.scalable_context(nic).first & 0xfff, 0xe09u);
  EXPECT_THAT(lines.dirty(), IsEmpty());
}

// intel_iommu_set_dev_pasid(): not before requests without a PASID are the driver's.
TEST(KdumpScalable, RefusesPasidsUntilThen) {
  dumping s(machine());
  ASSERT_EQ(s.start(), 0);
  int error = 0;
  iommu_domain& domain = *iommu_paging_domain_alloc(s.card(), error);
  EXPECT_EQ(domain.ops->set_dev_pasid(domain, s.card(), 5, nullptr), -EBUSY);
  s.dma().map_page(s.card(), phys_addr(0x800000), 0, 0x1000, dma_data_direction::bidirectional);
  EXPECT_EQ(domain.ops->set_dev_pasid(domain, s.card(), 5, nullptr), 0);
  s.driver().ops->remove_dev_pasid(s.card(), 5, domain);
  iommu_domain_free(domain);
}

// A device that goes before anybody took it leaves the old entry, and its own directory is freed.
TEST(KdumpScalable, LeavesTheEntryOfADeviceThatGoes) {
  dumping s(machine());
  ASSERT_EQ(s.start(), 0);
  s.events().clear();
  s.pci().remove(*s.card().pci);
  EXPECT_EQ(s.scalable_context(nic), entry(dumping::directory | 1, 0));
  EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
  EXPECT_THAT(s.pages().diagnoses(), IsEmpty());
}

// free_context_table() when the start fails, here for want of the second unit's root table: every
// table goes, those too whose first entry is a copied one, which Linux leaves behind.
TEST(KdumpScalable, FreesCopiedTablesWhenTheStartFails) {
  constexpr uint64_t second_base = 0xfeda0000;
  small_machine m = machine();
  m.add_unit(second_base, default_cap(), pasid_machine::second_level());
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(0, 0, test::small_unit_base, scopes)
                .add_drhd(1, 0, second_base)
                .finish();
  unsigned told = 0;
  for (uint64_t n = 1; n < 20; ++n) {
    dumping s(m);
    const uint64_t live = s.pages().live_pages();
    s.pages().failures().fail_at(n);
    const int ret = s.start();
    s.pages().failures().fail_never();
    if (ret == 0) continue;
    if (s.logged("DMAR: Copied translation tables from previous kernel for dmar0") != 0) {
      ++told;
      EXPECT_EQ(s.env().divergences.total(), 1u) << "06:10.0, of three tables";
    }
    dmar_free_unused_resources(s.driver());
    s.k().take_down();
    EXPECT_EQ(s.pages().live_pages(), live) << n;
    for (const page_diagnosis& d : s.pages().diagnoses()) ADD_FAILURE() << n << ": " << d.sentence;
  }
  EXPECT_GT(told, 0u);
}

}  // namespace
}  // namespace iommulab::v6_12::kdump_scalable_test
