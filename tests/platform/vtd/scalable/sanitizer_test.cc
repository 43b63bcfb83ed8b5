// SPDX-License-Identifier: GPL-2.0-only
//
// The sanitizer's rules in scalable mode: the processor's part is played by hand, once as it is to
// be and once with the mistake.
#include <gmock/gmock.h>

#include "platform/vtd/sanitizer/vtd_sanitizer.h"
#include "scalable_machine.h"

namespace iommulab::vtd_test::scalable_sanitizer_test {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t base = 0xfed90000;
constexpr uint64_t iova = 0x12345000;
constexpr uint64_t here = 0x800000;
constexpr uint64_t there = 0x900000;
constexpr uint64_t all = fl_present | fl_write | fl_user;
constexpr uint32_t process = 7;

vtd_config coherent() {
  vtd_config config = everything();
  config.ecap.set_page_walk_coherency(true);
  return config;
}

/// Second level for requests without PASID, domain 5; first level for PASID 7, domain 6.
struct watched : scalable_machine {
  virtual_clock clock;
  vtd_sanitizer sanitizer;
  uint64_t second_top = page();
  uint64_t first_top = page();

  explicit watched(const vtd_config& config = coherent())
      : scalable_machine(config), sanitizer(memory(), clock, trace) {
    sanitizer.watch(unit, phys_addr(base));
    map(second_top, 3, iova, here | 3);
    map_first(first_top, iova, here | all);
    set_pasid(nic, 0, second(second_top, 5));
    set_pasid(nic, process, first(first_top, 6));
  }
  void store(table_kind kind, uint64_t at, uint64_t value) {
    const uint64_t before = word(at);
    word(at) = value;
    sanitizer.table_word_written(kind, phys_addr(at), before, value);
  }
  void use() {
    read(nic, iova);
    read_pasid(nic, process, iova);
  }
  void begin() {
    start();
    use();
    use();
    expect_none();
  }
  void expect_none() const {
    EXPECT_TRUE(sanitizer.log().findings().empty()) << to_text(sanitizer);
  }
  finding only() const {
    const auto& findings = sanitizer.log().findings();
    if (findings.size() == 1) return findings.front();
    ADD_FAILURE() << findings.size() << " findings\n" << to_text(sanitizer);
    return {};
  }
};

TEST(scalable_sanitizer, a_table_entry_that_the_cache_still_has) {
  watched m;
  m.begin();
  const uint64_t entry = m.pasid_entry(nic, process);
  {
    IOMMULAB_CALL(m.trace, "intel_pasid_tear_down_entry");
    m.store(table_kind::pasid_entry, entry, 0);
  }
  m.use();
  const finding f = m.only();
  EXPECT_EQ(f.id, sanitizer_rule::stale_translation);
  EXPECT_THAT(f.sentence, HasSubstr("PASID-cache (PASID 7: first level, domain 6)"));
  EXPECT_THAT(f.sentence, HasSubstr("memory has no PASID table entry"));
  EXPECT_EQ(f.value, entry);
  EXPECT_EQ(f.made.stack, call_stack{"intel_pasid_tear_down_entry"});
}

TEST(scalable_sanitizer, a_table_entry_that_was_taken_away_as_it_should) {
  watched m;
  m.begin();
  m.store(table_kind::pasid_entry, m.pasid_entry(nic, process), 0);
  m.flush_pasid(6, process);
  m.flush_first_level(6, process);
  m.use();
  m.expect_none();
}

TEST(scalable_sanitizer, a_context_entry_that_the_cache_still_has) {
  watched m;
  m.begin();
  m.store(table_kind::scalable_context, m.scalable_context(nic), 0);
  m.read(nic, iova);
  bool told = false;
  for (const finding& f : m.sanitizer.log().findings()) {
    told |= f.sentence.find("context-cache (PASID directory") != std::string::npos;
  }
  EXPECT_TRUE(told) << to_text(m.sanitizer);
}

TEST(scalable_sanitizer, pages_that_the_iotlb_still_has) {
  for (const bool first : {true, false}) {
    watched m;
    m.begin();
    const uint64_t at = first ? m.first_entry_address(m.first_top, 4, iova, 1)
                              : m.entry_address(m.second_top, 3, iova, 1);
    m.store(first ? table_kind::first_level : table_kind::paging, at, 0);
    m.use();
    const finding f = m.only();
    EXPECT_EQ(f.id, sanitizer_rule::stale_translation) << first;
    EXPECT_THAT(f.sentence, HasSubstr("led to 0x800000 by the IOTLB"));
    EXPECT_EQ(f.domain, domain_id(first ? 6 : 5));
    EXPECT_EQ(f.value, at);
  }
}

TEST(scalable_sanitizer, pages_that_were_invalidated) {
  watched m;
  m.begin();
  m.store(table_kind::first_level, m.first_entry_address(m.first_top, 4, iova, 1), 0);
  m.store(table_kind::paging, m.entry_address(m.second_top, 3, iova, 1), 0);
  m.flush_first_level_pages(6, process, iova);
  m.flush_second_level_pages(5, iova);
  m.use();
  m.expect_none();
}

TEST(scalable_sanitizer, invalidations_of_the_wrong_kind) {
  {
    watched m;
    m.begin();
    m.flush_first_level(5, 0);
    const finding f = m.only();
    EXPECT_EQ(f.id, sanitizer_rule::wrong_invalidation);
    EXPECT_EQ(f.domain, domain_id(5));
    EXPECT_THAT(f.sentence, HasSubstr("domain 5 are second-level"));
  }
  {
    watched m;
    m.begin();
    m.flush_second_level_pages(6, iova);
    EXPECT_EQ(m.only().id, sanitizer_rule::wrong_invalidation);
  }
  {
    watched m;
    m.begin();
    m.flush_second_level_pages(5, iova);
    m.flush_second_level(6);  // of a whole domain it takes first-level translations too
    m.flush_first_level(6, process);
    m.expect_none();
  }
}

TEST(scalable_sanitizer, an_entry_that_changes_while_it_is_present) {
  struct row {
    const char* what;
    table_kind kind;
    uint64_t (*at)(watched&);
    uint64_t change;  ///< bits that differ
    bool told;
  };
  const auto entry = [](watched& m) { return m.pasid_entry(nic, process); };
  const auto context = [](watched& m) { return m.scalable_context(nic); };
  const auto directory = [](watched& m) { return m.directory_word(nic, 0); };
  const row rows[] = {
      {"entry: type", table_kind::pasid_entry, entry, 0x40, true},
      {"entry: FPD", table_kind::pasid_entry, entry, 2, false},
      {"entry: SLADE", table_kind::pasid_entry, entry, slade, false},
      {"entry: domain", table_kind::pasid_entry,
       [](watched& m) { return m.pasid_entry(nic, process) + 8; }, 1, true},
      {"entry: PGSNP", table_kind::pasid_entry,
       [](watched& m) { return m.pasid_entry(nic, process) + 8; }, pgsnp, false},
      {"entry: first level", table_kind::pasid_entry,
       [](watched& m) { return m.pasid_entry(nic, process) + 16; }, 0x1000, true},
      {"context: PDTS", table_kind::scalable_context, context, 0x200, true},
      {"context: PRE", table_kind::scalable_context, context, 0x10, false},
      {"context: RID_PASID", table_kind::scalable_context,
       [](watched& m) { return m.scalable_context(nic) + 8; }, 1, true},
      {"directory: table", table_kind::pasid_directory, directory, 0x1000, true},
      {"directory: FPD", table_kind::pasid_directory, directory, 2, false},
      {"root: table", table_kind::scalable_root, [](watched& m) { return m.root_word(nic); },
       0x1000, true},
      {"page: address", table_kind::first_level,
       [](watched& m) { return m.first_entry_address(m.first_top, 4, iova, 1); }, 0x1000, true},
      {"page: RW", table_kind::first_level,
       [](watched& m) { return m.first_entry_address(m.first_top, 4, iova, 1); }, 2, false},
  };
  for (const row& r : rows) {
    watched m;
    m.start();
    const uint64_t at = r.at(m);
    m.store(r.kind, at, m.word(at) ^ r.change);
    EXPECT_EQ(m.sanitizer.log().count(sanitizer_rule::present_before_complete), r.told ? 1u : 0u)
        << r.what;
  }
}

TEST(scalable_sanitizer, an_entry_that_is_filled_in_order) {
  watched m;
  m.start();
  const uint64_t entry = m.pasid_entry(nic, 9);
  const entry_words q = watched::first(m.first_top, 6);
  for (size_t i = q.size(); i-- > 0;) m.store(table_kind::pasid_entry, entry + 8 * i, q[i]);
  // And emptied: the present bit goes first.
  for (size_t i = 0; i < q.size(); ++i) m.store(table_kind::pasid_entry, entry + 8 * i, 0);
  m.expect_none();
  // The present bit first: what comes after may be read torn.
  m.store(table_kind::pasid_entry, entry, q[0]);
  m.expect_none();
  m.store(table_kind::pasid_entry, entry + 8, q[1]);
  EXPECT_EQ(m.only().id, sanitizer_rule::present_before_complete);
  EXPECT_EQ(m.only().where, entry);
}

TEST(scalable_sanitizer, table_pages_that_are_freed_while_something_leads_to_them) {
  const auto after_freeing = [](auto which) {
    watched m;
    m.begin();
    m.sanitizer.table_page_freed(phys_addr(which(m)));
    return m.sanitizer.log().count(sanitizer_rule::freed_while_reachable);
  };
  EXPECT_GT(after_freeing([](watched& m) { return m.root_word(nic) & ~uint64_t{0xfff}; }), 0u);
  EXPECT_GT(after_freeing([](watched& m) { return m.scalable_context(nic) & ~uint64_t{0xfff}; }),
            0u);
  EXPECT_GT(after_freeing([](watched& m) { return m.directory(nic) + 31 * 0x1000; }), 0u);
  EXPECT_GT(after_freeing([](watched& m) { return m.pasid_entry(nic, 0) & ~uint64_t{0xfff}; }), 0u);
  EXPECT_GT(after_freeing([](watched& m) { return m.second_top; }), 0u);
  EXPECT_GT(after_freeing([](watched& m) { return m.first_top; }), 0u);
  EXPECT_GT(after_freeing([](watched& m) {
              return m.first_entry_address(m.first_top, 4, iova, 1) & ~uint64_t{0xfff};
            }),
            0u);
  EXPECT_EQ(after_freeing([](watched& m) { return m.page(); }), 0u);
}

TEST(scalable_sanitizer, a_page_that_only_the_pasid_cache_leads_to) {
  watched m;
  m.sanitizer.table_page_allocated(phys_addr(m.first_top));
  m.begin();
  m.store(table_kind::pasid_entry, m.pasid_entry(nic, process), 0);
  m.flush_all_pages();
  m.sanitizer.table_page_freed(phys_addr(m.first_top));
  const finding f = m.only();
  EXPECT_EQ(f.id, sanitizer_rule::freed_while_reachable);
  EXPECT_THAT(f.sentence, HasSubstr("the PASID-cache leads to it for PASID 7 of 00:03.0"));
  EXPECT_THAT(f.made_by, HasSubstr("was cleared"));
}

TEST(scalable_sanitizer, an_unmap_that_returns_too_early) {
  for (const bool first : {true, false}) {
    watched m;
    m.begin();
    const uint64_t at = first ? m.first_entry_address(m.first_top, 4, iova, 1)
                              : m.entry_address(m.second_top, 3, iova, 1);
    const domain_id domain(first ? 6 : 5);
    const unmapped_range range{phys_addr(base), domain, dma_addr(iova), dma_addr(iova + 0xfff),
                               false};
    m.sanitizer.unmap_returned(range);
    EXPECT_EQ(m.sanitizer.log().count(sanitizer_rule::reachable_after_unmap), 2u)  // and the IOTLB
        << to_text(m.sanitizer);
    m.store(first ? table_kind::first_level : table_kind::paging, at, 0);
    m.sanitizer.unmap_returned(range);
    EXPECT_EQ(m.sanitizer.log().count(sanitizer_rule::reachable_after_unmap), 3u);
    m.flush_all_pages();
    m.sanitizer.unmap_returned(range);
    EXPECT_EQ(m.sanitizer.log().count(sanitizer_rule::reachable_after_unmap), 3u);
  }
}

TEST(scalable_sanitizer, stores_that_stay_in_the_processors_cache) {  // ECAP.C, ECAP.SMPWCS
  struct row {
    bool structures;  ///< C
    bool pages;       ///< SMPWCS
  };
  for (const row r : {row{true, true}, row{true, false}, row{false, true}}) {
    vtd_config config = everything();
    config.ecap.set_page_walk_coherency(r.structures).set_scalable_page_walk_coherency(r.pages);
    watched m(config);
    m.set_pasid(nic, 0, watched::second(m.second_top, 5));
    m.start();
    const uint64_t leaf = m.entry_address(m.second_top, 3, iova, 1);
    m.store(table_kind::paging, leaf, 0);
    m.store(table_kind::paging, leaf, there | 3);
    const uint64_t entry = m.pasid_entry(nic, 0);
    m.store(table_kind::pasid_entry, entry, 0);
    m.store(table_kind::pasid_entry, entry, watched::second(m.second_top, 5)[0]);
    m.read(nic, iova);
    const uint64_t found = m.sanitizer.log().count(sanitizer_rule::unflushed_write);
    EXPECT_EQ(found > 0, !r.structures || !r.pages) << r.structures << r.pages;
    for (const finding& f : m.sanitizer.log().findings()) {
      EXPECT_THAT(f.sentence, HasSubstr(r.structures ? "(ECAP.SMPWCS)" : "(ECAP.C)"));
    }
  }
}

}  // namespace
}  // namespace iommulab::vtd_test::scalable_sanitizer_test
