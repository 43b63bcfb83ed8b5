// SPDX-License-Identifier: GPL-2.0-only
//
// The way of a transaction: who may send one, as whom, in which pieces, and what becomes of each.
#include <gtest/gtest.h>

#include "bus_machine.h"

namespace iommulab::bus_test::dma_bus_test {
namespace {

using vtd::fault_reason;

constexpr uint64_t iova = 0x40201000;
constexpr uint64_t target = 0x2000000;

TEST(dma_bus, requester_ids_follow_the_bridges) {
  bus_machine m;
  EXPECT_EQ(m.id(plain), 0x0018);
  EXPECT_EQ(m.id(express), 0x0020);
  EXPECT_EQ(m.id(slot(3, 0)), 0x0300) << "behind a switch: its own";
  EXPECT_EQ(m.id(slot(8, 1)), 0x0028) << "behind a conventional bridge: the bridge's";
  EXPECT_EQ(m.id(slot(6, 1)), 0x0600) << "behind express to PCI: the secondary bus, 00.0";
  EXPECT_EQ(m.id(slot(7, 3)), 0x0600) << "the upper bridge has the last word";
  EXPECT_EQ(m.id(slot(6, 2)), 0x0600);
}

TEST(dma_bus, requester_ids_follow_renumbered_buses) {
  bus_machine m;
  m.config16(slot(0, 2), 0x19, 0x3011);  // secondary 11h, subordinate 30h
  m.config16(slot(1, 0), 0x19, 0x3012);
  m.config16(slot(2, 1), 0x19, 0x1313);
  m.config16(slot(5, 0), 0x19, 0x3121);
  EXPECT_EQ(m.id(slot(3, 0)), 0x1300);
  EXPECT_EQ(m.id(slot(7, 3)), 0x2100);
}

TEST(dma_bus, without_bus_mastering_nothing_leaves) {
  bus_machine m;
  m.put(0x5000, "old!");
  std::string found;
  for (const source_id off : {slot(3, 0), slot(2, 1), slot(1, 0), slot(0, 2)}) {
    SCOPED_TRACE(to_string(off));
    m.config16(off, 4, 0x2);
    const dma_result write = m.write(slot(3, 0), 0x5000, "new!");
    EXPECT_EQ(write.end, dma_end::no_master);
    EXPECT_EQ(write.moved, 0u);
    EXPECT_EQ(write.failed_at, 0x5000u);
    EXPECT_EQ(m.read(slot(3, 0), 0x5000, 4, found).end, dma_end::no_master);
    EXPECT_EQ(found, "\xff\xff\xff\xff");
    m.config16(off, 4, 0x6);
  }
  EXPECT_EQ(m.text_at(0x5000, 4), "old!");
  EXPECT_TRUE(m.write(slot(3, 0), 0x5000, "new!").ok());
  EXPECT_EQ(m.text_at(0x5000, 4), "new!");
}

TEST(dma_bus, what_is_pulled_out_sends_nothing) {
  bus_machine m;
  ASSERT_TRUE(m.pci->set_present(plain, false).ok());
  EXPECT_EQ(m.write(plain, 0x5000, "x").end, dma_end::no_master);
  ASSERT_TRUE(m.pci->set_present(slot(0, 2), false).ok());
  EXPECT_EQ(m.write(slot(3, 0), 0x5000, "x").end, dma_end::no_master);
  EXPECT_EQ(m.text_at(0x5000, 1)[0], 0);
}

TEST(dma_bus, without_translation_addresses_are_the_hosts) {
  bus_machine m;
  EXPECT_TRUE(m.write(plain, 0x2ffe, "across").ok());
  EXPECT_EQ(m.text_at(0x2ffe, 6), "across");
  std::string found;
  const dma_result read = m.read(slot(7, 3), 0x2ffe, 6, found);
  EXPECT_EQ(read.end, dma_end::done);
  EXPECT_EQ(read.moved, 6u);
  EXPECT_EQ(found, "across");
}

TEST(dma_bus, pages_of_one_buffer_lie_where_the_tables_say) {
  bus_machine m;
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, iova, target | 3);
  m.map(top, 3, iova + 0x1000, (target + 0x9000) | 3);
  const dma_result write = m.write(plain, iova + 0xffd, "abcdef");
  EXPECT_TRUE(write.ok());
  EXPECT_EQ(write.moved, 6u);
  EXPECT_EQ(write.reached, phys_addr(target + 0x9000));
  EXPECT_EQ(m.text_at(target + 0xffd, 3), "abc");
  EXPECT_EQ(m.text_at(target + 0x9000, 3), "def");
  std::string found;
  EXPECT_EQ(m.read(plain, iova + 0xffd, 6, found).moved, 6u);
  EXPECT_EQ(found, "abcdef");
}

// The middle page is not mapped: its bytes do not move, those around it do, and there is one fault.
TEST(dma_bus, pieces_after_a_refused_one_are_tried) {
  bus_machine m;
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, iova, target | 3);
  m.map(top, 3, iova + 0x2000, (target + 0x2000) | 3);
  const std::string data(0x3000, 'd');
  const dma_result write = m.write(plain, iova, data);
  EXPECT_EQ(write.end, dma_end::blocked);
  EXPECT_EQ(write.reason, fault_reason::write_not_permitted);
  EXPECT_EQ(write.failed_at, iova + 0x1000);
  EXPECT_EQ(write.moved, 0x2000u);
  EXPECT_EQ(m.text_at(target, 0x1000), std::string(0x1000, 'd'));
  EXPECT_EQ(m.text_at(target + 0x1000, 0x1000), std::string(0x1000, 0));
  EXPECT_EQ(m.text_at(target + 0x2000, 0x1000), std::string(0x1000, 'd'));
  EXPECT_EQ(m.fsts(), 2u);
  EXPECT_EQ(m.record_low(), iova + 0x1000);

  std::string found;
  const dma_result read = m.read(plain, iova + 0xfff, 0x1002, found);
  EXPECT_EQ(read.reason, fault_reason::read_not_permitted);
  EXPECT_EQ(read.moved, 2u);
  EXPECT_EQ(found, "d" + std::string(0x1000, '\xff') + "d") << "all ones where nothing was read";
}

TEST(dma_bus, what_a_failed_read_leaves_can_be_chosen) {
  bus_machine m({}, {.failed_read = std::byte{0}});
  m.start_with(plain);
  std::string found;
  EXPECT_FALSE(m.read(plain, iova, 4, found).ok());
  EXPECT_EQ(found, std::string(4, 0));
}

TEST(dma_bus, holes_take_nothing_and_are_no_faults) {
  bus_machine m;
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, iova, machine::ram_end | 3);
  m.map(top, 3, iova + 0x1000, target | 3);
  const dma_result write = m.write(plain, iova + 0xffe, "lost");
  EXPECT_EQ(write.end, dma_end::no_memory);
  EXPECT_EQ(write.reason, fault_reason::none);
  EXPECT_EQ(write.moved, 2u);
  EXPECT_EQ(m.text_at(target, 2), "st");
  std::string found;
  EXPECT_EQ(m.read(plain, iova, 3, found).end, dma_end::no_memory);
  EXPECT_EQ(found, "\xff\xff\xff");
  EXPECT_EQ(m.fsts(), 0u);
}

// One translation covers both sides of the end of memory.
TEST(dma_bus, memory_may_end_within_a_large_page) {
  bus_machine m;
  const uint64_t top = m.start_with(plain);
  const uint64_t huge = uint64_t{1} << 30;
  m.map(top, 3, huge, pte_large | 3, 3);
  const uint64_t last = machine::ram_end - 4;
  const dma_result write = m.write(plain, huge + last, "endLOST");
  EXPECT_EQ(write.end, dma_end::no_memory);
  EXPECT_EQ(write.moved, 4u);
  EXPECT_EQ(write.failed_at, huge + machine::ram_end);
  EXPECT_EQ(m.text_at(last, 4), "endL");
}

TEST(dma_bus, a_write_of_four_bytes_is_an_interrupt) {
  for (const bool translating : {false, true}) {
    bus_machine m;
    if (translating) m.start_with(plain);
    const int irq = m.irqs.alloc_irq();
    int taken = 0;
    m.irqs.request_irq(irq, [&] { ++taken; });
    const msi_message message = m.irqs.compose_msi_msg(irq);
    std::string bytes(4, 0);
    std::memcpy(bytes.data(), &message.data, 4);
    const dma_result sent = m.write(plain, message.address, bytes);
    EXPECT_EQ(sent.end, dma_end::interrupt);
    EXPECT_EQ(sent.moved, 4u);
    EXPECT_EQ(taken, 1);
    // Anything else there is dropped, and no fault.
    EXPECT_EQ(m.write(plain, message.address, "8 bytes.").end, dma_end::blocked);
    EXPECT_EQ(m.write(plain, message.address, "2b").end, dma_end::blocked);
    std::string found;
    EXPECT_EQ(m.read(plain, message.address, 4, found).end, dma_end::blocked);
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(m.fsts(), 0u);
  }
}

// PCI Express moves doublewords: four bytes that lie across two are parts of two.
TEST(dma_bus, four_bytes_across_two_doublewords_are_no_interrupt) {
  for (const bool translating : {false, true}) {
    bus_machine m;
    if (translating) {
      const uint64_t top = m.start_with(plain);
      m.map(top, 3, 0xfef00000, (target + 0x1000) | 3);
    }
    for (const uint64_t offset : {1u, 2u, 3u}) {
      const dma_result sent = m.write(plain, 0xfee01000 + offset, "four");
      EXPECT_EQ(sent.end, dma_end::blocked) << offset;
      EXPECT_EQ(sent.reason, fault_reason::none) << offset;
      EXPECT_EQ(sent.moved, 0u) << offset;
    }
    // Across the end of the range: what lies behind it goes its own way.
    const dma_result across = m.write(plain, 0xfeeffffe, "four");
    EXPECT_EQ(across.failed_at, 0xfeeffffeu);
    EXPECT_EQ(across.moved, translating ? 2u : 0u);
    if (translating) {
      EXPECT_EQ(m.text_at(target + 0x1000, 2), "ur");
    }
    EXPECT_TRUE(m.interrupts.delivered().empty());
    EXPECT_EQ(m.fsts(), 0u);
  }
}

TEST(dma_bus, a_buffer_ends_where_the_interrupt_range_begins) {
  bus_machine m;
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, 0xfedff000, target | 3);
  m.map(top, 3, 0xfee00000, (target + 0x1000) | 3);
  const dma_result write = m.write(plain, 0xfedffff8, "8 bytes.and eight");
  EXPECT_EQ(write.end, dma_end::blocked);
  EXPECT_EQ(write.reason, fault_reason::none);
  EXPECT_EQ(write.failed_at, 0xfee00000u);
  EXPECT_EQ(write.moved, 8u);
  EXPECT_EQ(m.text_at(target + 0xff8, 8), "8 bytes.");
  EXPECT_EQ(m.text_at(target + 0x1000, 8), std::string(8, 0));
}

// A processor takes the first piece's interrupt when the whole transaction is through, so its
// later pieces meet the pending fault of the first: one record, as on a machine with a clock.
TEST(dma_bus, handlers_run_after_the_transaction) {
  vtd_config config;
  bus_machine m(config);
  // The unit's own messages go to the same controller here.
  m.sink.handler = [&](msi_message message) { m.interrupts.deliver(message); };
  m.start_with(plain);
  const int irq = m.irqs.alloc_irq();
  const msi_message message = m.irqs.compose_msi_msg(irq);
  m.unit.write32(0x3c, message.data);
  m.unit.write32(0x40, static_cast<uint32_t>(message.address));
  m.unit.write32(0x38, 0);
  std::vector<uint64_t> handled;
  m.irqs.request_irq(irq, [&] {
    handled.push_back(m.record_low());
    m.clear_faults();
  });
  m.write(plain, iova, std::string(0x3000, 'x'));
  EXPECT_EQ(handled, std::vector<uint64_t>{iova});
  m.write(plain, iova + 8, "within a page");
  EXPECT_EQ(handled, (std::vector<uint64_t>{iova, iova}));
}

TEST(dma_bus, addresses_wrap_at_the_top_of_the_space) {
  bus_machine m;
  m.start_with(plain);
  const dma_result write = m.write(plain, ~uint64_t{0} - 1, "four");
  EXPECT_EQ(write.end, dma_end::blocked);
  EXPECT_EQ(write.reason, fault_reason::address_beyond_width);
  EXPECT_EQ(write.moved, 0u);
}

TEST(dma_bus, an_empty_read_asks_and_moves_nothing) {
  bus_machine m;
  const uint64_t top = m.start_with(plain);
  m.map(top, 3, iova, target | 3);
  EXPECT_TRUE(m.port(plain).read(iova, {}).ok());
  EXPECT_EQ(m.port(plain).read(iova + 0x1000, {}).reason, fault_reason::read_not_permitted);
  EXPECT_EQ(m.fsts(), 2u);
}

TEST(dma_bus, messages_go_where_the_capability_says) {
  bus_machine m;
  dma_port& port = m.port(express);
  EXPECT_FALSE(port.msi_enabled());
  const int irq = m.irqs.alloc_irq();
  const msi_message message = m.irqs.compose_msi_msg(irq);
  m.config16(express, msi_at + 4, static_cast<uint16_t>(message.address & 0xffff));
  m.config16(express, msi_at + 6, static_cast<uint16_t>(message.address >> 16));
  m.config16(express, msi_at + 12, static_cast<uint16_t>(message.data));
  m.config16(express, msi_at + 2, 1);
  EXPECT_TRUE(port.msi_enabled());
  EXPECT_EQ(port.send_msi().end, dma_end::interrupt);
  EXPECT_EQ(m.interrupts.delivered(), std::vector<msi_message>{message});
}

// PCI Local Bus 3.0, 6.8.1: without bit 7 of the control word the address has 32 bits, and the data
// comes right behind it.
TEST(dma_bus, messages_of_a_short_capability_have_their_data_four_bytes_earlier) {
  std::vector<pci_function_config> functions = all_functions();
  functions[1] = function_of(express).capability(0x05, msi_at, 0x10).build();
  bus_machine m({}, {}, functions);
  const msi_message message = m.irqs.compose_msi_msg(m.irqs.alloc_irq());
  m.config16(express, msi_at + 4, static_cast<uint16_t>(message.address & 0xffff));
  m.config16(express, msi_at + 6, static_cast<uint16_t>(message.address >> 16));
  m.config16(express, msi_at + 8, static_cast<uint16_t>(message.data));
  m.config16(express, msi_at + 2, 1);
  EXPECT_TRUE(m.port(express).msi_enabled());
  EXPECT_EQ(m.port(express).send_msi().end, dma_end::interrupt);
  EXPECT_EQ(m.interrupts.delivered(), std::vector<msi_message>{message});
}

// Where there is no capability the bits of the header are not taken for its control word.
TEST(dma_bus, a_function_without_capabilities_has_neither_messages_nor_ats) {
  std::vector<pci_function_config> functions = all_functions();
  constexpr uint32_t all_but_the_list = 0xffef;
  functions[0] = function_of(plain)
                     .device_register(0x02, 2, 0x11e9)
                     .device_register(0x06, 2, all_but_the_list)
                     .build();
  bus_machine m({}, {}, functions);
  EXPECT_FALSE(m.port(plain).msi_enabled());
  EXPECT_FALSE(m.port(plain).ats_enabled());
  EXPECT_EQ(m.port(plain).ats_queue_depth(), 0u);
  EXPECT_FALSE(m.port(express).ats_enabled());
  m.config16(express, ats_at + 6, 0x8000);
  EXPECT_TRUE(m.port(express).ats_enabled());
  EXPECT_EQ(m.port(express).ats_queue_depth(), 4u);
}

TEST(dma_bus, a_function_that_no_unit_sees_is_not_translated) {
  machine m;
  m.start();
  interrupt_controller interrupts;
  const auto pci = make_pci(all_functions());
  dma_bus bus(m.memory(), interrupts, *pci, std::vector<vtd_unit*>{&m.unit},
              {{plain, 0}, {express, no_unit}, {slot(3, 0), 1}});
  const std::byte byte{0x5a};
  EXPECT_FALSE(bus.port(plain)->write(0x5000, {&byte, 1}).ok());
  EXPECT_TRUE(bus.port(express)->write(0x5000, {&byte, 1}).ok());
  EXPECT_TRUE(bus.port(slot(3, 0))->write(0x5001, {&byte, 1}).ok());
  EXPECT_EQ(m.word(0x5000), 0x5a5au);
  EXPECT_EQ(bus.port(express)->write(0x5000, {&byte, 1}, address_type::translated).end,
            dma_end::blocked);
  EXPECT_EQ(bus.port(slot(0x77, 0)), nullptr);
}

}  // namespace
}  // namespace iommulab::bus_test::dma_bus_test
