// SPDX-License-Identifier: GPL-2.0-only
//
// Every reason for a fault: the record, the status register, and that no data moved. Then the
// ring, its overflow, and the interrupt.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "machine.h"

namespace iommulab::vtd_test::fault_test {
namespace {

using vtd::fault_reason;

constexpr uint64_t hole = machine::ram_end + 0x100000;  // no memory here
constexpr uint64_t iova = 0x40201000;
constexpr uint64_t target = 0x2000000;  // where the data would land

struct fault_case {
  const char* name;
  unsigned reason;
  bool qualified;  // FPD silences it
  std::function<void(machine&)> spoil;
  std::function<void(vtd_config&)> configure;
  uint64_t address = iova;
};

/// A mapping that works, for each case to break in one place.
uint64_t build(machine& m) {
  const uint64_t table = m.page();
  m.map(table, 3, iova, target | 3);
  m.attach(nic, table, 3);
  return table;
}

uint64_t top_of(machine& m) {
  return m.word(m.context_address(nic)) & ~uint64_t{0xfff};
}
uint64_t& entry(machine& m, unsigned level) {
  return m.word(m.entry_address(top_of(m), 3, iova, level));
}

std::vector<fault_case> fault_cases() {
  const auto nothing = [](vtd_config&) {};
  std::vector<fault_case> cases = {
      {"root entry not present", 0x01, false, [](machine& m) { m.word(m.root) &= ~uint64_t{1}; },
       nothing},
      {"context entry not present", 0x02, true,
       [](machine& m) { m.word(m.context_address(nic)) &= ~uint64_t{1}; }, nothing},
      {"width that the unit lacks", 0x03, true,
       [](machine& m) { m.word(m.context_address(nic) + 8) ^= 3; }, nothing},
      {"width code out of range", 0x03, true,
       [](machine& m) { m.word(m.context_address(nic) + 8) |= 7; }, nothing},
      {"translation type 11b", 0x03, true,
       [](machine& m) { m.word(m.context_address(nic)) |= 3u << 2; }, nothing},
      {"type 01b without device-TLB support", 0x03, true,
       [](machine& m) { m.word(m.context_address(nic)) |= 1u << 2; }, nothing},
      {"type 10b without pass-through support", 0x03, true,
       [](machine& m) { m.word(m.context_address(nic)) |= 2u << 2; },
       [](vtd_config& c) { c.ecap.set_pass_through(false); }},
      {"top table outside memory", 0x03, true,
       [](machine& m) {
         uint64_t& low = m.word(m.context_address(nic));
         low = (low & 0xfff) | hole;
       },
       nothing},
      {"address beyond the table", 0x04, true, [](machine&) {}, nothing, bit(39) + iova},
      {"address beyond MGAW", 0x04, true, [](machine&) {},
       [](vtd_config& c) { c.cap.set_max_guest_address_width(30); }, iova},
      {"leaf not writable", 0x05, true, [](machine& m) { entry(m, 1) = target | pte_read; },
       nothing},
      {"leaf not present", 0x05, true, [](machine& m) { entry(m, 1) = target; }, nothing},
      {"middle not present", 0x05, true, [](machine& m) { entry(m, 2) = 0; }, nothing},
      {"top not writable", 0x05, true, [](machine& m) { entry(m, 3) &= ~pte_write; }, nothing},
      {"lower table outside memory", 0x07, true, [](machine& m) { entry(m, 3) = hole | 3; },
       nothing},
      {"lowest table outside memory", 0x07, true, [](machine& m) { entry(m, 2) = hole | 3; },
       nothing},
      {"root table outside memory", 0x08, false, [](machine& m) { m.set_root(hole); }, nothing},
      {"context table outside memory", 0x09, false, [](machine& m) { m.word(m.root) = hole | 1; },
       nothing},
      {"domain id beyond the unit's", 0x0b, true,
       [](machine& m) { m.word(m.context_address(nic) + 8) |= 0x100u << 8; },
       [](vtd_config& c) { c.cap.set_number_of_domains(256); }},
      {"large page where the unit has none", 0x0c, true,
       [](machine& m) { entry(m, 2) = target | pte_large | 3; },
       [](vtd_config& c) { c.cap.set_super_pages(0); }},
      {"misaligned large page", 0x0c, true,
       [](machine& m) { entry(m, 2) = (target + 0x1000) | pte_large | 3; }, nothing},
      {"snoop without snoop control", 0x0c, true, [](machine& m) { entry(m, 1) |= pte_snoop; },
       nothing},
      {"snoop in a table entry", 0x0c, true, [](machine& m) { entry(m, 2) |= pte_snoop; },
       [](vtd_config& c) { c.ecap.set_snoop_control(true); }},
      {"transient mapping without device-TLB", 0x0c, true,
       [](machine& m) { entry(m, 1) |= bit(62); }, nothing},
      {"all ones", 0x0c, true, [](machine& m) { entry(m, 1) = ~uint64_t{0}; }, nothing},
      {"tables lead into the interrupt range", 0x0e, true,
       [](machine& m) { entry(m, 1) = 0xfee00000 | 3; }, nothing},
  };
  // Reserved bits, each of its own.
  for (unsigned n = 1; n < 64; ++n) {
    if (n >= 12 && n < 39) continue;
    cases.push_back({"root entry, reserved low bit", 0x0a, false,
                     [n](machine& m) { m.word(m.root) |= bit(n); }, nothing});
  }
  for (unsigned n = 0; n < 64; ++n) {
    cases.push_back({"root entry, reserved high bit", 0x0a, false,
                     [n](machine& m) { m.word(m.root + 8) |= bit(n); }, nothing});
    if ((n >= 4 && n <= 11) || n >= 39) {
      cases.push_back({"context entry, reserved low bit", 0x0b, true,
                       [n](machine& m) { m.word(m.context_address(nic)) |= bit(n); }, nothing});
    }
    if (n == 7 || n >= 24) {
      cases.push_back({"context entry, reserved high bit", 0x0b, true,
                       [n](machine& m) { m.word(m.context_address(nic) + 8) |= bit(n); }, nothing});
    }
    if (n >= 39 && n <= 51) {
      for (unsigned level = 1; level <= 3; ++level) {
        cases.push_back({"paging entry, address above the host's width", 0x0c, true,
                         [n, level](machine& m) { entry(m, level) |= bit(n); }, nothing});
      }
    }
  }
  return cases;
}

TEST(vtd_fault, each_reason_blocks_the_write_and_records_it) {
  for (const fault_case& c : fault_cases()) {
    SCOPED_TRACE(c.name);
    vtd_config config;
    c.configure(config);
    machine m(config);
    build(m);
    m.start();
    c.spoil(m);
    m.flush_contexts();
    const uint64_t before = m.word(target);

    EXPECT_FALSE(m.dma_write(nic, c.address + 0x18, "12345678"));
    EXPECT_EQ(m.word(target), before);
    EXPECT_EQ(m.word(target + 0x18), 0u) << "data moved";
    EXPECT_EQ(m.fsts(), 2u) << "PPF, with FRI 0";
    EXPECT_EQ(m.record_low(), c.address & ~uint64_t{0xfff});
    EXPECT_EQ(m.record_high(), bit(63) | (uint64_t{c.reason} << 32) | nic);
    EXPECT_EQ(m.sink.messages.size(), 0u) << "masked after reset";

    // Once more as a read. Permission has a reason of its own there; a page that is merely not
    // writable can be read.
    m.clear_faults();
    EXPECT_EQ(m.fsts(), 0u);
    std::string data;
    const bool read = m.dma_read(nic, c.address, 8, data);
    if (std::string(c.name).find("not writable") != std::string::npos) {
      EXPECT_TRUE(read);
      continue;
    }
    EXPECT_FALSE(read);
    const uint64_t reason = c.reason == 0x05 ? 0x06 : c.reason;
    EXPECT_EQ(m.record_high(), bit(63) | bit(62) | (reason << 32) | nic);
  }
}

TEST(vtd_fault, write_only_pages_cannot_be_read) {
  machine m;
  build(m);
  m.start();
  entry(m, 1) = target | pte_write;
  EXPECT_EQ(m.read(nic, iova).reason, fault_reason::read_not_permitted);
  EXPECT_EQ(m.record_high(), bit(63) | bit(62) | (uint64_t{6} << 32) | nic);
}

TEST(vtd_fault, fault_processing_disabled_silences_what_comes_after_it_is_known) {
  for (const fault_case& c : fault_cases()) {
    SCOPED_TRACE(c.name);
    vtd_config config;
    c.configure(config);
    machine m(config);
    build(m);
    m.start();
    c.spoil(m);
    // The bit itself; where the context table is gone there is nowhere to put it.
    if (c.reason != 0x09 && c.reason != 0x08 && c.reason != 0x0a && c.reason != 0x01) {
      m.word(m.context_address(nic)) |= 2;
    }
    m.flush_contexts();
    const dma_translation t = m.write(nic, c.address);
    EXPECT_EQ(t.outcome, dma_outcome::blocked) << "silent, not allowed";
    EXPECT_EQ(static_cast<unsigned>(t.reason), c.reason);
    EXPECT_EQ(m.fsts(), c.qualified ? 0u : 2u);
  }
}

TEST(vtd_fault, ats_requests_need_a_context_that_allows_them) {
  for (const unsigned type : {0u, 2u}) {
    for (const address_type at : {address_type::translation_request, address_type::translated}) {
      vtd_config config;
      config.ecap.set_device_tlb(true);
      machine m(config);
      m.attach(nic, m.page(), 1, 3, type);
      m.start();
      const dma_translation t = m.ask(nic, 0x1000, dma_access::read, 8, at);
      EXPECT_EQ(t.reason, fault_reason::translation_type_blocks);
      EXPECT_EQ(m.record_high(), bit(63) | bit(62) | (static_cast<uint64_t>(at) << 60) |
                                     (uint64_t{0x0d} << 32) | nic);
      EXPECT_EQ(m.fsts(), 2u);
    }
  }
}

TEST(vtd_fault, a_second_fault_of_the_same_source_is_collapsed) {
  machine m;
  m.start();
  (void)m.write(nic, 0x1000);
  (void)m.write(nic, 0x2000);
  EXPECT_EQ(m.fsts(), 2u);
  EXPECT_EQ(m.record_low(), 0x1000u);
}

TEST(vtd_fault, collapsing_can_be_left_out) {
  vtd_config config;
  config.collapse_faults = false;
  config.cap.set_number_of_fault_records(2);
  machine m(config);
  m.start();
  (void)m.write(nic, 0x1000);
  (void)m.write(nic, 0x2000);
  EXPECT_EQ(m.record_low(0), 0x1000u);
  EXPECT_EQ(m.record_low(1), 0x2000u);
}

TEST(vtd_fault, overflow_stops_recording_until_it_is_cleared) {
  machine m;
  m.start();
  (void)m.write(nic, 0x1000);
  (void)m.write(disk, 0x2000);
  EXPECT_EQ(m.fsts(), 3u) << "PPF and PFO";
  EXPECT_EQ(m.record_low(), 0x1000u);
  m.clear_record();
  EXPECT_EQ(m.fsts(), 1u) << "PPF follows F";
  (void)m.write(disk, 0x3000);
  EXPECT_EQ(m.fsts(), 1u) << "nothing while PFO is set";
  EXPECT_EQ(m.record_high() & bit(63), 0u);
  m.unit.write32(0x34, 3);  // as 4.4's handler does; the PPF bit of it is without effect
  EXPECT_EQ(m.fsts(), 0u);
  (void)m.write(disk, 0x4000);
  EXPECT_EQ(m.fsts(), 2u);
  EXPECT_EQ(m.record_low(), 0x4000u);
  EXPECT_EQ(m.record_high() & 0xffff, disk);
}

TEST(vtd_fault, records_fill_a_ring_and_the_index_points_to_the_first) {
  vtd_config config;
  config.cap.set_number_of_fault_records(3);
  machine m(config);
  m.start();
  (void)m.write(0x0008, 0x1000);
  (void)m.write(0x0010, 0x2000);
  EXPECT_EQ(m.fsts(), 2u);
  m.clear_record(0);
  m.clear_record(1);
  EXPECT_EQ(m.fsts() & 3, 0u);
  for (const uint16_t source : {uint16_t{0x08}, uint16_t{0x10}, nic}) {
    (void)m.write(source, 0x5000);
  }
  // Continues at record 2 and wraps.
  EXPECT_EQ(m.fsts(), (2u << 8) | 2u);
  EXPECT_EQ(m.record_high(2) & 0xffff, 0x0008u);
  EXPECT_EQ(m.record_high(0) & 0xffff, 0x0010u);
  EXPECT_EQ(m.record_high(1) & 0xffff, 0x0018u);
  (void)m.write(0x0020, 0x6000);
  EXPECT_EQ(m.fsts(), (2u << 8) | 3u) << "the ring is full";
  m.clear_record(2);
  EXPECT_EQ(m.fsts() & 2, 2u) << "two still pend";
  m.clear_record(0);
  m.clear_record(1);
  EXPECT_EQ(m.fsts() & 2, 0u);
}

TEST(vtd_fault, writing_zeros_or_other_bits_to_a_record_keeps_it) {
  machine m;
  m.start();
  (void)m.write(nic, 0x1000);
  const uint64_t high = m.record_high();
  m.unit.write64(m.frcd() + 8, 0);
  m.unit.write64(m.frcd() + 8, ~bit(63));
  m.unit.write64(m.frcd(), ~uint64_t{0});
  EXPECT_EQ(m.record_high(), high);
  EXPECT_EQ(m.record_low(), 0x1000u);
  EXPECT_EQ(m.fsts(), 2u);
}

class vtd_fault_event : public testing::Test {
 protected:
  vtd_fault_event() {
    m.start();
    m.unit.write32(0x3c, 0x4041);
    m.unit.write32(0x40, 0xfee0300c);
    m.unit.write32(0x44, 0x12);
  }
  const msi_message message{(uint64_t{0x12} << 32) | 0xfee0300c, 0x4041};
  machine m;
};

TEST_F(vtd_fault_event, goes_out_at_once_when_unmasked) {
  m.unit.write32(0x38, 0);
  (void)m.write(nic, 0x1000);
  ASSERT_EQ(m.sink.messages.size(), 1u);
  EXPECT_EQ(m.sink.messages[0], message);
  EXPECT_EQ(m.unit.read32(0x38), 0u) << "nothing pending";
}

TEST_F(vtd_fault_event, is_held_while_masked_and_sent_on_unmasking) {
  (void)m.write(nic, 0x1000);
  EXPECT_TRUE(m.sink.messages.empty());
  EXPECT_EQ(m.unit.read32(0x38), 0xc0000000u) << "IM and IP";
  m.unit.write32(0x38, 0);
  ASSERT_EQ(m.sink.messages.size(), 1u);
  EXPECT_EQ(m.sink.messages[0], message);
  EXPECT_EQ(m.unit.read32(0x38), 0u);
}

TEST_F(vtd_fault_event, is_dropped_when_software_serviced_the_fault_before_unmasking) {
  (void)m.write(nic, 0x1000);
  m.clear_record();
  EXPECT_EQ(m.unit.read32(0x38), 0x80000000u) << "IP went with the condition";
  m.unit.write32(0x38, 0);
  EXPECT_TRUE(m.sink.messages.empty());
}

TEST_F(vtd_fault_event, is_not_repeated_while_a_condition_is_unserviced) {
  m.unit.write32(0x38, 0);
  (void)m.write(nic, 0x1000);
  (void)m.write(disk, 0x1000);  // overflow joins the pending fault
  EXPECT_EQ(m.fsts(), 3u);
  EXPECT_EQ(m.sink.messages.size(), 1u);
  m.clear_faults();
  (void)m.write(disk, 0x1000);
  EXPECT_EQ(m.sink.messages.size(), 2u);
}

TEST_F(vtd_fault_event, its_handler_may_service_the_fault_from_within) {
  m.unit.write32(0x38, 0);
  unsigned handled = 0;
  m.sink.handler = [&](msi_message) {
    // The accesses of 4.4's dmar_fault(), in order.
    EXPECT_EQ(m.unit.read32(0x34), 2u);
    EXPECT_NE(m.unit.read32(0x22c) & 0x80000000, 0u);
    EXPECT_EQ(m.unit.read32(0x228), nic);
    EXPECT_EQ(m.unit.read64(0x220), 0x7000u);
    m.unit.write32(0x22c, 0x80000000);
    EXPECT_EQ(m.unit.read32(0x22c) & 0x80000000, 0u);
    m.unit.write32(0x34, 3);
    ++handled;
  };
  (void)m.write(nic, 0x7123);
  (void)m.write(nic, 0x7123);
  EXPECT_EQ(handled, 2u);
  EXPECT_EQ(m.fsts(), 0u);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{});
}

TEST_F(vtd_fault_event, is_traced_with_the_fault) {
  trace_recorder recorder;
  const trace_subscription subscription = m.trace.subscribe(recorder, trace_class::faults);
  m.unit.write32(0x38, 0);
  (void)m.write(nic, 0x1000);
  ASSERT_EQ(recorder.events().size(), 2u);
  const auto* fault = recorder.events()[0].as<events::fault>();
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->unit, "dmar0");
  EXPECT_EQ(fault->address, 0x1000u);
  EXPECT_EQ(fault->code, 1u);
  EXPECT_EQ(fault->source, nic);
  EXPECT_EQ(fault->text, "write of 0x1000 by 00:03.0: recorded");
  const auto* interrupt = recorder.events()[1].as<events::interrupt>();
  ASSERT_NE(interrupt, nullptr);
  EXPECT_EQ(interrupt->address, message.address);
  EXPECT_EQ(interrupt->data, message.data);
}

}  // namespace
}  // namespace iommulab::vtd_test::fault_test
