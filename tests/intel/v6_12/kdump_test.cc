// SPDX-License-Identifier: GPL-2.0-only
//
// Start-up over a unit that translates already, in legacy mode: what is copied of a crashed
// kernel's tables, what of it cannot be, and how a device's entry is taken over with its first
// mapping. Expected is what copy_translation_tables() and copied_context_tear_down() of 6.12's
// iommu.c do, and 6.1's domain_context_mapping_one().
#include "intel/v6_12/kdump.h"

#include <gmock/gmock.h>

#include "intel/dmar/table.h"
#include "intel/v6_12/context.h"
#include "support/gcmd_bits.h"
#include "support/old_kernel.h"
#include "support/v6_12/cache_lines.h"
#include "support/v6_12/releases.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::kdump_test {
namespace {

using gcmd_bits::qie, gcmd_bits::srtp, gcmd_bits::te;
using test::at, test::disk, test::nic, test::old_kernel, test::small_machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t gcmd = 0x18;
using entry = std::pair<uint64_t, uint64_t>;

struct dumping : test::linux_6_12::system {
  explicit dumping(const small_machine& machine = {}, const kernel_profile& profile = profile_())
      : system(machine.build(), "on", "elfcorehdr=0x1000000", profile), old(*this) {}
  static const kernel_profile& profile_() { return v6_12::profile(); }

  void start(uint64_t rtaddr = old_kernel::root) {
    old.run(rtaddr);
    EXPECT_EQ(boot(), 0);
  }
  intel_iommu& iommu() { return *driver().dmar_drhd_units.front().iommu; }
  domain_id_bitmap& ids() { return state_of(driver(), iommu()).domain_ids; }
  bool copied(source_id id) { return context_copied(driver(), iommu(), id.bus, id.devfn); }
  bool says_that_it_failed() {
    const int failed =
        logged("DMAR: Failed to copy translation tables from previous kernel for dmar0");
    EXPECT_EQ(logged("DMAR: Copied translation tables from previous kernel for dmar0"), 1 - failed);
    return failed == 1;
  }
  dma_addr map() {
    return dma().map_page(dev(nic), phys_addr(0x800000), 0, 0x1000,
                          dma_data_direction::bidirectional);
  }
  old_kernel old;
};

entry old_entry(uint64_t domain) {
  return {old_kernel::page_tables | 1, domain << 8 | 1};
}

// copy_context_table(): as they were, and their ids taken.
TEST(Kdump, CopiesContextTables) {
  dumping s;
  std::vector<uint64_t> before;
  for (uint64_t i = 0; i < 512 * 3; ++i) before.push_back(s.word(old_kernel::root + 8 * i));
  s.start();
  EXPECT_FALSE(s.says_that_it_failed());
  EXPECT_NE(s.root_table(), old_kernel::root);
  EXPECT_EQ(s.context(nic), old_entry(old_kernel::nic_domain));
  EXPECT_EQ(s.context(disk), old_entry(old_kernel::disk_domain));
  EXPECT_EQ(s.context(at(0, 4)), entry(0, 0));
  for (const uint64_t bus : {0u, 5u}) {
    const uint64_t table = s.word(s.root_table() + 16 * bus) & ~uint64_t{0xfff};
    EXPECT_NE(table, bus == 0 ? old_kernel::contexts_0 : old_kernel::contexts_5);
  }
  for (uint64_t bus = 0; bus < 256; ++bus) {
    const uint64_t root = s.root_table() + 16 * bus;
    EXPECT_EQ(s.word(root) & 0xfff, bus == 0 || bus == 5 ? 1u : 0u) << bus;
    EXPECT_EQ(s.word(root + 8), 0u) << bus;
  }
  // 0 and 1 are the driver's own.
  EXPECT_EQ(s.ids().taken(), 4);
  EXPECT_TRUE(s.ids().is_taken(old_kernel::nic_domain));
  EXPECT_TRUE(s.ids().is_taken(old_kernel::disk_domain));
  for (unsigned devfn = 0; devfn < 256; ++devfn) {
    for (const uint8_t bus : {uint8_t{0}, uint8_t{5}}) {
      const source_id id{0, bus, static_cast<uint8_t>(devfn)};
      EXPECT_EQ(s.copied(id), id == nic || id == disk) << to_string(id);
    }
  }
  for (uint64_t i = 0; i < 512 * 3; ++i) {
    ASSERT_EQ(s.word(old_kernel::root + 8 * i), before[i]) << "the old tables are only read";
  }
}

// Nothing is switched off: the device goes on with its DMA.
TEST(Kdump, NeverStopsTranslating) {
  dumping s;
  s.start();
  EXPECT_THAT(s.written(gcmd), ElementsAre(te | qie, te | qie | srtp));
  for (const source_id id : {nic, disk}) {
    const dma_translation after = s.test::system::dma(id, old_kernel::mapped + 0x10);
    EXPECT_EQ(after.outcome, dma_outcome::translated);
    EXPECT_EQ(after.address, old_kernel::memory + 0x10);
  }
}

// A unit with 16 ids: what is above them is copied, and takes none.
TEST(Kdump, TakesTheIdsThatTheUnitHas) {
  small_machine m;
  dumping s(m.set_cap(default_cap().set_number_of_domains(16)));
  s.old.set_context(old_kernel::contexts_0, nic, 15);
  s.old.set_context(old_kernel::contexts_0, at(0, 9), 16);
  s.start();
  EXPECT_EQ(s.context(at(0, 9)), old_entry(16));
  EXPECT_EQ(s.context(disk), old_entry(old_kernel::disk_domain));
  EXPECT_TRUE(s.copied(at(0, 9)));
  EXPECT_TRUE(s.ids().is_taken(15));
  EXPECT_EQ(s.ids().taken(), 3);
}

// root_entry_lctp() of a present entry without an address is that of no table: nothing is copied
// from page 0, and nothing is said.
TEST(Kdump, LeavesOutARootEntryWithoutATable) {
  dumping s;
  s.old.set_bus(9, 0);
  s.start();
  EXPECT_FALSE(s.says_that_it_failed());
  EXPECT_EQ(s.word(s.root_table() + 16 * 9), 0u);
  EXPECT_FALSE(s.log_contains("Failed to copy context table"));
}

struct failing_copy {
  const char* what;
  uint64_t rtaddr;
};
class KdumpThatFails : public ::testing::TestWithParam<failing_copy> {};

// -EINVAL or -ENOMEM: translation goes off before the empty table comes, and devices are attached
// as ever.
TEST_P(KdumpThatFails, BeginsAnew) {
  dumping s;
  s.start(GetParam().rtaddr);
  EXPECT_TRUE(s.says_that_it_failed());
  EXPECT_THAT(s.written(gcmd), ElementsAre(te | qie, qie, qie | srtp, qie | te));
  EXPECT_FALSE(s.iommu().trans_pre_enabled);
  EXPECT_FALSE(s.copied(nic));
  EXPECT_EQ(s.context(nic).second, 0x301u);
  EXPECT_EQ(s.ids().taken(), 4) << "two reserved, two groups";
}

INSTANTIATE_TEST_SUITE_P(
    ForEachReason, KdumpThatFails,
    ::testing::Values(failing_copy{"tables_of_scalable_mode", old_kernel::root | 1u << 10},
                      failing_copy{"no_root_table", 0},
                      failing_copy{"root_table_outside_of_memory", 0x7000000000}),
    [](const auto& test_case) { return std::string(test_case.param.what); });

// bitmap_zalloc() of copied_tables, kcalloc() of ctxt_tbls: two objects without which nothing is
// copied.
TEST(Kdump, NeedsTwoObjects) {
  unsigned failed = 0;
  for (uint64_t n = 1; n < 40; ++n) {
    dumping s;
    s.old.run();
    s.slab().fail_at(n);
    s.boot();
    s.slab().fail_never();
    if (!s.log_contains("Failed to copy translation tables")) continue;
    ++failed;
    EXPECT_TRUE(s.says_that_it_failed());
    EXPECT_THAT(s.written(gcmd), ElementsAre(te | qie, qie, qie | srtp, qie | te)) << n;
  }
  EXPECT_EQ(failed, 2u);
}

// copy_context_table() failing costs its bus, and no other.
TEST(Kdump, LeavesABusOutWhoseTableIsNowhere) {
  dumping s;
  s.old.set_bus(0, 0x7000000000);
  s.start();
  EXPECT_FALSE(s.says_that_it_failed());
  EXPECT_EQ(s.logged("DMAR: dmar0: Failed to copy context table for bus 0"), 1);
  EXPECT_EQ(s.context(nic), entry(0, 0));
  EXPECT_EQ(s.context(disk), old_entry(old_kernel::disk_domain));
}

TEST(Kdump, LeavesABusOutForWhichThereIsNoPage) {
  unsigned failed = 0;
  for (uint64_t n = 1; n < 12; ++n) {
    dumping s;
    s.old.run();
    s.pages().failures().fail_at(n);
    s.boot();
    s.pages().failures().fail_never();
    for (const source_id lost : {nic, disk}) {
      if (s.logged(absl::StrFormat("DMAR: dmar0: Failed to copy context table for bus %d",
                                   lost.bus)) == 0) {
        continue;
      }
      ++failed;
      EXPECT_FALSE(s.says_that_it_failed());
      EXPECT_EQ(s.context(lost), entry(0, 0));
      EXPECT_EQ(s.context(lost == nic ? disk : nic),
                old_entry(lost == nic ? old_kernel::disk_domain : old_kernel::nic_domain));
    }
  }
  EXPECT_EQ(failed, 2u);
}

// intel_iommu_is_attach_deferred(): until the first mapping. Then what the old entry left in caches
// goes under its own id, and the new domain has the lowest id that nobody has.
TEST(Kdump, TakesADeviceOverWithItsFirstMapping) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    dumping s({}, *profile);
    s.start();
    EXPECT_TRUE(s.driver().ops->is_attach_deferred(s.dev(nic)));
    s.events().clear();
    const dma_addr handle = s.map();
    EXPECT_THAT(s.notes("qi_submit"),
                ElementsAre("qi_submit: cc_inv dmar0: 0x1800070031 0x0 0x0 0x0",
                            "qi_submit: iotlb_inv dmar0: 0x700e2 0x0 0x0 0x0"))
        << profile->name();
    EXPECT_FALSE(s.copied(nic));
    EXPECT_FALSE(s.driver().ops->is_attach_deferred(s.dev(nic)));
    EXPECT_EQ(s.context(nic).second, 0x201u);
    EXPECT_EQ(s.test::system::dma(nic, handle.value()).address, 0x800000u);
    EXPECT_FALSE(s.test::system::dma(nic, old_kernel::mapped).ok());
    EXPECT_TRUE(s.copied(disk));
    s.events().clear();
    s.map();
    EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
  }
}

// An id that the unit does not have names nothing in its caches.
TEST(Kdump, FlushesNothingForAnIdThatCannotBe) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    for (const unsigned id : {15u, 16u}) {
      small_machine m;
      dumping s(m.set_cap(default_cap().set_number_of_domains(16)), *profile);
      s.old.set_context(old_kernel::contexts_0, nic, id);
      s.start();
      s.events().clear();
      s.map();
      EXPECT_EQ(s.notes("qi_submit").size(), id == 15 ? 2u : 0u) << id;
      EXPECT_EQ(s.context(nic).second, 0x201u);
      EXPECT_FALSE(s.copied(nic));
    }
  }
}

// Present bit first, the rest, then the new entry with the present bit last; 6.1 zeroes the entry
// as well, if after the flushes. What is stored goes to memory.
TEST(Kdump, ReplacesAnEntryInOrder) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    dumping s({}, *profile);
    s.start();
    const uint64_t at = (s.word(s.root_table()) & ~uint64_t{0xfff}) + 16 * uint64_t{nic.devfn};
    test::cache_lines lines(s.env());
    s.map();
    const auto [lo, hi] = s.context(nic);
    std::vector<test::cache_lines::store> to_entry;
    for (const auto& store : lines.stores()) {
      if (store.first == at || store.first == at + 8) to_entry.push_back(store);
    }
    using store = test::cache_lines::store;
    if (profile == &v6_12::profile()) {
      EXPECT_THAT(to_entry, ElementsAre(store(at, old_kernel::page_tables), store(at, 0),
                                        store(at + 8, 0), store(at + 8, hi), store(at, lo)));
    } else {
      EXPECT_THAT(to_entry,
                  ElementsAre(store(at, 0), store(at + 8, 0), store(at + 8, hi), store(at, lo)));
    }
    EXPECT_THAT(lines.dirty(), IsEmpty()) << profile->name();
  }
}

// identity_domain_attach_dev() takes an entry over, too.
TEST(Kdump, TakesADeviceOverThatPassesThrough) {
  dumping s;
  s.start();
  s.events().clear();
  iommu_ops& ops = *s.driver().ops;
  ASSERT_EQ(ops.identity_domain->ops->attach_dev(*ops.identity_domain, s.dev(nic)), 0);
  EXPECT_EQ(s.context(nic), entry(0x9, 0x101));
  EXPECT_FALSE(s.copied(nic));
  EXPECT_THAT(s.notes("qi_submit"), ElementsAre("qi_submit: cc_inv dmar0: 0x1800070031 0x0 0x0 0x0",
                                                "qi_submit: iotlb_inv dmar0: 0x700e2 0x0 0x0 0x0"));
}

// A device that leaves before anybody mapped keeps the old entry.
TEST(Kdump, LeavesTheEntryOfADeviceThatGoes) {
  dumping s;
  s.start();
  s.events().clear();
  s.pci().remove(*s.dev(nic).pci);
  EXPECT_EQ(s.context(nic), old_entry(old_kernel::nic_domain));
  EXPECT_TRUE(s.copied(nic));
  EXPECT_THAT(s.notes("qi_submit"), IsEmpty());
}

// free_context_table() when the second unit's root table cannot be had.
TEST(Kdump, LeavesNoTableBehindWhenTheStartFails) {
  small_machine m;
  m.add_unit(0xfeda0000);
  const dmar_scope_spec scopes[] = {dmar_scope_spec::endpoint(0, {{3, 0}})};
  m.table = dmar_builder(39)
                .add_drhd(0, 0, test::small_unit_base, scopes)
                .add_drhd(1, 0, 0xfeda0000)
                .finish();
  unsigned failed = 0;
  for (uint64_t n = 1; n < 16; ++n) {
    dumping s(m);
    s.old.run();
    const uint64_t live = s.pages().live_pages();
    s.pages().failures().fail_at(n);
    const int ret = s.boot();
    s.pages().failures().fail_never();
    if (ret == 0) continue;
    failed += s.log_contains("Copied translation tables") ? 1u : 0u;
    dmar_free_unused_resources(s.driver());
    s.k().take_down();
    EXPECT_EQ(s.pages().live_pages(), live) << n;
  }
  EXPECT_GT(failed, 0u);
}

// init_dmars(): out of kdump nobody's DMA has to go on.
TEST(Kdump, IsNotDoneForWhatFirmwareLeftOn) {
  test::linux_6_12::system s(small_machine().build());
  old_kernel old(s);
  old.run();
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.logged("DMAR: Translation was enabled for dmar0 but we are not in kdump mode"), 1);
  EXPECT_THAT(s.written(gcmd), ElementsAre(te | qie, qie, qie | srtp, qie | te));
  EXPECT_EQ(s.context(nic).second, 0x301u);
}

}  // namespace
}  // namespace iommulab::v6_12::kdump_test
