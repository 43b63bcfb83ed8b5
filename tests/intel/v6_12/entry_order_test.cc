// SPDX-License-Identifier: GPL-2.0-only
//
// The order in which context entries and PASID table entries are stored. The unit looks at nothing
// of an entry that is not present: the present bit comes last, and goes first, before caches are
// told and the rest is cleared (VT-d specification 6.2.2; context_clear_present(),
// pasid_clear_present() of 6.12). What who follows tables is told is held against the entry.
#include <gmock/gmock.h>

#include "intel/v6_12/context.h"
#include "intel/v6_12/pasid.h"
#include "intel/v6_12/pasid_system.h"
#include "support/v6_12/cache_lines.h"
#include "support/v6_12/releases.h"

namespace iommulab::v6_12::entry_order_test {
namespace {

using test::cache_lines, test::nic, test::pasid_machine, test::pasid_system, test::small_machine;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using store = cache_lines::store;

/// Stores to `bytes` from `first` on.
std::vector<store> within(cache_lines& lines, uint64_t first, uint64_t bytes) {
  std::vector<store> found;
  for (const store& s : lines.stores()) {
    if (s.first >= first && s.first < first + bytes) found.push_back(s);
  }
  return found;
}
/// Words of tables called `name` that who follows tables was told of: address, two words.
std::vector<std::tuple<uint64_t, uint64_t, uint64_t>> told(test::system& s, std::string_view name) {
  std::vector<std::tuple<uint64_t, uint64_t, uint64_t>> all;
  for (const trace_event& e : s.events().events()) {
    const auto* write = e.as<events::table_write>();
    if (write != nullptr && write->table == name) {
      all.emplace_back(write->address, write->lo, write->hi);
    }
  }
  return all;
}

TEST(EntryOrder, OfPasidEntries) {
  for (const bool first_level : {false, true}) {
    pasid_system s(first_level
                       ? pasid_machine(pasid_machine::first_level(), pasid_machine::four_levels())
                       : pasid_machine(pasid_machine::second_level()));
    iommu_domain& domain = s.new_domain();
    cache_lines lines(s.env());
    ASSERT_EQ(s.attach(domain, 5), 0);
    const uint64_t at = s.entry_at(5);
    const pasid_system::words entry = s.entry(5);
    std::vector<store> stores = within(lines, at, 64);
    ASSERT_FALSE(stores.empty());
    EXPECT_EQ(stores.back(), store(at, entry[0]));
    stores.pop_back();
    for (const store& one : stores) EXPECT_NE(one.first, at);
    const auto pairs = told(s, "pasid_table");
    ASSERT_EQ(pairs.size(), first_level ? 2u : 1u);
    EXPECT_EQ(pairs[0], std::tuple(at, entry[0], entry[1]));
    if (first_level) {
      EXPECT_EQ(pairs[1], std::tuple(at + 16, entry[2], entry[3]));
    }
    s.detach(domain, 5);
    stores = within(lines, at, 64);
    ASSERT_GE(stores.size(), 2u);
    EXPECT_EQ(stores[0], store(at, entry[0] & ~uint64_t{1}));
    EXPECT_EQ(stores[1], store(at, 0));
    for (const store& one : stores) {
      if (one != stores[0]) {
        EXPECT_EQ(one.second, 0u);
      }
    }
    iommu_domain_free(domain);
  }
}

// Of a word that changes in place: its pair, with what was there before.
TEST(EntryOrder, OfAWordThatChangesInPlace) {
  pasid_system s{pasid_machine(pasid_machine::first_level().set_snoop_control(true),
                               pasid_machine::four_levels())};
  const pasid_system::words before = s.entry(0);
  intel_pasid_setup_page_snoop_control(s.driver(), s.dev(), 0);
  unsigned told = 0;
  for (const trace_event& e : s.events().events()) {
    const auto* write = e.as<events::table_write>();
    if (write == nullptr) continue;
    ++told;
    EXPECT_EQ(write->address, s.entry_at(0));
    EXPECT_EQ(write->lo, before[0]);
    EXPECT_EQ(write->hi, before[1] | 1 << 24);
    EXPECT_EQ(write->lo_before, before[0]);
    EXPECT_EQ(write->hi_before, before[1]);
  }
  EXPECT_EQ(told, 1u);
}

TEST(EntryOrder, OfScalableContextEntries) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    pasid_system s(pasid_machine(pasid_machine::second_level()), *profile);
    const uint64_t at = (s.word(s.root_table()) & ~uint64_t{0xfff}) + 32 * uint64_t{nic.devfn};
    const uint64_t entry = s.word(at);
    cache_lines lines(s.env());
    s.pci().remove(*s.dev().pci);
    EXPECT_THAT(within(lines, at, 32),
                ElementsAre(store(at, entry & ~uint64_t{1}), store(at, 0), store(at + 8, 0)))
        << profile->name();
    EXPECT_THAT(told(s, "scalable_context"),
                ElementsAre(std::tuple(at, entry & ~uint64_t{1}, uint64_t{0}),
                            std::tuple(at, uint64_t{0}, uint64_t{0})));
    s.events().clear();
    s.pci().rescan();
    EXPECT_THAT(within(lines, at, 32), ElementsAre(store(at, s.word(at)))) << profile->name();
    EXPECT_THAT(told(s, "scalable_context"), ElementsAre(std::tuple(at, s.word(at), uint64_t{0})));
    EXPECT_THAT(told(s, "context"), IsEmpty());
  }
}

TEST(EntryOrder, OfContextEntries) {
  for (const kernel_profile* profile : {&v6_12::profile(), &test::linux_6_1()}) {
    test::linux_6_12::system s(small_machine().build(), "on", "", *profile);
    ASSERT_EQ(s.boot(), 0);
    const uint64_t at = (s.word(s.root_table()) & ~uint64_t{0xfff}) + 16 * uint64_t{nic.devfn};
    const auto [lo, hi] = s.context(nic);
    cache_lines lines(s.env());
    s.pci().remove(*s.dev(nic).pci);
    EXPECT_THAT(within(lines, at, 16),
                ElementsAre(store(at, lo & ~uint64_t{1}), store(at, 0), store(at + 8, 0)))
        << profile->name();
    s.pci().rescan();
    EXPECT_THAT(within(lines, at, 16),
                ElementsAre(store(at + 8, s.context(nic).second), store(at, s.context(nic).first)))
        << profile->name();
  }
}

/// A device that firmware names and that is no PCI function: its requests bear an id of its own.
struct named_device {
  named_device(intel_iommu& iommu, source_id id, device_domain_info* like = nullptr) {
    if (like != nullptr) info.pasid = like->pasid;
    info.iommu = &iommu;
    info.bus = id.bus;
    info.devfn = id.devfn;
    info.dev = &dev;
    priv.priv = &info;
    dev.iommu = &priv;
  }
  device_domain_info info;
  dev_iommu priv;
  device dev;
};

// Without aliases to walk, there is one entry.
TEST(EntryOrder, OfDevicesThatAreNoPciFunctions) {
  constexpr source_id id = {0, 0xf0, 0x08};
  {
    pasid_system s{pasid_machine(pasid_machine::second_level())};
    named_device other(s.iommu(), id, &info_of(s.dev()));
    const uint64_t live = s.pages().live_pages();
    intel_pasid_teardown_sm_context(s.driver(), other.dev);
    EXPECT_EQ(s.pages().live_pages(), live) << "there is no table, and none is made";
    s.pages().failures().fail_at(1);
    EXPECT_EQ(intel_pasid_setup_sm_context(s.driver(), other.dev), -ENOMEM);
    s.pages().failures().fail_never();
    EXPECT_EQ(intel_pasid_setup_sm_context(s.driver(), other.dev), 0);
    EXPECT_EQ(s.scalable_context(id).first, s.directory() | 0xe01);
    intel_pasid_teardown_sm_context(s.driver(), other.dev);
    EXPECT_EQ(s.scalable_context(id), std::pair(uint64_t{0}, uint64_t{0}));
    intel_pasid_free_table(s.driver(), other.dev);
    EXPECT_NE(other.info.pasid, nullptr) << "it has none to be freed";
  }
  test::linux_6_12::system s(small_machine().build());
  ASSERT_EQ(s.boot(), 0);
  intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  named_device other(iommu, id);
  dmar_domain& domain = *info_of(s.dev(nic)).domain;
  const uint64_t live = s.pages().live_pages();
  domain_context_clear(s.driver(), other.info);
  EXPECT_EQ(s.pages().live_pages(), live);
  EXPECT_EQ(domain_context_mapping(s.driver(), domain, other.dev), 0);
  EXPECT_EQ(s.context(id), s.context(nic));
  domain_context_clear(s.driver(), other.info);
  EXPECT_EQ(s.context(id), std::pair(uint64_t{0}, uint64_t{0}));
  EXPECT_EQ(device_setup_pass_through(s.driver(), other.dev), 0);
  EXPECT_EQ(s.context(id), std::pair(uint64_t{0x9}, uint64_t{0x101}));
  domain_context_clear(s.driver(), other.info);
}

}  // namespace
}  // namespace iommulab::v6_12::entry_order_test
