// SPDX-License-Identifier: GPL-2.0-only
//
// Packets through descriptor rings in memory, all of it behind the unit.
#include "platform/endpoints/nic.h"

#include "dma/bus_machine.h"

namespace iommulab::bus_test::nic_test {
namespace {

constexpr uint64_t end_of_packet = 1 << 24;
constexpr uint64_t report = 1 << 27;
constexpr uint64_t done = uint64_t{1} << 32;

/// A driver's end of one function: rings and buffers at I/O virtual addresses of its own, laid out
/// one behind the other from `physical` on.
struct driver {
  static constexpr uint64_t receive_ring = 0x10000000;
  static constexpr uint64_t transmit_ring = 0x10001000;
  static constexpr uint64_t receive_buffers = 0x20000000;
  static constexpr uint64_t transmit_buffers = 0x30000000;

  driver(bus_machine& on, source_id where, uint64_t table_top, uint64_t start)
      : m(on), top(table_top), physical(start), device(on.port(where)) {
    map(receive_ring, physical, 3);
    map(transmit_ring, physical + 0x1000, 3);
    for (uint64_t i = 0; i < 4; ++i) {
      map(receive_buffers + i * 0x1000, physical + 0x2000 + i * 0x1000, 3);
      map(transmit_buffers + i * 0x1000, physical + 0x8000 + i * 0x1000, pte_read);
    }
    ring(0x2800, receive_ring);
    ring(0x3800, transmit_ring);
    for (uint64_t i = 0; i < 8; ++i) received(i) = {};
    for (uint64_t i = 0; i < 8; ++i) {
      m.word(physical + i * 16) = receive_buffers + (i % 4) * 0x1000;
    }
    device.write32(0x100, 2);
    device.write32(0x400, 2);
  }
  void map(uint64_t iova, uint64_t to, uint64_t permissions) {
    m.map(top, 3, iova, to | permissions);
  }
  void ring(uint64_t registers, uint64_t iova) {
    device.write64(registers, iova);
    device.write32(registers + 8, 128);  // eight descriptors
    device.write32(registers + 0x10, 0);
    device.write32(registers + 0x18, 0);
  }
  uint64_t& received(uint64_t i) { return m.word(physical + i * 16 + 8); }
  uint64_t& sent(uint64_t i) { return m.word(physical + 0x1000 + i * 16 + 8); }
  void give(unsigned tail) { device.write32(0x2818, tail); }
  /// Fills descriptor `i` with `text`, in the buffer of that number.
  void fill(uint64_t i, const std::string& text, uint64_t flags = end_of_packet | report) {
    m.put(physical + 0x8000 + (i % 4) * 0x1000, text);
    m.word(physical + 0x1000 + i * 16) = transmit_buffers + (i % 4) * 0x1000;
    sent(i) = text.size() | flags;
  }
  void send(unsigned tail) { device.write32(0x3818, tail); }
  std::string buffer(uint64_t i, size_t length) {
    return m.text_at(physical + 0x2000 + i * 0x1000, length);
  }

  bus_machine& m;
  uint64_t top;
  uint64_t physical;
  iommulab::nic device;
};

class two_nics : public testing::Test {
 protected:
  two_nics()
      : a(m, plain, attach_new(plain, 5), 0x2000000),
        b(m, express, attach_new(express, 6), 0x2100000) {
    m.start();
    iommulab::nic::connect(a.device, b.device);
  }
  uint64_t attach_new(source_id where, unsigned domain) {
    const uint64_t top = m.page();
    m.attach(m.id(where), top, domain);
    return top;
  }
  bus_machine m;
  driver a;
  driver b;
};

TEST_F(two_nics, a_packet_goes_from_buffer_to_buffer) {
  b.give(4);
  a.fill(0, "hello, wire");
  a.send(1);
  EXPECT_EQ(b.buffer(0, 11), "hello, wire");
  EXPECT_EQ(b.received(0), 11 | done | done << 1) << "length, DD, EOP";
  EXPECT_EQ(a.sent(0), 11 | end_of_packet | report | done);
  EXPECT_EQ(a.device.read32(0x3810), 1u);
  EXPECT_EQ(b.device.read32(0x2810), 1u);
  EXPECT_EQ(a.device.read32(0x4080), 1u);
  EXPECT_EQ(b.device.read32(0x4074), 1u);
  EXPECT_EQ(b.device.read32(0x4074), 0u) << "read and cleared";
  EXPECT_EQ(m.fsts(), 0u);
}

TEST_F(two_nics, several_descriptors_make_a_packet_and_a_packet_takes_several) {
  b.device.write32(0x100, 2 | 3 << 16);  // buffers of 256 bytes
  b.give(4);
  const std::string head(200, 'h');
  const std::string tail(100, 't');
  a.fill(0, head, report);
  a.fill(1, tail);
  a.send(2);
  const std::string all = head + tail;
  EXPECT_EQ(b.buffer(0, 256), all.substr(0, 256));
  EXPECT_EQ(b.buffer(1, 44), all.substr(256));
  EXPECT_EQ(b.received(0), 256 | done);
  EXPECT_EQ(b.received(1), 44 | done | done << 1);
  EXPECT_EQ(b.device.read32(0x4074), 1u);
}

TEST_F(two_nics, rings_wrap) {
  for (unsigned i = 0; i < 20; ++i) {
    b.give((i + 1) % 8);
    const std::string text = "packet " + std::to_string(i);
    a.fill(i % 8, text);
    a.send((i + 1) % 8);
    ASSERT_EQ(b.buffer(i % 4, text.size()), text);
  }
  EXPECT_EQ(a.device.read32(0x3810), 4u);
  EXPECT_EQ(b.device.read32(0x4074), 20u);
}

TEST_F(two_nics, interrupts_follow_causes_and_mask) {
  b.give(4);
  a.fill(0, "one");
  a.send(1);
  EXPECT_FALSE(b.device.interrupt_line()) << "masked";
  b.device.write32(0xd0, 0x80);
  EXPECT_TRUE(b.device.interrupt_line());
  EXPECT_EQ(b.device.read32(0xc0), 0x80u);
  EXPECT_FALSE(b.device.interrupt_line());
  EXPECT_EQ(b.device.read32(0xc0), 0u);
  EXPECT_EQ(a.device.read32(0xc0), 1u) << "sent";
  b.device.write32(0xd8, 0x80);
  EXPECT_EQ(b.device.read32(0xd0), 0u);
}

TEST_F(two_nics, without_a_descriptor_a_packet_is_missed) {
  a.fill(0, "nobody home");
  a.send(1);
  EXPECT_EQ(b.device.read32(0x4010), 1u);
  EXPECT_EQ(b.device.read32(0xc0), 0x40u);
  EXPECT_EQ(b.device.read32(0x4074), 0u);
  EXPECT_EQ(a.device.read32(0x4080), 1u) << "the sender does not know";
}

TEST_F(two_nics, a_tail_or_ring_that_cannot_be_stops_nothing_else) {
  a.send(1000);
  EXPECT_EQ(a.device.read32(0x3810), 0u);
  a.device.write32(0x3808, 0);
  a.send(1);
  EXPECT_EQ(a.device.read32(0x3810), 0u);
}

TEST_F(two_nics, a_descriptor_that_cannot_be_read_stops_the_ring) {
  b.give(4);
  a.map(driver::transmit_ring, 0, 0);
  a.fill(0, "lost");
  a.send(1);
  EXPECT_EQ(a.device.failed().descriptor_reads, 1u);
  EXPECT_EQ(a.device.last_failure().reason, vtd::fault_reason::read_not_permitted);
  EXPECT_EQ(a.device.read32(0x3810), 0u);
  EXPECT_EQ(m.record_low(), driver::transmit_ring);
  EXPECT_EQ(m.record_high(), bit(63) | bit(62) | uint64_t{6} << 32 | 0x18);
  a.map(driver::transmit_ring, a.physical + 0x1000, 3);
  a.send(1);
  EXPECT_EQ(a.device.read32(0x3810), 0u) << "stopped";
  a.device.write32(0x400, 0);
  a.device.write32(0x400, 2);
  EXPECT_EQ(b.buffer(0, 4), "lost");
}

TEST_F(two_nics, a_buffer_that_cannot_be_read_drops_the_packet) {
  b.give(4);
  a.fill(0, "spoilt", report);
  a.fill(1, "rest");
  a.fill(2, "whole");
  a.map(driver::transmit_buffers, 0, 0);
  a.send(3);
  EXPECT_EQ(a.device.failed().buffer_reads, 1u);
  EXPECT_EQ(b.buffer(0, 5), "whole");
  EXPECT_EQ(b.device.read32(0x4074), 1u);
  EXPECT_EQ(a.device.read32(0x3810), 3u);
}

TEST_F(two_nics, a_buffer_that_cannot_be_written_marks_its_descriptor) {
  b.give(4);
  b.map(driver::receive_buffers, b.physical + 0x2000, pte_read);
  a.fill(0, "refused");
  a.send(1);
  EXPECT_EQ(b.received(0), 7 | done | done << 1 | uint64_t{1} << 47);
  EXPECT_EQ(b.device.failed().buffer_writes, 1u);
  EXPECT_EQ(b.buffer(0, 7), std::string(7, 0)) << "no data moved";
  EXPECT_EQ(m.record_low(), driver::receive_buffers);
  EXPECT_EQ(m.record_high(), bit(63) | uint64_t{5} << 32 | 0x20);
}

// Both functions use the same addresses, and reach memory of their own.
TEST_F(two_nics, domains_are_apart) {
  a.give(4);
  b.give(4);
  a.fill(0, "from a");
  b.fill(0, "from b");
  a.send(1);
  b.send(1);
  EXPECT_EQ(a.buffer(0, 6), "from b");
  EXPECT_EQ(b.buffer(0, 6), "from a");
}

TEST_F(two_nics, a_cable_may_lead_back) {
  iommulab::nic::connect(a.device, a.device);
  EXPECT_EQ(a.device.read32(0x08), 2u);
  a.give(4);
  a.fill(0, "echo");
  a.send(1);
  EXPECT_EQ(a.buffer(0, 4), "echo");
}

// The handler of the received packet answers; its sender is still at work.
TEST_F(two_nics, a_handler_may_send_from_within) {
  a.give(4);
  b.give(4);
  const int irq = m.irqs.alloc_irq();
  const msi_message message = m.irqs.compose_msi_msg(irq);
  m.config16(express, msi_at + 4, static_cast<uint16_t>(message.address & 0xffff));
  m.config16(express, msi_at + 6, static_cast<uint16_t>(message.address >> 16));
  m.config16(express, msi_at + 12, static_cast<uint16_t>(message.data));
  m.config16(express, msi_at + 2, 1);
  b.device.write32(0xd0, 0x80);
  unsigned answers = 0;
  m.irqs.request_irq(irq, [&] {
    (void)b.device.read32(0xc0);
    b.fill(answers, "answer " + std::to_string(answers));
    b.send(++answers);
  });
  a.fill(0, "first");
  a.fill(1, "second");
  a.send(2);
  EXPECT_EQ(answers, 2u);
  EXPECT_EQ(a.buffer(0, 8), "answer 0");
  EXPECT_EQ(a.buffer(1, 8), "answer 1");
}

}  // namespace
}  // namespace iommulab::bus_test::nic_test
