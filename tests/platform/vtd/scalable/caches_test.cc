// SPDX-License-Identifier: GPL-2.0-only
//
// What scalable mode keeps in caches, and which invalidation takes what out of them (VT-d
// specification 3.0, 6.2 and 6.5.2; guidance to software in 6.5.3).
#include "scalable_machine.h"

namespace iommulab::vtd_test::caches_test {
namespace {

constexpr uint64_t iova = 0x12345000;
constexpr uint64_t here = 0x800000;
constexpr uint64_t there = 0x900000;
constexpr uint64_t all = fl_present | fl_write | fl_user;
constexpr uint32_t process = 7;

/// The nic's requests without PASID in second level, domain 5; its PASID 7 in first level, domain
/// 6. Both have `iova` at `here`.
struct two_levels : scalable_machine {
  uint64_t second_top = page();
  uint64_t first_top = page();
  explicit two_levels(vtd_config config = everything()) : scalable_machine(std::move(config)) {
    map(second_top, 3, iova, here | 3);
    map_first(first_top, iova, here | all);
    set_pasid(nic, 0, second(second_top, 5));
    set_pasid(nic, process, first(first_top, 6));
  }
  void remap() {
    map(second_top, 3, iova, there | 3);
    map_first(first_top, iova, there | all);
  }
  uint64_t by_second() { return read(nic, iova).address; }
  uint64_t by_first() { return read_pasid(nic, process, iova).address; }
  void fill() {
    EXPECT_EQ(by_second(), here);
    EXPECT_EQ(by_first(), here);
  }
};

struct row {
  const char* what;
  std::array<uint64_t, 2> descriptor;
  bool takes_second;
  bool takes_first;
};

TEST(vtd_scalable_caches, what_each_invalidation_takes_out_of_the_iotlb) {  // 6.5.2.3, 6.5.2.4
  const row rows[] = {
      {"context-cache, global", {0x11, 0}, false, false},
      {"PASID-cache, global", {0x37, 0}, false, false},
      {"IOTLB, global", {0x12, 0}, true, true},
      {"IOTLB, domain of the second level", {0x50022, 0}, true, false},
      {"IOTLB, domain of the first level", {0x60022, 0}, false, true},
      {"IOTLB, another domain", {0x70022, 0}, false, false},
      {"IOTLB, page", {0x50032, iova}, true, false},
      {"IOTLB, pages around", {0x50032, (iova & ~uint64_t{0xffff}) | 4}, true, false},
      {"IOTLB, another page", {0x50032, iova + 0x1000}, false, false},
      {"IOTLB, page of the first level's domain", {0x60032, iova}, false, false},
      {"PASID-based, all", {0x60026 | uint64_t{process} << 32, 0}, false, true},
      {"PASID-based, page", {0x60036 | uint64_t{process} << 32, iova}, false, true},
      {"PASID-based, pages around",
       {0x60036 | uint64_t{process} << 32, (iova & ~uint64_t{0xffff}) | 4},
       false,
       true},
      {"PASID-based, leaf hint", {0x60036 | uint64_t{process} << 32, iova | 0x40}, false, true},
      {"PASID-based, another page",
       {0x60036 | uint64_t{process} << 32, iova + 0x1000},
       false,
       false},
      {"PASID-based, another PASID", {0x60026 | uint64_t{8} << 32, 0}, false, false},
      {"PASID-based, another domain", {0x70026 | uint64_t{process} << 32, 0}, false, false},
      {"PASID-based, the second level's", {0x50026, 0}, false, false},
  };
  for (const row& r : rows) {
    two_levels m;
    m.start();
    m.fill();
    m.remap();
    m.fill();  // nothing leaves a cache by itself
    m.submit(r.descriptor[0], r.descriptor[1]);
    EXPECT_EQ(m.by_second(), r.takes_second ? there : here) << r.what;
    EXPECT_EQ(m.by_first(), r.takes_first ? there : here) << r.what;
    EXPECT_EQ(m.fsts() & fsts_iqe, 0u) << r.what;
  }
}

TEST(vtd_scalable_caches, context_entries_stay_until_they_are_invalidated) {  // 6.2.3
  struct context_row {
    const char* what;
    uint64_t low;
    bool takes;
  };
  const context_row rows[] = {
      {"global", 0x11, true},
      // A context entry has no domain here: which are meant the unit cannot tell.
      {"domain", 0x50021, true},
      {"device", 0x31 | uint64_t{nic} << 32, true},
      {"device, whatever domain", 0x990031 | uint64_t{nic} << 32, true},
      {"another device", 0x31 | uint64_t{disk} << 32, false},
      {"a function of the same device", 0x31 | uint64_t{nic + 1} << 32, false},
      {"all functions of the device", 0x31 | uint64_t{nic + 1} << 32 | uint64_t{3} << 48, true},
      {"PASID-cache", 0x37, false},
      {"IOTLB", 0x12, false},
  };
  for (const context_row& r : rows) {
    two_levels m;
    m.start();
    m.fill();
    m.word(m.scalable_context(nic)) = 0;
    m.submit(r.low);
    m.flush_all_pages();
    EXPECT_EQ(m.read(nic, iova).ok(), !r.takes) << r.what;
  }
}

TEST(vtd_scalable_caches, table_entries_stay_until_they_are_invalidated) {  // 6.2.4, 6.5.2.2
  struct pasid_row {
    const char* what;
    uint64_t low;
    bool takes_zero;
    bool takes_seven;
  };
  const pasid_row rows[] = {
      {"global", 0x37, true, true},
      {"domain of PASID 0", 0x50007, true, false},
      {"domain of PASID 7", 0x60007, false, true},
      {"another domain", 0x70007, false, false},
      {"PASID 7", 0x60017 | uint64_t{process} << 32, false, true},
      {"PASID 7 of another domain", 0x50017 | uint64_t{process} << 32, false, false},
      {"PASID 0", 0x50017, true, false},
      {"context-cache", 0x11, false, false},
      {"IOTLB", 0x12, false, false},
  };
  for (const pasid_row& r : rows) {
    two_levels m;
    m.start();
    m.fill();
    m.set_pasid(nic, 0, {});
    m.set_pasid(nic, process, {});
    m.submit(r.low);
    m.flush_all_pages();
    EXPECT_EQ(m.read(nic, iova).ok(), !r.takes_zero) << r.what;
    EXPECT_EQ(m.read_pasid(nic, process, iova).ok(), !r.takes_seven) << r.what;
  }
}

TEST(vtd_scalable_caches, a_table_entry_goes_by_the_domain_that_it_was_read_with) {  // 6.2.4
  two_levels m;
  m.start();
  m.fill();
  m.set_pasid(nic, 0, two_levels::second(m.first_top, 9));  // nothing of it is mapped
  m.submit(0x90007);
  EXPECT_TRUE(m.read(nic, iova).ok());
  m.submit(0x50007);
  EXPECT_FALSE(m.read(nic, iova).ok());
}

TEST(vtd_scalable_caches, first_level_translations_are_their_pasids_own) {  // 6.2.5
  two_levels m;
  const uint64_t other_top = m.page();
  m.map_first(other_top, iova, there | all);
  m.set_pasid(nic, 8, two_levels::first(other_top, 6));
  m.start();
  EXPECT_EQ(m.by_first(), here);
  EXPECT_EQ(m.read_pasid(nic, 8, iova).address, there);
  EXPECT_EQ(m.by_first(), here);
}

TEST(vtd_scalable_caches, second_level_translations_are_their_domains) {  // 6.2.5
  two_levels m;
  m.set_pasid(disk, 0, two_levels::second(m.second_top, 5));
  m.start();
  EXPECT_EQ(m.by_second(), here);
  m.remap();
  EXPECT_EQ(m.read(disk, iova).address, here);  // found by the domain
}

TEST(vtd_scalable_caches, first_level_tables_are_cached_apart_from_pages) {  // 6.2.5, IH
  for (const bool leaf_hint : {true, false}) {
    two_levels m;
    m.start();
    m.fill();
    // The directory gets another table, in which the page lies elsewhere.
    const uint64_t table = m.page();
    m.word(table + ((iova >> 12) & 0x1ff) * 8) = there | all;
    m.word(m.first_entry_address(m.first_top, 4, iova, 2)) = table | all;
    m.submit(0x60036 | uint64_t{process} << 32, iova | (leaf_hint ? 0x40u : 0u));
    EXPECT_EQ(m.by_first(), leaf_hint ? here : there);
  }
}

TEST(vtd_scalable_caches, upper_halves_of_first_level_spaces_are_told_apart) {  // 3.6
  two_levels m;
  constexpr uint64_t upper = 0xffff800000000000 | iova;
  m.map_first(m.first_top, upper, there | all);
  m.start();
  EXPECT_EQ(m.by_first(), here);
  EXPECT_EQ(m.read_pasid(nic, process, upper).address, there);
  m.map_first(m.first_top, upper, here | all);
  m.flush_first_level_pages(6, process, upper);
  EXPECT_EQ(m.read_pasid(nic, process, upper).address, here);
}

TEST(vtd_scalable_caches, nested_translations_go_with_what_they_stand_on) {  // 6.5.2.3
  const auto after = [](auto invalidate) {
    two_levels m;
    // Guest addresses are host addresses here; the guest's page is at 900000h on the host.
    const uint64_t host_top = m.page();
    for (uint64_t at = 0x100000; at < 0x200000; at += 0x1000) m.map(host_top, 3, at, at | 3);
    m.map(host_top, 3, here, here | 3);
    m.set_pasid(nic, 9, two_levels::nest(m.first_top, host_top, 8, 3));
    m.start();
    EXPECT_EQ(m.read_pasid(nic, 9, iova).address, here);
    m.map(host_top, 3, here, there | 3);
    EXPECT_EQ(m.read_pasid(nic, 9, iova).address, here);
    invalidate(m);
    return m.read_pasid(nic, 9, iova).address;
  };
  // A page of the second level: which nested translations it was in nobody knows.
  EXPECT_EQ(after([](two_levels& m) { m.flush_second_level_pages(8, here); }), there);
  EXPECT_EQ(after([](two_levels& m) { m.flush_second_level(8); }), there);
  EXPECT_EQ(after([](two_levels& m) { m.flush_first_level(8, 9); }), there);
  EXPECT_EQ(after([](two_levels& m) { m.flush_first_level_pages(8, 9, iova); }), there);
  EXPECT_EQ(after([](two_levels& m) { m.flush_second_level_pages(5, here); }), here);
  EXPECT_EQ(after([](two_levels& m) { m.flush_first_level(8, 7); }), here);
}

TEST(vtd_scalable_caches, failed_lookups_are_cached_in_caching_mode_alone) {  // 6.1
  for (const bool caching : {false, true}) {
    vtd_config config = everything();
    config.cap.set_caching_mode(caching);
    two_levels m(config);
    m.set_pasid(nic, 0, {});
    m.start();
    EXPECT_FALSE(m.read(nic, iova).ok());
    m.set_pasid(nic, 0, two_levels::second(m.second_top, 5));
    EXPECT_EQ(m.read(nic, iova).ok(), !caching);
    m.submit(0x00007);  // what failed is in domain 0
    EXPECT_TRUE(m.read(nic, iova).ok());
    // The same of pages.
    EXPECT_FALSE(m.read(nic, iova + 0x1000).ok());
    m.map(m.second_top, 3, iova + 0x1000, here | 3);
    EXPECT_EQ(m.read(nic, iova + 0x1000).ok(), !caching);
    m.flush_second_level_pages(5, iova + 0x1000);
    EXPECT_TRUE(m.read(nic, iova + 0x1000).ok());
    // And of contexts.
    EXPECT_FALSE(m.read(disk, iova).ok());
    m.set_pasid(disk, 0, two_levels::second(m.second_top, 5));
    EXPECT_EQ(m.read(disk, iova).ok(), !caching);
    m.submit(0x31 | uint64_t{disk} << 32);
    EXPECT_TRUE(m.read(disk, iova).ok());
  }
}

TEST(vtd_scalable_caches, setting_the_root_leaves_the_caches) {  // 11.4.4, SRTP
  two_levels m;
  m.start();
  m.fill();
  m.root = m.page();
  m.set_root(m.root | two_levels::scalable);
  m.fill();
}

TEST(vtd_scalable_caches, setting_the_root_empties_the_caches_with_esrtps) {  // CAP.ESRTPS
  vtd_config config = everything();
  config.cap.set_enhanced_set_root_table(true);
  two_levels m(config);
  m.start();
  m.fill();
  m.root = m.page();
  m.set_root(m.root | two_levels::scalable);
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x39u);
  EXPECT_FALSE(m.unit.diagnoses().has(vtd_diagnosis::stale_caches_after_srtp));
}

TEST(vtd_scalable_caches, a_forgotten_invalidation_before_translation_is_diagnosed) {  // 6.6
  two_levels m;
  m.enable_queue();
  m.set_root(m.root | two_levels::scalable);
  m.flush_all_contexts();
  m.flush_all_pages();
  m.command(te);
  EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::stale_caches_after_srtp));
}

TEST(vtd_scalable_caches, more_spaces_than_have_numbers) {
  // Each PASID is a space of its own; the unit numbers 2^16 of them.
  two_levels m;
  m.start();
  constexpr uint32_t count = 0x10010;
  const uint64_t dir = m.directory(nic);
  const uint64_t table = m.page();
  for (uint32_t i = 0; i < 64; ++i) {
    const entry_words q = two_levels::first(m.first_top, 6);
    for (size_t w = 0; w < q.size(); ++w) m.word(table + 64 * i + 8 * w) = q[w];
  }
  for (uint32_t i = 1; i <= count / 64; ++i) m.word(dir + 8 * i) = table | 1;  // one table for all
  for (uint32_t pasid = 64; pasid < count; ++pasid) {
    ASSERT_EQ(m.read_pasid(nic, pasid, iova).address, here) << pasid;
  }
  m.map_first(m.first_top, iova, there | all);
  m.flush_first_level(6, count - 1);
  EXPECT_EQ(m.read_pasid(nic, count - 1, iova).address, there);
}

}  // namespace
}  // namespace iommulab::vtd_test::caches_test
