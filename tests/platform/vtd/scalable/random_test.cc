// SPDX-License-Identifier: GPL-2.0-only
//
// Random PASID directories, tables, and first and second levels: the unit against a walker of this
// file's own, which knows no caches and reads the tables anew each time. Before a table changes
// nothing is cached of it, or what the specification asks for is invalidated.
#include <optional>
#include <random>

#include "scalable_machine.h"

namespace iommulab::vtd_test::random_test {
namespace {

constexpr uint64_t all = fl_present | fl_write | fl_user;

struct wanted {
  uint64_t address = 0;
  unsigned reason = 0;
};

struct request_bits {
  bool write = false;
  bool privileged = false;
  bool execute = false;
};

/// The specification's walk, once more.
class reference {
 public:
  explicit reference(scalable_machine& m) : m_(m) {}

  wanted walk(uint16_t source, std::optional<uint32_t> asked, uint64_t address, request_bits r) {
    const uint64_t half = word(m_.root_word(source));
    if ((half & 1) == 0) return {0, 0x39};
    const uint64_t context = (half & frame) + uint64_t{32} * (source & 0x7f);
    const uint64_t q0 = word(context);
    if ((q0 & 1) == 0) return {0, 0x41};
    const uint32_t rid_pasid = word(context + 8) & 0xfffff;
    if (asked && (q0 & 8) == 0) return {0, 0x45};
    if (asked && *asked >= (uint32_t{64} << (((q0 >> 9) & 7) + 7))) return {0, 0x46};
    if (asked && *asked == rid_pasid) return {0, 0x48};
    const uint32_t pasid = asked.value_or(rid_pasid);
    const uint64_t directory = word((q0 & frame) + uint64_t{8} * (pasid >> 6));
    if ((directory & 1) == 0) return {0, 0x51};
    const uint64_t entry = (directory & frame) + uint64_t{64} * (pasid & 63);
    if ((word(entry) & 1) == 0) return {0, 0x59};
    const uint64_t type = (word(entry) >> 6) & 7;
    const uint64_t q2 = word(entry + 16);
    if (r.execute && (q2 & ere) == 0) return {0, 0x5c};
    if (r.privileged && (q2 & sre) == 0) return {0, 0x5d};
    if (type == pass_through) return {address, address >> host_width == 0 ? 0u : 0x83u};
    if (type == second_level) return second(entry, address, r.write);
    return first(entry, address, r, type == nested);
  }

 private:
  static constexpr uint64_t frame = 0x000ffffffffff000;
  uint64_t word(uint64_t at) { return m_.word(at); }

  wanted second(uint64_t entry, uint64_t address, bool write) {
    const unsigned levels = ((word(entry) >> 2) & 7) + 2;
    if (address >> (12 + 9 * levels) != 0) return {0, 0x84};
    uint64_t table = word(entry) & frame;
    for (unsigned level = levels;; --level) {
      const unsigned below = 12 + 9 * (level - 1);
      const uint64_t pte = word(table + ((address >> below) & 0x1ff) * 8);
      if ((pte & 3) == 0) return {0, 0x79};
      if ((pte & (write ? 2u : 1u)) == 0) return {0, write ? 0x85u : 0x86u};
      const uint64_t mask = (uint64_t{1} << below) - 1;
      if (level == 1 || (pte & 0x80) != 0) return {(pte & frame & ~mask) | (address & mask), 0};
      table = pte & frame;
    }
  }

  wanted first(uint64_t entry, uint64_t address, request_bits r, bool is_nested) {
    const uint64_t q2 = word(entry + 16);
    const unsigned levels = (q2 & five_levels) != 0 ? 5 : 4;
    const unsigned sign = 64 - (12 + 9 * levels);
    if (static_cast<uint64_t>(static_cast<int64_t>(address << sign) >> sign) != address) {
      return {0, 0x80};
    }
    bool writable = true;
    bool user = true;
    bool no_execute = false;
    uint64_t table = q2 & frame;
    for (unsigned level = levels;; --level) {
      const unsigned below = 12 + 9 * (level - 1);
      uint64_t at = table + ((address >> below) & 0x1ff) * 8;
      if (is_nested) {
        const wanted host = second(entry, at, false);
        if (host.reason != 0) return {0, level == levels ? 0x75u : 0x76u};
        at = host.address;
      }
      const uint64_t pte = word(at);
      if ((pte & 1) == 0) return {0, 0x71};
      writable = writable && (pte & fl_write) != 0;
      user = user && (pte & fl_user) != 0;
      no_execute = no_execute || (pte & fl_no_execute) != 0;
      const uint64_t mask = (uint64_t{1} << below) - 1;
      if (level > 1 && (pte & 0x80) == 0) {
        table = pte & frame;
        continue;
      }
      if (!r.privileged && !user) return {0, 0x81};
      if (r.write && !writable && (!r.privileged || (q2 & wpe) != 0)) return {0, 0x85};
      if (r.execute && no_execute && (q2 & nxe) != 0) return {0, 0x82};
      if (r.execute && r.privileged && user && (q2 & smep) != 0) return {0, 0x82};
      const uint64_t found = (pte & frame & ~mask) | (address & mask);
      return is_nested ? second(entry, found, r.write) : wanted{found, 0};
    }
  }

  scalable_machine& m_;
};

/// A machine with a few devices, PASIDs and tables of every kind.
class random_system {
  uint32_t roll(uint32_t sides) { return static_cast<uint32_t>(dice_() % sides); }
  template <typename Range>
  typename Range::value_type pick(const Range& range) {
    return range[roll(static_cast<uint32_t>(range.size()))];
  }

 public:
  explicit random_system(uint32_t seed) : dice_(seed) {
    for (unsigned i = 0; i < 3; ++i) {
      second_tops_.push_back(m_.page());
      first_tops_.push_back(m_.page());
    }
    // Under the nested one every page of the tables is a guest address equal to the host's.
    guest_top_ = m_.page();
    for (const uint16_t source : sources) {
      for (const uint32_t pasid : pasids) {
        if (roll(4) != 0) make_entry(source, pasid);
      }
    }
    for (unsigned i = 0; i < 60; ++i) map_something();
    for (uint64_t at = 0x100000; at < m_.next_page + 0x80000; at += 0x1000) {
      m_.map(host_top(), 4, at, at | 3);
    }
    for (uint64_t at = base; at < base + 0x400000; at += 0x1000) {
      if (roll(5) != 0) m_.map(host_top(), 4, at, (at + 0x400000) | 1 | roll(2) * 2);
    }
  }

  void run(unsigned requests) {
    m_.start();
    reference expected(m_);
    for (unsigned i = 0; i < requests; ++i) {
      if (roll(20) == 0) change();
      const uint16_t source = pick(sources);
      const bool with_pasid = roll(4) != 0;
      const uint32_t pasid = pick(pasids);
      const bool write = roll(2) != 0;
      const request_bits bits{write, with_pasid && roll(4) == 0,
                              !write && with_pasid && roll(4) == 0};
      const uint64_t address = some_address() + roll(0x1000 / 8) * 8;
      const wanted want =
          expected.walk(source, with_pasid ? std::optional(pasid) : std::nullopt, address, bits);
      const dma_access access = bits.write ? dma_access::write : dma_access::read;
      const dma_translation got =
          with_pasid ? m_.ask_pasid(source, pasid, address, access, bits.privileged, bits.execute)
                     : m_.ask(source, address, access);
      ASSERT_EQ(static_cast<unsigned>(got.reason), want.reason)
          << std::hex << "source " << source << " pasid " << (with_pasid ? pasid : 0xffffffff)
          << " address " << address << " request " << i;
      ASSERT_EQ(got.ok(), want.reason == 0);
      if (got.ok()) {
        ASSERT_EQ(got.address, want.address) << std::hex << address << " " << i;
      }
      m_.clear_faults();
    }
    EXPECT_EQ(m_.fsts() & fsts_iqe, 0u);
  }

 private:
  static constexpr std::array<uint16_t, 3> sources = {nic, disk, 0x0101};
  static constexpr std::array<uint32_t, 6> pasids = {0, 1, 63, 64, 0x12345, 0xfffff};
  static constexpr uint64_t base = 0x1000000;

  uint64_t host_top() const { return guest_top_; }

  /// Few enough to meet again.
  uint64_t some_address() {
    constexpr std::array<uint64_t, 6> regions = {
        0, 0x40000000, large, 0x7f0000000000, 0xffff800000000000, 0x800000000000};
    return pick(regions) + roll(4) * uint64_t{0x200000} + roll(8) * uint64_t{0x1000};
  }
  /// From here on a gigabyte is mapped by pages of 2 MiB.
  static constexpr uint64_t large = 0x100000000;
  static bool is_large(uint64_t address) { return address >> 30 == large >> 30; }

  // What an invalidation has to name: of a large page all, for it may be cached in pieces.
  static unsigned mask_of(uint64_t address) { return is_large(address) ? 9 : 0; }
  static uint64_t first_of(uint64_t address) {
    return address & ~((uint64_t{0x1000} << mask_of(address)) - 1);
  }

  void set_second(uint64_t top, uint64_t address, uint64_t bits) {
    const uint64_t second = address & 0xffffffffffff;
    if (is_large(second)) {
      m_.map(top, 4, second, (base + roll(4) * uint64_t{0x200000}) | 0x80 | bits, 2);
    } else {
      m_.map(top, 4, second, (base + roll(0x200) * uint64_t{0x1000}) | bits);
    }
  }
  void set_first(uint64_t top, uint64_t address, uint64_t bits) {
    if (is_large(address)) {
      m_.map_first(top, address, (base + roll(4) * uint64_t{0x200000}) | fl_large | bits, 2);
    } else {
      m_.map_first(top, address, (base + roll(0x200) * uint64_t{0x1000}) | bits);
    }
  }
  unsigned domain_of(uint64_t top) { return static_cast<unsigned>(2 + ((top >> 12) & 0xff)); }

  void make_entry(uint16_t source, uint32_t pasid) {
    const uint64_t q2 = (roll(2) != 0 ? sre : 0) | (roll(2) != 0 ? ere : 0) |
                        (roll(2) != 0 ? wpe : 0) | (roll(2) != 0 ? nxe : 0) |
                        (roll(4) == 0 ? smep : 0);
    const uint64_t second_top = pick(second_tops_);
    const uint64_t first_top = pick(first_tops_);
    // One domain has one second level; a PASID of a domain has one first level.
    entry_words q{};
    switch (1 + roll(4)) {
      case first_level:
        q = scalable_machine::first(first_top, domain_of(first_top), q2);
        break;
      case second_level:
        q = scalable_machine::second(second_top, domain_of(second_top), 4);
        q[2] = q2;
        break;
      case nested:
        q = scalable_machine::nest(first_top, host_top(),
                                   domain_of(host_top()) + 0x100 + domain_of(first_top), 4, q2);
        break;
      default:
        q = scalable_machine::pass(1);
        q[2] = q2;
        break;
    }
    m_.set_pasid(source, pasid, q);
  }
  void map_something() {
    const uint64_t address = some_address();
    if (roll(2) == 0) {
      set_second(pick(second_tops_), address, roll(4));
    } else {
      const uint64_t bits = (roll(8) != 0 ? fl_present : 0) | (roll(2) != 0 ? fl_write : 0) |
                            (roll(4) != 0 ? fl_user : 0) | (roll(4) == 0 ? fl_no_execute : 0);
      set_first(pick(first_tops_), address, bits);
    }
  }
  /// Something changes, and is invalidated as 6.5.3 asks for.
  void change() {
    switch (roll(3)) {
      case 0: {
        const uint16_t source = pick(sources);
        const uint32_t pasid = pick(pasids);
        if (roll(3) == 0) {
          m_.set_pasid(source, pasid, {});
        } else {
          make_entry(source, pasid);
        }
        m_.flush_all_pasids();
        m_.flush_all_pages();
        break;
      }
      case 1: {
        const uint64_t top = pick(second_tops_);
        const uint64_t address = some_address() & 0xffffffffffff;
        set_second(top, address, roll(4));
        m_.flush_second_level_pages(domain_of(top), first_of(address), mask_of(address));
        break;
      }
      default: {
        const uint64_t top = pick(first_tops_);
        const uint64_t address = some_address();
        set_first(top, address, all);
        // Whichever PASID has it, alone or nested.
        for (const uint32_t pasid : pasids) {
          m_.flush_first_level_pages(domain_of(top), pasid, first_of(address), mask_of(address));
          m_.flush_first_level_pages(domain_of(host_top()) + 0x100 + domain_of(top), pasid,
                                     first_of(address), mask_of(address));
        }
        break;
      }
    }
    ASSERT_EQ(m_.fsts() & fsts_iqe, 0u);
  }

  scalable_machine m_;
  std::mt19937 dice_;
  std::vector<uint64_t> second_tops_;
  std::vector<uint64_t> first_tops_;
  uint64_t guest_top_ = 0;
};

TEST(vtd_scalable_random, agrees_with_the_reference) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    random_system system(seed);
    system.run(2000);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace iommulab::vtd_test::random_test
