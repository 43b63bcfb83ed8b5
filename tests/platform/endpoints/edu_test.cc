// SPDX-License-Identifier: GPL-2.0-only
//
// The device by its register interface, as QEMU's docs/specs/edu.txt describes it.
#include "platform/endpoints/edu.h"

#include "dma/bus_machine.h"

namespace iommulab::bus_test::edu_test {
namespace {

constexpr uint64_t ms = 1'000'000;
constexpr uint64_t iova = 0x1201000;
constexpr uint64_t target = 0x2000000;

class edu_device : public testing::Test {
 protected:
  edu_device() : device(m.port(express), clock) {}

  void start(uint64_t command, uint64_t source, uint64_t destination, uint64_t count) {
    device.write64(0x80, source);
    device.write64(0x88, destination);
    device.write64(0x90, count);
    device.write64(0x98, command);
  }
  void transfer(uint64_t command, uint64_t source, uint64_t destination, uint64_t count) {
    start(command, source, destination, count);
    clock.advance(100 * ms);
    EXPECT_EQ(device.read64(0x98), command & ~uint64_t{1});
  }
  msi_message enable_msi() {
    const msi_message message = m.irqs.compose_msi_msg(m.irqs.alloc_irq());
    m.config16(express, msi_at + 4, static_cast<uint16_t>(message.address & 0xffff));
    m.config16(express, msi_at + 6, static_cast<uint16_t>(message.address >> 16));
    m.config16(express, msi_at + 12, static_cast<uint16_t>(message.data));
    m.config16(express, msi_at + 2, 1);
    return message;
  }

  bus_machine m;
  virtual_clock clock;
  edu device;
};

TEST_F(edu_device, identifies_itself_and_lives) {
  EXPECT_EQ(device.size(), 0x100000u);
  EXPECT_EQ(device.read32(0x00), 0x010000edu);
  device.write32(0x00, 0);
  EXPECT_EQ(device.read32(0x00), 0x010000edu);
  device.write32(0x04, 0x12345678);
  EXPECT_EQ(device.read32(0x04), 0xedcba987u);
}

TEST_F(edu_device, other_offsets_and_sizes_read_all_ones) {
  for (const uint64_t offset : {0x0cu, 0x10u, 0x28u, 0x60u, 0x64u, 0x84u, 0xa0u, 0x40000u}) {
    EXPECT_EQ(device.read32(offset), 0xffffffffu) << std::hex << offset;
  }
  EXPECT_EQ(device.read64(0x00), ~uint64_t{0}) << "eight bytes below 80h";
}

TEST_F(edu_device, computes_factorials) {
  const std::pair<uint32_t, uint32_t> known[] = {
      {0, 1}, {1, 1}, {5, 120}, {12, 479001600}, {13, 1932053504}, {34, 0}, {0xffffffff, 0}};
  for (const auto& [n, factorial] : known) {
    device.write32(0x08, n);
    EXPECT_EQ(device.read32(0x08), factorial) << n;
    EXPECT_EQ(device.read32(0x24), 0u) << "not asked for";
  }
  device.write32(0x20, 0xffffffff);
  EXPECT_EQ(device.read32(0x20), 0x80u);
  device.write32(0x08, 3);
  EXPECT_EQ(device.read32(0x24), 1u);
  EXPECT_TRUE(device.interrupt_line());
}

TEST_F(edu_device, raises_and_acknowledges_by_the_line) {
  device.write32(0x60, 0x14);
  EXPECT_TRUE(device.interrupt_line());
  EXPECT_EQ(device.read32(0x24), 0x14u);
  device.write32(0x64, 0x10);
  EXPECT_TRUE(device.interrupt_line());
  m.config16(express, 4, 0x406);
  EXPECT_FALSE(device.interrupt_line()) << "switched off in the command register";
  m.config16(express, 4, 0x6);
  device.write32(0x64, 0x4);
  EXPECT_FALSE(device.interrupt_line());
  EXPECT_EQ(device.read32(0x24), 0u);
  EXPECT_TRUE(m.interrupts.delivered().empty());
}

TEST_F(edu_device, raises_by_message_where_enabled) {
  const msi_message message = enable_msi();
  device.write32(0x60, 2);
  device.write32(0x60, 4);
  EXPECT_EQ(m.interrupts.delivered(), (std::vector<msi_message>{message, message}));
  EXPECT_FALSE(device.interrupt_line());
  EXPECT_EQ(device.read32(0x24), 6u);
}

TEST_F(edu_device, moves_a_buffer_in_and_out) {
  const uint64_t top = m.start_with(express);
  m.map(top, 3, iova, target | 3);
  m.map(top, 3, iova + 0x1000, (target + 0x5000) | 3);
  m.put(target + 0xff8, "from mem");
  m.put(target + 0x5000, "ory here");
  transfer(1, iova + 0xff8, 0x40100, 16);
  transfer(3, 0x40104, iova + 0x1ff0, 12);
  EXPECT_EQ(m.text_at(target + 0x5ff0, 12), " memory here");
  EXPECT_EQ(device.last_transfer().moved, 12u);
  EXPECT_EQ(device.read32(0x24), 0u) << "no interrupt asked for";
  transfer(7, 0x40000, iova, 4096);
  EXPECT_EQ(device.read32(0x24), 0x100u);
  EXPECT_EQ(m.text_at(target + 0x100, 8), "from mem");
  EXPECT_EQ(device.refused(), 0u);
}

TEST_F(edu_device, takes_100_ms_and_is_deaf_meanwhile) {
  start(7, 0x40000, 0x5000, 4);
  clock.advance(100 * ms - 1);
  EXPECT_EQ(device.read64(0x98), 7u);
  device.write64(0x88, 0x6000);
  device.write64(0x90, 8);
  device.write64(0x98, 1);
  EXPECT_EQ(device.read64(0x88), 0x5000u);
  EXPECT_EQ(device.read64(0x90), 4u);
  EXPECT_EQ(device.read32(0x98), 7u);
  EXPECT_EQ(device.read32(0x24), 0u);
  clock.advance(1);
  EXPECT_EQ(device.read64(0x98), 6u);
  EXPECT_EQ(device.read32(0x24), 0x100u);
  EXPECT_TRUE(device.interrupt_line());
}

TEST_F(edu_device, counts_in_whole_milliseconds) {
  clock.advance(7 * ms + 999'999);
  start(7, 0x40000, 0x5000, 4);
  clock.advance(99 * ms);
  EXPECT_EQ(device.read64(0x98), 7u) << "at 106.999999 ms";
  clock.advance(1);
  EXPECT_EQ(device.read64(0x98), 6u) << "at 107 ms";
}

// A machine that was on for 0.6 ms more than whole milliseconds before the kernel's clock began.
TEST_F(edu_device, counts_by_the_clock_of_its_machine) {
  clock.set_head_start(600'000);
  clock.advance(400'000);
  start(7, 0x40000, 0x5000, 4);
  clock.advance(100 * ms - 1);
  EXPECT_EQ(device.read64(0x98), 7u);
  clock.advance(1);
  EXPECT_EQ(device.read64(0x98), 6u) << "started at 1.0 ms of the machine";
  clock.advance(900'000);
  start(7, 0x40000, 0x5000, 4);
  clock.advance(100 * ms - 900'000);
  EXPECT_EQ(device.read64(0x98), 6u) << "started at 1.9 ms past a hundred";
}

// As recorded: three devices whose transfers start within a millisecond and fault leave one record,
// and the unit has lost the others by the time the processor looks (FSTS: PPF and PFO).
TEST_F(edu_device, transfers_of_one_millisecond_end_before_the_first_interrupt) {
  m.sink.handler = [&](msi_message message) { m.interrupts.deliver(message); };
  m.start_with(express, 5);
  m.start_with(plain, 6);
  edu other(m.port(plain), clock, ~uint64_t{0});
  const int irq = m.irqs.alloc_irq();
  const msi_message message = m.irqs.compose_msi_msg(irq);
  m.unit.write32(0x3c, message.data);
  m.unit.write32(0x40, static_cast<uint32_t>(message.address));
  m.unit.write32(0x38, 0);
  struct seen {
    uint64_t time;
    uint64_t address;
    uint32_t status;
    bool operator==(const seen&) const = default;
  };
  std::vector<seen> handled;
  m.irqs.request_irq(irq, [&] {
    handled.push_back({clock.now_ns(), m.record_low(), m.fsts()});
    m.clear_faults();
  });
  clock.set_gate(&m.interrupts);
  const auto start_both = [&](uint64_t apart) {
    start(1, 0x1111000, 0x40000, 8);
    clock.advance(apart);
    other.write64(0x80, 0x2222000);
    other.write64(0x88, 0x40000);
    other.write64(0x90, 8);
    other.write64(0x98, 1);
  };
  constexpr uint32_t ppf = 2;
  constexpr uint32_t pfo = 1;

  clock.advance(300'000);
  start_both(699'999);
  clock.advance(150 * ms);
  EXPECT_EQ(handled, (std::vector<seen>{{100 * ms, 0x1111000, ppf | pfo}}));

  handled.clear();
  clock.advance(ms - clock.now_ns() % ms);
  const uint64_t begin = clock.now_ns();
  start_both(ms);
  clock.advance(150 * ms);
  EXPECT_EQ(handled, (std::vector<seen>{{begin + 100 * ms, 0x1111000, ppf},
                                        {begin + 101 * ms, 0x2222000, ppf}}));
}

TEST_F(edu_device, a_command_without_the_start_bit_is_nothing) {
  start(6, 0x40000, 0x5000, 4);
  EXPECT_EQ(device.read64(0x98), 0u);
  clock.advance(200 * ms);
  EXPECT_EQ(device.read32(0x24), 0u);
}

TEST_F(edu_device, four_byte_writes_clear_the_upper_half) {
  device.write64(0x80, ~uint64_t{0});
  device.write32(0x80, 0x1234);
  EXPECT_EQ(device.read64(0x80), 0x1234u);
}

TEST_F(edu_device, addresses_are_cut_to_the_mask) {
  m.put(0x5000, "masked");
  transfer(1, 0xfffffffff0005000, 0x40000, 6);
  transfer(3, 0x40000, 0x30006000, 6);
  EXPECT_EQ(m.text_at(0x6000, 6), "masked");
  edu wide(m.port(plain), clock, ~uint64_t{0});
  wide.write64(0x80, 0x40000);
  wide.write64(0x88, 0x30006000);
  wide.write64(0x90, 6);
  wide.write64(0x98, 3);
  clock.advance(100 * ms);
  EXPECT_EQ(wide.last_transfer().end, dma_end::no_memory);
  EXPECT_EQ(wide.last_transfer().failed_at, 0x30006000u);
}

// QEMU stops the machine there.
TEST_F(edu_device, nothing_moves_outside_of_its_buffer) {
  const std::pair<uint64_t, uint64_t> bad[] = {
      {0x3ffff, 4}, {0x40000, 4097}, {0x41000, 1},           {0x40fff, 2},
      {0, 4096},    {0x40000, 0},    {0x40800, ~uint64_t{0}}};
  m.put(0x5000, "kept");
  uint64_t refused = 0;
  for (const auto& [inside, count] : bad) {
    transfer(3, inside, 0x5000, count);
    EXPECT_EQ(device.refused(), ++refused) << std::hex << inside << "+" << count;
    transfer(5, 0x5000, inside, count);
    EXPECT_EQ(device.refused(), ++refused) << std::hex << inside << "+" << count;
  }
  EXPECT_EQ(m.text_at(0x5000, 4), "kept");
  EXPECT_EQ(device.read32(0x24), 0x100u) << "the transfer ends all the same";
  EXPECT_EQ(device.refusal(),
            "0000:00:04.0 edu: a transfer of 0xffffffffffffffff bytes at 0x40800 does not lie in "
            "the buffer, 0x40000 to 0x40fff");
}

TEST_F(edu_device, a_refused_transfer_faults_and_leaves_all_ones) {
  const uint64_t top = m.start_with(express);
  m.map(top, 3, iova, target | pte_read);
  m.put(target, "read only");
  transfer(1, iova, 0x40000, 4);
  transfer(3, 0x40002, iova, 4);
  EXPECT_EQ(device.last_transfer().reason, vtd::fault_reason::write_not_permitted);
  EXPECT_EQ(m.record_high(), bit(63) | (uint64_t{5} << 32) | 0x20);
  EXPECT_EQ(m.text_at(target, 9), "read only");
  m.clear_faults();
  transfer(1, iova + 0x1000, 0x40000, 2);
  EXPECT_EQ(m.record_high(), bit(63) | bit(62) | (uint64_t{6} << 32) | 0x20);
  EXPECT_EQ(device.buffer()[0], std::byte{0xff});
  EXPECT_EQ(device.buffer()[1], std::byte{0xff});
  EXPECT_EQ(device.buffer()[2], std::byte{'a'});
}

}  // namespace
}  // namespace iommulab::bus_test::edu_test
