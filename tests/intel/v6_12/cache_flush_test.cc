// SPDX-License-Identifier: GPL-2.0-only
//
// Units that do not snoop, which read what is in memory: whatever is done, no word of a table stays
// in the processor's cache, and no entry leads to a page that is there alone. Tables above the
// pages go by ECAP.C, the pages' own in scalable mode by ECAP.SMPWC (VT-d specification 10.4.3);
// how much is written back where is clflush_cache_range()'s arguments in iommu.c and pasid.c.
#include <gmock/gmock.h>

#include <algorithm>

#include "intel/v6_12/page_table.h"
#include "intel/v6_12/pages.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pasid_system.h"
#include "support/old_kernel.h"
#include "support/v6_12/cache_lines.h"
#include "support/v6_12/releases.h"

namespace iommulab::v6_12::cache_flush_test {
namespace {

using test::cache_lines, test::nic, test::pasid_machine, test::small_machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using flush = cache_lines::flush;

struct unit_kind {
  const char* name;
  vtd::cap_register cap;
  vtd::ecap_register ecap;

  [[nodiscard]] bool scalable() const { return ecap.scalable_mode(); }
};
const unit_kind kinds[] = {
    {"legacy", default_cap(), default_ecap().set_snoop_control(true)},
    {"second_level", default_cap(), pasid_machine::second_level().set_snoop_control(true)},
    {"first_level", pasid_machine::four_levels(),
     pasid_machine::first_level().set_snoop_control(true)},
};

struct watched : test::linux_6_12::system {
  watched(const unit_kind& kind, const kernel_profile& profile)
      : system(pasid_machine(kind.ecap, kind.cap).build(), "on,sm_on", "", profile), lines(env()) {
    EXPECT_EQ(boot(), 0);
  }
  device& nic() { return dev(test::nic); }
  uint64_t link(uint32_t pasid) {
    return (scalable_context(test::nic).first & ~uint64_t{0xfff}) + 8 * uint64_t{pasid >> 6};
  }
  uint64_t entry(uint32_t pasid) {
    return (word(link(pasid)) & ~uint64_t{0xfff}) + 64 * uint64_t{pasid & 63};
  }
  cache_lines lines;
};

using kernel_and_kind = std::tuple<const kernel_profile*, unit_kind, bool>;
class UnitWithoutSnooping : public ::testing::TestWithParam<kernel_and_kind> {};

TEST_P(UnitWithoutSnooping, FindsEverythingInMemory) {
  const auto& [profile, kind, followed] = GetParam();
  const bool late = profile == &v6_12::profile();
  watched s(kind, *profile);
  if (!followed) s.stop_recording();
  const auto clean = [&](const char* after) {
    EXPECT_THAT(s.lines.dirty(), IsEmpty()) << "after " << after;
  };
  clean("the start");
  constexpr auto both = dma_data_direction::bidirectional;
  const dma_addr handle = s.dma().map_page(s.nic(), phys_addr(0x800000), 0, 0x3000, both);
  clean("a mapping of the DMA API");
  s.dma().unmap_page(s.nic(), handle, 0x3000, both);
  clean("its end");

  auto& iommu = s.generation().iommu();
  iommu_domain& domain = *iommu_domain_alloc(iommu, *iommu.buses.back());
  clean("a new domain");
  ASSERT_EQ(iommu_attach_device(domain, s.nic()), 0);
  clean("an attach");
  const auto map = [&](uint64_t page, uint64_t pages) {
    EXPECT_EQ(iommu_map(domain, dma_addr(page << 12), phys_addr(0x1000000), pages << 12,
                        iommu_read | iommu_write),
              0);
    clean("a mapping");
  };
  const auto unmap = [&](uint64_t page, uint64_t pages) {
    EXPECT_EQ(iommu_unmap(domain, dma_addr(page << 12), pages << 12), pages << 12);
    clean("an unmap");
  };
  map(0x7f0, 0x20);  // two tables
  unmap(0x7f4, 1);
  unmap(0x7f8, 0x10);
  map(0x600, 1);
  unmap(0x600, 1);
  map(0x400, 0x200);  // small pages are left in the table there
  unmap(0x400, 0x200);
  map(0xa00, 1);
  unmap(0xa00, 1);
  map(0xa00, 0x200);  // a superpage in an empty table's place
  unmap(0xa00, 0x200);
  map(0x40000, 0x80000);  // of 1 GiB, where there are such
  unmap(0x40000, 0x80000);
  domain.ops->enforce_cache_coherency(domain);
  clean("a promise to snoop");
  iommu_detach_device(domain, s.nic());
  clean("a detach");
  iommu_domain_free(domain);
  clean("the domain's end");

  if (late) {
    iommu_ops& ops = *s.driver().ops;
    ASSERT_EQ(ops.blocked_domain->ops->attach_dev(*ops.blocked_domain, s.nic()), 0);
    clean("blocking");
    ASSERT_EQ(ops.identity_domain->ops->attach_dev(*ops.identity_domain, s.nic()), 0);
    clean("passing through");
    if (kind.scalable()) {
      int error = 0;
      iommu_domain& of_pasid = *iommu_paging_domain_alloc(s.nic(), error);
      for (const uint32_t pasid : {5u, 64u, 0xfffffu}) {
        ASSERT_EQ(iommu_attach_device_pasid(of_pasid, s.nic(), pasid, nullptr), 0);
        clean("a PASID");
      }
      if (kind.ecap.first_level()) {
        of_pasid.ops->enforce_cache_coherency(of_pasid);
        intel_pasid_setup_page_snoop_control(s.driver(), s.nic(), 64);
        clean("a PASID that snoops");
      }
      for (const uint32_t pasid : {5u, 64u, 0xfffffu}) {
        iommu_detach_device_pasid(of_pasid, s.nic(), pasid);
        clean("a PASID's end");
      }
      iommu_domain_free(of_pasid);
    }
  }
  s.pci().remove(*s.nic().pci);
  clean("a device's end");
  s.pci().rescan();
  clean("a device that came");
}

INSTANTIATE_TEST_SUITE_P(OfEachKind, UnitWithoutSnooping,
                         ::testing::Combine(::testing::Values(&v6_12::profile(),
                                                              &test::linux_6_1()),
                                            ::testing::ValuesIn(kinds), ::testing::Bool()),
                         [](const auto& test_case) {
                           return absl::StrCat(std::string(std::get<0>(test_case.param)->name()),
                                               "_", std::get<1>(test_case.param).name,
                                               std::get<2>(test_case.param) ? "_followed" : "");
                         });

// A copied context table, and the root table that leads to it.
TEST(CacheFlush, IsOfTablesThatAreCopied) {
  test::linux_6_12::system s(small_machine().build(), "on", "elfcorehdr=0x1000000");
  cache_lines lines(s.env());
  test::old_kernel old(s);
  old.run();
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(lines.dirty(), IsEmpty());
  const uint64_t root = s.root_table();
  const uint64_t bus_0 = s.word(root) & ~uint64_t{0xfff};
  const uint64_t bus_5 = s.word(root + 16 * 5) & ~uint64_t{0xfff};
  EXPECT_THAT(lines.flushes(), ::testing::IsSupersetOf({flush(bus_0, 0x1000), flush(bus_5, 0x1000),
                                                        flush(root, 0x1000)}));
}

// A unit that snoops has no need of it. Only the top table of a domain is written back: it may come
// to a unit that does not (md_domain_init()).
TEST(CacheFlush, IsNotForUnitsThatSnoop) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    for (unit_kind kind : kinds) {
      kind.ecap.set_page_walk_coherency(true).set_scalable_page_walk_coherency(kind.scalable());
      test::linux_6_12::system s(pasid_machine(kind.ecap, kind.cap).build(), "on,sm_on", "",
                                 *profile);
      cache_lines lines(s.env(), /*flushed_pages_first=*/false);
      ASSERT_EQ(s.boot(), 0);
      device& dev = s.dev(nic);
      EXPECT_EQ(lines.flushes().size(), s.driver().live_domain_count()) << kind.name;
      constexpr auto both = dma_data_direction::bidirectional;
      const dma_addr handle = s.dma().map_page(dev, phys_addr(0x800000), 0, 0x3000, both);
      s.dma().unmap_page(dev, handle, 0x3000, both);
      s.pci().remove(*dev.pci);
      EXPECT_THAT(lines.flushes(), IsEmpty()) << kind.name;
    }
  }
}

// Scalable mode: pages by SMPWC, what is above them by C.
TEST(CacheFlush, GoesByTwoBitsInScalableMode) {
  for (const bool upper_snoops : {false, true}) {
    const bool pages_snoop = !upper_snoops;
    unit_kind kind = kinds[1];
    kind.ecap.set_page_walk_coherency(upper_snoops).set_scalable_page_walk_coherency(pages_snoop);
    test::linux_6_12::system s(pasid_machine(kind.ecap, kind.cap).build(), "on,sm_on");
    cache_lines lines(s.env(), /*flushed_pages_first=*/false);
    ASSERT_EQ(s.boot(), 0);
    device& dev = s.dev(nic);
    iommu_domain& identity = *s.driver().ops->identity_domain;
    lines.flushes();
    ASSERT_EQ(iommu_attach_device_pasid(identity, dev, 64, nullptr), 0);
    EXPECT_EQ(lines.flushes().empty(), upper_snoops);
    iommu_detach_device_pasid(identity, dev, 64);
    EXPECT_EQ(lines.flushes().empty(), upper_snoops);
    s.dma().map_page(dev, phys_addr(0x800000), 0, 0x3000, dma_data_direction::to_device);
    EXPECT_EQ(lines.flushes().empty(), pages_snoop);
  }
}

// Table, link, entry; the entry twice when it goes: without its present bit, and empty.
TEST(CacheFlush, OfPasidsIsAsLargeAsWhatChanged) {
  watched s(kinds[1], v6_12::profile());
  iommu_domain& identity = *s.driver().ops->identity_domain;
  s.lines.flushes();
  ASSERT_EQ(iommu_attach_device_pasid(identity, s.nic(), 64, nullptr), 0);
  const uint64_t table = s.word(s.link(64)) & ~uint64_t{0xfff};
  EXPECT_THAT(s.lines.flushes(),
              ElementsAre(flush(table, 0x1000), flush(s.link(64), 8), flush(table, 64)));
  ASSERT_EQ(iommu_attach_device_pasid(identity, s.nic(), 67, nullptr), 0);
  EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(table + 64 * 3, 64)));
  for (const uint32_t pasid : {64u, 67u}) {
    const flush entry(s.entry(pasid), 64);
    iommu_detach_device_pasid(identity, s.nic(), pasid);
    EXPECT_THAT(s.lines.flushes(), ElementsAre(entry, entry));
  }
  s.pci().remove(*s.nic().pci);
  s.lines.flushes();
  s.pci().rescan();
  constexpr uint64_t pages_of_directory = 32;  // 2^20 PASIDs, 64 to a table, 512 tables to a page
  const uint64_t directory = s.scalable_context(nic).first & ~uint64_t{0xfff};
  EXPECT_THAT(s.lines.flushes(), ::testing::Contains(flush(directory, pages_of_directory << 12)));
}

// A context entry, too: before the unit is told, and when it is empty.
TEST(CacheFlush, OfAContextEntryThatGoes) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    for (const unit_kind& kind : {kinds[0], kinds[1]}) {
      watched s(kind, *profile);
      const uint64_t table = s.word(s.root_table()) & ~uint64_t{0xfff};
      const flush entry(table + (kind.scalable() ? 32 : 16) * uint64_t{nic.devfn}, 16);
      s.lines.flushes();
      s.pci().remove(*s.nic().pci);
      const std::vector<flush> all = s.lines.flushes();
      EXPECT_EQ(std::count(all.begin(), all.end(), entry), 2) << kind.name;
    }
  }
}

// An entry that is to snoop changes in one word, and its line is written back before the unit hears
// of it.
TEST(CacheFlush, ComesBeforeTheUnitIsTold) {
  watched s(kinds[2], v6_12::profile());
  s.lines.flushes();
  intel_pasid_setup_page_snoop_control(s.driver(), s.nic(), 0);
  EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(s.entry(0), 64)));
}

// __domain_mapping(), dma_pte_clear_level(): from the first entry to the last, within one table.
TEST(CacheFlush, OfPagesIsAsLargeAsTheRange) {
  for (const bool followed : {false, true}) {
    watched s(kinds[0], v6_12::profile());
    if (!followed) s.stop_recording();
    dmar_domain& domain = *info_of(s.nic()).domain;
    const auto map = [&](uint64_t first, uint64_t pages) {
      EXPECT_EQ(domain_mapping(s.driver(), domain, first, 0x1000, pages, dma_pte_read), 0);
    };
    const auto unmap = [&](uint64_t first, uint64_t last) {
      page_freelist freelist;
      domain_unmap(s.driver(), domain, first, last, freelist);
      iommu_put_pages_list(s.driver(), freelist);
    };
    s.lines.flushes();
    map(0x210, 1);
    const uint64_t top = domain.pgd.value();
    const uint64_t middle = s.word(top) & ~uint64_t{0xfff};
    const uint64_t leaves = s.word(middle + 8) & 0x000ffffffffff000;
    EXPECT_THAT(s.lines.flushes(),
                ElementsAre(flush(middle, 0x1000), flush(top, 8), flush(leaves, 0x1000),
                            flush(middle + 8, 8), flush(leaves + 8 * 0x10, 8)));
    map(0x213, 4);
    EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(leaves + 8 * 0x13, 8 * 4)));
    map(0x3ff, 2);  // one here, one in a table of its own
    const uint64_t more = s.word(middle + 16) & 0x000ffffffffff000;
    EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(leaves + 8 * 0x1ff, 8), flush(more, 0x1000),
                                               flush(middle + 16, 8), flush(more, 8)));
    // 210h, and 213h to 216h: the hole between is part of the range.
    unmap(0x20f, 0x214);
    EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(leaves + 8 * 0x10, 8 * 5)));
    unmap(0x220, 0x230);
    EXPECT_THAT(s.lines.flushes(), IsEmpty());
    // The whole of the second table goes, by its entry above.
    unmap(0x400, 0x5ff);
    EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(middle + 16, 8)));
    // When a table makes room: its entries, then the one that led to it.
    map(0x400, 1);
    const uint64_t last = s.word(middle + 16) & 0x000ffffffffff000;
    s.lines.flushes();
    dma_pte_free_pagetable(s.driver(), domain, 0x400, 0x5ff, 3);
    EXPECT_THAT(s.lines.flushes(), ElementsAre(flush(last, 0x1000), flush(middle + 16, 8)));
  }
}

}  // namespace
}  // namespace iommulab::v6_12::cache_flush_test
