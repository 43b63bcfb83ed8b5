// SPDX-License-Identifier: GPL-2.0-only
//
// The scanner's own arithmetic, and that it reaches what is mapped and nothing else.
#include "platform/endpoints/hostile.h"

#include <map>
#include <numeric>
#include <set>

#include "dma/bus_machine.h"

namespace iommulab::bus_test::hostile_test {
namespace {

constexpr uint64_t iova = 0x40200000;
constexpr uint64_t target = 0x2000000;

class hostile : public testing::Test {
 protected:
  hostile() : device(m.port(plain), 7) {}
  /// The addresses that a scan tries while translation is off.
  std::vector<uint64_t> addresses(const hostile_scan& scan, uint64_t count) {
    std::vector<uint64_t> tried;
    device.run(scan, count, [&](const hostile_reach& r) { tried.push_back(r.address); });
    return tried;
  }
  bus_machine m;
  hostile_device device;
};

TEST_F(hostile, patterns_try_the_addresses_that_their_names_say) {
  hostile_scan scan{.pattern = scan_pattern::linear, .first = 0x1000, .last = 0x1017};
  EXPECT_EQ(addresses(scan, 4), (std::vector<uint64_t>{0x1000, 0x1008, 0x1010, 0x1000}));
  scan = {.pattern = scan_pattern::strided, .first = 0x1000, .last = 0x3fff, .stride = 0x1000};
  // It goes on where the last run ended, at step 4.
  EXPECT_EQ(addresses(scan, 4), (std::vector<uint64_t>{0x2000, 0x3000, 0x1000, 0x2000}));
  scan = {.pattern = scan_pattern::random, .first = 0x4000, .last = 0x4fff};
  std::set<uint64_t> seen;
  for (const uint64_t address : addresses(scan, 10000)) {
    ASSERT_EQ(address & ~uint64_t{0xff8}, 0x4000u);
    seen.insert(address);
  }
  EXPECT_EQ(seen.size(), 512u) << "every word";
  scan = {.pattern = scan_pattern::around,
          .first = 0,
          .last = machine::ram_end - 1,
          .targets = {0x100000, 0x300000},
          .spread = 0x2000};
  std::map<uint64_t, unsigned> near;
  for (const uint64_t address : addresses(scan, 10000)) {
    const uint64_t target_of = address < 0x200000 ? 0x100000 : 0x300000;
    ASSERT_GE(address, target_of - 0x2000);
    ASSERT_LT(address, target_of + 0x2000);
    ++near[target_of];
  }
  EXPECT_EQ(near.size(), 2u);
}

TEST_F(hostile, runs_repeat_by_the_seed) {
  const hostile_scan scan{.first = 0, .last = machine::ram_end - 1};
  hostile_device again(m.port(plain), 7);
  hostile_device other(m.port(plain), 9);
  const auto first = addresses(scan, 100);
  std::vector<uint64_t> second;
  std::vector<uint64_t> third;
  again.run(scan, 100, [&](const hostile_reach& r) { second.push_back(r.address); });
  other.run(scan, 100, [&](const hostile_reach& r) { third.push_back(r.address); });
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
}

TEST_F(hostile, reaches_what_is_mapped_and_nothing_else) {
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, iova, target | 3);
  m.map(top, 3, iova + 0x2000, (target + 0x1000) | pte_read);
  const hostile_scan scan{
      .pattern = scan_pattern::around, .targets = {iova, iova + 0x2000}, .spread = 0x3000};
  uint64_t reads = 0;
  uint64_t writes = 0;
  device.run(scan, 100000, [&](const hostile_reach& r) {
    const uint64_t page = r.address & ~uint64_t{0xfff};
    if (page == iova) {
      ASSERT_EQ(r.host, phys_addr(target + (r.address - iova)));
    } else {
      ASSERT_EQ(page, iova + 0x2000);
      ASSERT_EQ(r.access, dma_access::read);
      ASSERT_EQ(r.host, phys_addr(target + 0x1000 + (r.address - page)));
    }
    ++(r.access == dma_access::read ? reads : writes);
  });
  const hostile_counts& counts = device.counted();
  EXPECT_EQ(counts.accesses, 100000u);
  EXPECT_EQ(counts.reached(), reads + writes);
  EXPECT_GT(reads, writes);
  EXPECT_GT(writes, 0u);
  EXPECT_EQ(counts.of(vtd::fault_reason::read_not_permitted) +
                counts.of(vtd::fault_reason::write_not_permitted) + counts.reached(),
            counts.accesses);
  EXPECT_EQ(std::accumulate(counts.by_end.begin(), counts.by_end.end(), uint64_t{0}),
            counts.accesses);
  // Every word of the writable page was hit, and the read-only one is as it was.
  for (uint64_t at = 0; at < 0x1000; at += 8) {
    ASSERT_EQ(m.word(target + at), hostile_device::mark);
    ASSERT_EQ(m.word(target + 0x1000 + at), 0u);
  }
}

TEST_F(hostile, the_whole_address_space_gives_nothing) {
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, iova, target | 3);
  device.run({}, 100000);
  EXPECT_EQ(device.counted().reached(), 0u);
  EXPECT_GT(device.counted().of(vtd::fault_reason::address_beyond_width), 90000u);
}

TEST_F(hostile, made_up_translations_are_blocked) {
  m.start_with(plain);
  device.run({.kind = scan_kind::translated, .last = machine::ram_end - 1}, 10000);
  EXPECT_EQ(device.counted().of(vtd::fault_reason::translation_type_blocks), 10000u);
  EXPECT_EQ(m.fsts(), 2u);
}

TEST_F(hostile, messages_reach_the_controller_and_no_memory) {
  m.start_with(plain);
  device.run({.kind = scan_kind::messages}, 1000);
  EXPECT_EQ(device.counted().of(dma_end::interrupt), 1000u);
  EXPECT_EQ(m.interrupts.delivered().size(), 1000u);
  for (const msi_message& message : m.interrupts.delivered()) {
    ASSERT_EQ(message.address & ~uint64_t{0xffffc}, 0xfee00000u);
  }
}

TEST_F(hostile, without_bus_mastering_it_is_harmless) {
  m.config16(plain, 4, 2);
  device.run({.last = machine::ram_end - 1}, 100);
  EXPECT_EQ(device.counted().of(dma_end::no_master), 100u);
}

}  // namespace
}  // namespace iommulab::bus_test::hostile_test
