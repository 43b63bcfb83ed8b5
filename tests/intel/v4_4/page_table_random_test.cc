// SPDX-License-Identifier: GPL-2.0-only
//
// Random mapping, mapping over, unmapping whole and in parts, clearing and freeing, in domains of
// two to five levels with and without superpages, against a flat shadow: a list of what should be
// mapped. After each operation the pages it touched and their neighbours are walked in memory;
// every so often all tables are.
//
// Everything is done twice, in two systems: one where nobody listens, so that the driver takes its
// short ways, and one whose calls are followed, where it goes level by level. Both have to agree
// with the shadow, and with each other in every entry and every log line.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <random>

#include "intel/v4_4/page_table.h"
#include "intel/v4_4/raw_tables.h"
#include "kernel/v4_4/profile.h"
#include "support/call_counter.h"
#include "support/long_run.h"

namespace iommulab::test::page_table_random_test {
namespace {

using namespace v4_4;

constexpr uint64_t pages_2m = 512;
constexpr uint64_t pages_1g = 512 * pages_2m;
constexpr uint64_t operations_in_all = 1'000'000;
constexpr uint64_t kinds_of_domains = 12;
constexpr uint64_t short_run_divisor = 10;
constexpr uint64_t operations_between_full_checks = 250;
constexpr size_t most_mappings = 200;

uint64_t operations() {
  const uint64_t all = operations_in_all / kinds_of_domains + 1;
  return is_long_run() ? all : all / short_run_divisor;
}

struct domain_kind {
  int width;
  int superpages;
};
std::ostream& operator<<(std::ostream& out, const domain_kind& kind) {
  return out << kind.width << " bits, superpages " << kind.superpages;
}

/// What should be mapped: pieces by their first page.
class shadow_map {
 public:
  struct piece {
    uint64_t last = 0;
    uint64_t phys = 0;
    uint64_t prot = 0;
  };
  using pieces = std::map<uint64_t, piece>;

  [[nodiscard]] const pieces& all() const { return pieces_; }
  [[nodiscard]] uint64_t pages() const { return pages_; }

  /// The first piece that ends at `pfn` or above.
  [[nodiscard]] pieces::const_iterator at_or_above(uint64_t pfn) const {
    auto it = pieces_.upper_bound(pfn);
    if (it != pieces_.begin() && std::prev(it)->second.last >= pfn) --it;
    return it;
  }
  [[nodiscard]] bool overlaps(uint64_t first, uint64_t last) const {
    const auto it = at_or_above(first);
    return it != pieces_.end() && it->first <= last;
  }

  /// Fills the holes of the range.
  void map(uint64_t first, uint64_t last, uint64_t phys, uint64_t prot) {
    const uint64_t delta = phys - first;
    for (uint64_t at = first; at <= last;) {
      const auto it = at_or_above(at);
      const bool any = it != pieces_.end() && it->first <= last;
      if (!any || it->first > at) {
        const uint64_t end = any ? it->first - 1 : last;
        pieces_[at] = {end, at + delta, prot};
        pages_ += end - at + 1;
        at = end + 1;
      } else {
        at = it->second.last + 1;
      }
    }
  }

  void unmap(uint64_t first, uint64_t last) {
    for (auto it = at_or_above(first); it != pieces_.end() && it->first <= last;) {
      const auto [start, old] = *it;
      it = pieces_.erase(it);
      pages_ -= old.last - start + 1;
      if (start < first) put(start, first - 1, old.phys, old.prot);
      if (old.last > last) put(last + 1, old.last, old.phys + (last + 1 - start), old.prot);
    }
  }

 private:
  void put(uint64_t first, uint64_t last, uint64_t phys, uint64_t prot) {
    pieces_[first] = {last, phys, prot};
    pages_ += last - first + 1;
  }

  pieces pieces_;
  uint64_t pages_ = 0;
};

/// A system with one domain. Its calls go to `sink`, when there is one.
struct side {
  side(const domain_kind& kind, trace_sink* sink)
      : ground(table_ground::create(v4_4::profile(), memory_size, sink).value()),
        pages_before(ground->live_pages()),
        domain(std::make_unique<table_domain>(*ground, kind.width, kind.superpages)),
        raw(*ground, **domain) {}

  intel_driver& driver() { return driver_of(*ground); }
  const auto& log() { return driver().env.log.lines(); }

  static constexpr uint64_t memory_size = uint64_t{512} << 20;
  std::unique_ptr<table_ground> ground;
  uint64_t pages_before;
  std::unique_ptr<table_domain> domain;
  raw_tables raw;
};

class random_mappings : public testing::TestWithParam<domain_kind> {
 protected:
  random_mappings() : end_(uint64_t{1} << (GetParam().width - 12)) {
    for (uint64_t& spot : spots_) spot = random(end_) & ~(pages_1g - 1);
    spots_[0] = 0;
    spots_[1] = end_ - pages_1g;
  }

  uint64_t random(uint64_t below) { return random_() % below; }

  /// Somewhere near one of a few places, so that mappings share tables; the ends of the address
  /// space are among them.
  uint64_t random_page() {
    const uint64_t spot = spots_[random(std::size(spots_))];
    const uint64_t reach = random(4) == 0 ? pages_1g : 4 * pages_2m;
    const uint64_t offset = random(reach);
    return spot + (random(2) == 0 ? offset : pages_1g - 1 - offset);
  }
  uint64_t random_length() {
    switch (random(16)) {
      case 0:
        return pages_2m;
      case 1:
        return 1 + random(3 * pages_2m);
      case 2:
        return pages_2m * (1 + random(3));
      default:
        return 1 + random(20);
    }
  }
  uint64_t random_prot() {
    const uint64_t access = 1 + random(3);
    return random(4) == 0 ? access | 0x800 : access;
  }

  void map_somewhere() {
    uint64_t first = random_page();
    uint64_t length = random_length();
    if (length >= pages_2m && random(2) == 0) first &= ~(pages_2m - 1);
    if (GetParam().superpages == 2 && random(64) == 0) {
      first &= ~(pages_1g - 1);
      length = pages_1g;
    }
    length = std::min(length, end_ - first);
    if (shadow_.overlaps(first, first + length - 1)) return map_over(first, length);
    // Aligned alike, so that superpages fit where the address allows them, or not at all.
    const uint64_t aligned = random(1 << 10) << 18 | (first & (pages_1g - 1));
    map(first, length, aligned + random(2) * random(2));
  }

  /// What is mapped stays, and is complained of; the rest is filled, with small pages only.
  void map_over(uint64_t first, uint64_t length) {
    constexpr uint64_t most = 64;
    length = std::min(length, most);
    if (!shadow_.overlaps(first, first + length - 1)) return;
    const size_t before = unobserved_.log().size();
    map(first, length, (random(1 << 10) << 18 | (first & (pages_1g - 1))) + 1);
    EXPECT_GT(unobserved_.log().size(), before);
  }

  void map(uint64_t first, uint64_t length, uint64_t phys) {
    const uint64_t prot = random_prot();
    for (side* s : both_) {
      ASSERT_EQ(domain_pfn_mapping(s->driver(), **s->domain, first, phys, length, prot), 0);
    }
    shadow_.map(first, first + length - 1, phys, prot);
    check(first, first + length - 1);
  }

  /// A piece, or a part of it that cuts no superpage.
  void unmap_something() {
    if (shadow_.all().empty()) return;
    auto it = shadow_.at_or_above(random_page());
    if (it == shadow_.all().end()) it = shadow_.all().begin();
    uint64_t first = it->first;
    uint64_t last = it->second.last;
    if (random(3) == 0) first += random(last - first + 1);
    if (random(3) == 0) last -= random(last - first + 1);
    first = unobserved_.raw.walk(first).first_pfn;
    last = unobserved_.raw.walk(last).last_pfn;
    if (first == 0 && last == end_ - 1) return;  // with all pages the top table goes
    const auto way = static_cast<unmap_way>(random(4));
    EXPECT_EQ(unmap(unobserved_, way, first, last), unmap(followed_, way, first, last));
    shadow_.unmap(first, last);
    check(first, last);
  }

  enum class unmap_way : uint8_t { clear_range, free_pagetable, whole, whole_again };

  /// The number of tables that were freed.
  static uint64_t unmap(side& s, unmap_way way, uint64_t first, uint64_t last) {
    intel_driver& drv = s.driver();
    const uint64_t before = s.ground->live_pages();
    if (way == unmap_way::clear_range) {
      dma_pte_clear_range(drv, **s.domain, first, last);
    } else if (way == unmap_way::free_pagetable) {
      dma_pte_free_pagetable(drv, **s.domain, first, last, s.raw.levels() + 1);
    } else {
      page_freelist freelist = domain_unmap(drv, **s.domain, first, last);
      dma_free_pagelist(drv, freelist);
    }
    return before - s.ground->live_pages();
  }

  void check(uint64_t first, uint64_t last) {
    for (side* s : both_) check(*s, first, last);
  }

  /// Every page of the range and some around it: the shadow's page and permissions, or nothing.
  void check(const side& s, uint64_t first, uint64_t last) {
    constexpr uint64_t around = 3;
    const uint64_t end = std::min(end_ - 1, last + around);
    auto piece = shadow_.at_or_above(first - std::min(first, around));
    for (uint64_t at = first - std::min(first, around); at <= end;) {
      const raw_entry entry = s.raw.walk(at);
      while (piece != shadow_.all().end() && piece->second.last < at) ++piece;
      const bool mapped = piece != shadow_.all().end() && piece->first <= at;
      ASSERT_EQ(entry.present(), mapped) << std::hex << at;
      if (mapped) {
        check_leaf(entry, *piece);
      } else {
        ASSERT_EQ(entry.value, 0u) << std::hex << at;
        ASSERT_FALSE(shadow_.overlaps(entry.first_pfn, entry.last_pfn)) << std::hex << at;
      }
      if (HasFatalFailure() || entry.last_pfn >= end) return;
      at = entry.last_pfn + 1;
    }
  }

  void check_leaf(const raw_entry& leaf, const shadow_map::pieces::value_type& piece) {
    const auto& [first, what] = piece;
    ASSERT_GE(leaf.first_pfn, first);
    ASSERT_LE(leaf.last_pfn, what.last);
    ASSERT_LE(leaf.level, 1 + GetParam().superpages);
    const uint64_t bits = what.prot | (leaf.level > 1 ? 0x80 : 0);
    ASSERT_EQ(leaf.value, (what.phys + (leaf.first_pfn - first)) << 12 | bits)
        << std::hex << leaf.first_pfn;
  }

  /// All tables: every leaf is one of the shadow's, none is missing, no table leaked, and the two
  /// systems have the same.
  void check_all() {
    for (side* s : both_) {
      uint64_t pages = 0;
      const uint64_t tables = s->raw.visit([&](const raw_entry& leaf) {
        const auto piece = shadow_.at_or_above(leaf.first_pfn);
        ASSERT_NE(piece, shadow_.all().end());
        check_leaf(leaf, *piece);
        pages += leaf.last_pfn - leaf.first_pfn + 1;
      });
      EXPECT_EQ(pages, shadow_.pages());
      EXPECT_EQ(tables, s->ground->live_pages() - s->pages_before);
    }
    EXPECT_EQ(unobserved_.raw.entries(), followed_.raw.entries());
    EXPECT_EQ(unobserved_.log().size(), followed_.log().size());
  }

  std::mt19937_64 random_{20160110};
  call_counter calls_;
  side unobserved_{GetParam(), nullptr};
  side followed_{GetParam(), &calls_};
  side* const both_[2] = {&unobserved_, &followed_};
  shadow_map shadow_;
  uint64_t spots_[6] = {};
  const uint64_t end_;  // pages of the address space
};

TEST_P(random_mappings, are_what_the_shadow_says) {
  for (uint64_t done = 1; done <= operations() && !HasFailure(); ++done) {
    SCOPED_TRACE(done);
    const bool full = shadow_.all().size() >= most_mappings;
    if (!full && random(2) == 0) {
      map_somewhere();
    } else {
      unmap_something();
    }
    if (done % operations_between_full_checks == 0) check_all();
  }
  check_all();
  EXPECT_GT(calls_.calls, operations()) << "one system's calls are followed";
  for (side* s : both_) {
    s->domain.reset();
    EXPECT_EQ(s->ground->live_pages(), s->pages_before);
    EXPECT_TRUE(s->ground->system().pages().diagnoses().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(kinds, random_mappings,
                         testing::Values(domain_kind{30, 0}, domain_kind{30, 1}, domain_kind{30, 2},
                                         domain_kind{39, 0}, domain_kind{39, 1}, domain_kind{39, 2},
                                         domain_kind{48, 0}, domain_kind{48, 1}, domain_kind{48, 2},
                                         domain_kind{57, 0}, domain_kind{57, 1},
                                         domain_kind{57, 2}));

}  // namespace
}  // namespace iommulab::test::page_table_random_test
