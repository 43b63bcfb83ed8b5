// SPDX-License-Identifier: GPL-2.0-only
//
// A device that keeps translations: what it asks, what it may do with the answer, and what takes
// the answer away again.
#include "platform/endpoints/device_tlb.h"

#include "dma/bus_machine.h"

namespace iommulab::bus_test::device_tlb_test {
namespace {

using vtd::fault_reason;

constexpr uint64_t iova = 0x40201000;
constexpr uint64_t target = 0x2000000;
constexpr uint16_t ats_control = ats_at + 6;
constexpr uint16_t ats_enable = 0x8000;
constexpr unsigned domain = 5;

vtd_config with_device_tlb() {
  vtd_config config;
  config.ecap.set_device_tlb(true);
  return config;
}

class ats : public testing::Test {
 protected:
  explicit ats(unsigned type = 1,
               const std::vector<pci_function_config>& functions = all_functions())
      : m(with_device_tlb(), {}, functions), tlb(m.port(express)) {
    table = m.start_with(express, domain, 3, type);
    m.map(table, 3, iova, target | 3);
    switch_on();
    queue = m.page();
    m.unit.write64(0x90, queue);
    m.command(qie);
  }
  void switch_on() { m.config16(express, ats_control, ats_enable); }
  void switch_off() { m.config16(express, ats_control, 0); }

  dma_result write(uint64_t address, const std::string& text) {
    return tlb.write(
        address, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size()));
  }
  dma_result read(uint64_t address, size_t length, std::string& found) {
    found.assign(length, '?');
    return tlb.read(address,
                    absl::MakeSpan(reinterpret_cast<std::byte*>(found.data()), found.size()));
  }
  /// A descriptor by its two words (6.5.2.5), then a wait; returns whether the wait's status came.
  bool submit(uint64_t low, uint64_t high) {
    const uint64_t status = queue + 0xf00;
    m.word(status) = 0;
    const uint64_t tail = m.unit.read64(0x88);
    m.word(queue + tail) = low;
    m.word(queue + tail + 8) = high;
    m.word(queue + tail + 16) = 0x25 | uint64_t{0x77} << 32;  // wait, write 77h
    m.word(queue + tail + 24) = status;
    m.unit.write64(0x88, tail + 32);
    return static_cast<uint32_t>(m.word(status)) == 0x77;
  }
  bool invalidate(uint64_t address, bool sized = false, uint16_t source = 0x20) {
    return submit(3 | uint64_t{4} << 16 | uint64_t{source} << 32, address | (sized ? 1 : 0));
  }
  bool invalidate_iotlb() { return submit(2 | 1 << 4, 0); }

  bus_machine m;
  device_tlb tlb;
  uint64_t table = 0;
  uint64_t queue = 0;
};

class ats_blocked : public ats {
 protected:
  ats_blocked() : ats(0) {}
};

TEST_F(ats, the_first_access_asks_and_the_others_know) {
  EXPECT_TRUE(write(iova + 0x10, "once").ok());
  EXPECT_EQ(tlb.counted().requests, 1u);
  EXPECT_EQ(tlb.counted().hits, 0u);
  EXPECT_TRUE(write(iova + 0x20, "twice").ok());
  std::string found;
  EXPECT_TRUE(read(iova + 0x10, 4, found).ok());
  EXPECT_EQ(found, "once");
  EXPECT_EQ(tlb.counted().requests, 1u);
  EXPECT_EQ(tlb.counted().hits, 2u);
  EXPECT_EQ(m.text_at(target + 0x20, 5), "twice");
  EXPECT_EQ(m.fsts(), 0u);
}

TEST_F(ats, switched_off_it_sends_plain_requests_and_forgets) {
  switch_off();
  EXPECT_TRUE(write(iova, "plain").ok());
  EXPECT_EQ(tlb.counted().requests, 0u);
  EXPECT_EQ(tlb.size(), 0u);
  switch_on();
  EXPECT_TRUE(write(iova, "asked").ok());
  EXPECT_EQ(tlb.size(), 1u);
  switch_off();
  EXPECT_TRUE(write(iova, "plain").ok());
  EXPECT_EQ(tlb.size(), 0u);
}

TEST_F(ats, a_large_page_is_one_entry) {
  constexpr uint64_t large = 0x200000;
  m.map(table, 3, large, target | pte_large | 3, 2);
  EXPECT_TRUE(write(large + 0x1ff8, "across a small boundary").ok());
  EXPECT_TRUE(write(large + 0x1ffff8, "end").ok());
  EXPECT_EQ(tlb.counted().requests, 1u);
  EXPECT_EQ(m.text_at(target + 0x1ff8, 23), "across a small boundary");
  EXPECT_EQ(m.text_at(target + 0x1ffff8, 3), "end");
  EXPECT_TRUE(invalidate(large + 0x1000));
  EXPECT_EQ(tlb.size(), 0u) << "a page inside takes all of it";
}

// 4.2.2: a page without permission is an answer, not a fault; the device asks again each time.
TEST_F(ats, what_is_not_permitted_is_not_sent) {
  m.map(table, 3, iova, target | pte_read);
  m.put(target, "read");
  std::string found;
  EXPECT_TRUE(read(iova, 4, found).ok());
  const dma_result refused = write(iova, "lost");
  EXPECT_EQ(refused.end, dma_end::blocked);
  EXPECT_EQ(refused.reason, fault_reason::none);
  EXPECT_EQ(refused.failed_at, iova);
  EXPECT_EQ(m.text_at(target, 4), "read");
  EXPECT_FALSE(write(iova + 0x1000, "lost").ok()) << "not present";
  EXPECT_FALSE(write(iova + 0x1000, "lost").ok());
  EXPECT_EQ(tlb.counted().requests, 4u);
  EXPECT_EQ(tlb.size(), 1u);
  EXPECT_EQ(m.fsts(), 0u);
  const dma_translation t = m.port(express).request_translation(iova + 0x1000, 8, dma_access::read);
  EXPECT_EQ(t.outcome, dma_outcome::translated);
  EXPECT_FALSE(t.readable || t.writable);
}

// 3.14: such an answer may not be kept; the write goes out untranslated and is a message.
TEST_F(ats, the_interrupt_range_is_for_untranslated_requests_only) {
  const dma_translation t =
      m.port(express).request_translation(0xfee01000, 4096, dma_access::write);
  EXPECT_TRUE(t.untranslated_only);
  EXPECT_TRUE(t.writable);
  EXPECT_FALSE(t.readable);
  EXPECT_EQ(write(0xfee01004, "data").end, dma_end::interrupt);
  EXPECT_EQ(m.interrupts.delivered().size(), 1u);
  EXPECT_EQ(tlb.size(), 0u);
}

TEST_F(ats, entries_stay_stale_until_they_are_invalidated) {
  ASSERT_TRUE(write(iova, "fresh").ok());
  m.map(table, 3, iova, 0);
  ASSERT_TRUE(invalidate_iotlb());
  EXPECT_TRUE(write(iova, "stale").ok()) << "the unit has forgotten, the device has not";
  EXPECT_EQ(m.text_at(target, 5), "stale");
  EXPECT_TRUE(invalidate(iova + 0x1000));
  EXPECT_TRUE(write(iova, "still").ok()) << "another page";
  EXPECT_TRUE(invalidate(iova));
  EXPECT_FALSE(write(iova, "never").ok());
  EXPECT_EQ(m.text_at(target, 5), "still");
  EXPECT_EQ(tlb.counted().invalidations, 2u);
  EXPECT_EQ(m.fsts(), 0u);
}

// A device-TLB that goes first would ask for the old page again (6.5.2.5 on the order).
TEST_F(ats, invalidating_the_device_before_the_unit_brings_the_old_page_back) {
  ASSERT_TRUE(write(iova, "fresh").ok());
  m.map(table, 3, iova, 0);
  EXPECT_TRUE(invalidate(iova));
  EXPECT_TRUE(write(iova, "stale").ok());
  ASSERT_TRUE(invalidate_iotlb());
  EXPECT_TRUE(write(iova, "stale").ok());
}

TEST_F(ats, an_invalidation_covers_the_range_that_its_address_says) {
  for (uint64_t page = 0; page < 8; ++page) {
    m.map(table, 3, iova + page * 0x1000, (target + page * 0x1000) | 3);
  }
  const auto ask_all = [&] {
    for (uint64_t page = 0; page < 8; ++page) ASSERT_TRUE(write(iova + page * 0x1000, "x").ok());
  };
  ask_all();
  // 40201000 with S: the lowest zero bit from 12 on is 13, so four pages of 16 KiB.
  EXPECT_TRUE(invalidate(0x40201000, true));
  EXPECT_EQ(tlb.size(), 8u - 3u) << "40201, 40202, 40203";
  ask_all();
  // 40207000: the lowest zero bit is 15, so sixteen pages.
  EXPECT_TRUE(invalidate(0x40207000, true));
  EXPECT_EQ(tlb.size(), 0u) << "40200 to 4020f";
  ask_all();
  EXPECT_TRUE(invalidate(0x7ffffffffffff000, true));
  EXPECT_EQ(tlb.size(), 0u) << "everything";
}

TEST_F(ats, an_invalidation_that_nobody_answers_times_out) {
  EXPECT_FALSE(invalidate(iova, false, 0x30));
  EXPECT_EQ(m.fsts() & 0x40, 0x40u) << "ITE";
  m.unit.write32(0x34, 0x40);
  switch_off();
  EXPECT_FALSE(invalidate(iova)) << "a function with ATS off does not know the message";
  EXPECT_EQ(m.fsts() & 0x40, 0x40u);
}

/// One more function has ATS: the endpoint behind the switch.
class ats_behind_bridges : public ats {
 protected:
  ats_behind_bridges() : ats(1, functions()) { m.config16(below, ats_control, ats_enable); }
  static std::vector<pci_function_config> functions() {
    std::vector<pci_function_config> all = all_functions();
    for (pci_function_config& f : all) {
      if (f.id != below) continue;
      f = function_of(below).express(pci_exp_type::endpoint, express_at).ats(ats_at, 4).build();
    }
    return all;
  }
  bool reaches(uint16_t source) {
    const bool reached = invalidate(iova, false, source);
    m.unit.write32(0x34, 0x40);  // ITE, where it was not
    return reached;
  }
  static constexpr source_id below = slot(3, 0);
};

TEST_F(ats_behind_bridges, invalidations_follow_renumbered_buses) {
  constexpr uint16_t bus_numbers = 0x19;
  EXPECT_TRUE(reaches(0x0300));
  EXPECT_FALSE(reaches(0x1300));
  m.config16(slot(2, 1), bus_numbers, 0x1313);
  EXPECT_TRUE(reaches(0x1300));
  EXPECT_FALSE(reaches(0x0300));
  m.config16(slot(2, 1), bus_numbers, 0x0303);
  EXPECT_TRUE(reaches(0x0300));
}

TEST_F(ats, a_slow_device_holds_as_many_as_it_said) {
  EXPECT_EQ(m.port(express).ats_queue_depth(), 4u);
  EXPECT_EQ(m.port(plain).ats_queue_depth(), 0u);
  ASSERT_TRUE(write(iova, "fresh").ok());
  tlb.set_answering(false);
  for (unsigned i = 0; i < 6; ++i) {
    EXPECT_FALSE(invalidate(iova));
    m.unit.write32(0x34, 0x40);
  }
  EXPECT_EQ(tlb.waiting(), 4u);
  EXPECT_EQ(tlb.counted().lost, 2u);
  EXPECT_TRUE(write(iova, "stale").ok());
  tlb.set_answering(true);
  EXPECT_EQ(tlb.waiting(), 0u);
  EXPECT_EQ(tlb.counted().invalidations, 4u);
  EXPECT_EQ(tlb.size(), 0u);
}

TEST_F(ats, made_up_addresses_pass_where_the_context_allows_them) {
  // 4.2.3: with TT = 01b the unit trusts what the device calls translated.
  EXPECT_TRUE(m.write(express, target + 0x100, "trusted", address_type::translated).ok());
  EXPECT_EQ(m.text_at(target + 0x100, 7), "trusted");
  const dma_result wide = m.write(express, bit(39), "far", address_type::translated);
  EXPECT_EQ(wide.reason, fault_reason::address_beyond_width);
}

TEST_F(ats_blocked, requests_of_both_kinds_are_faults) {
  EXPECT_EQ(m.write(express, target, "made up", address_type::translated).reason,
            fault_reason::translation_type_blocks);
  EXPECT_EQ(m.record_high(), bit(63) | uint64_t{2} << 60 | uint64_t{0x0d} << 32 | 0x20);
  EXPECT_EQ(m.text_at(target, 7), std::string(7, 0));
  m.clear_faults();
  EXPECT_FALSE(write(iova, "asks").ok());
  EXPECT_EQ(m.record_high(), bit(63) | uint64_t{1} << 60 | uint64_t{0x0d} << 32 | 0x20);
  EXPECT_EQ(m.fsts(), 2u);
  EXPECT_EQ(m.text_at(target, 4), std::string(4, 0));
}

}  // namespace
}  // namespace iommulab::bus_test::device_tlb_test
