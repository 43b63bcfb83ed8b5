// SPDX-License-Identifier: GPL-2.0-only
//
// Faults as a device meets them: the record, the status register, that no data moved in either
// direction, and what the device finds instead. vtd/fault_test.cc has every way into each reason;
// here each reason comes once, at the end of the whole way.
#include <array>
#include <functional>

#include "dma/bus_machine.h"
#include "platform/endpoints/edu.h"

namespace iommulab::bus_test::fault_test {
namespace {

using vtd::fault_reason;

constexpr uint64_t transfer_ns = 100'000'000;
constexpr uint64_t iova = 0x40201000;
constexpr uint64_t target = 0x2000000;
constexpr uint64_t hole = machine::ram_end + 0x100000;

/// The device 00:04.0 (requester 0020h) behind a mapping of one page.
class edu_machine : public bus_machine {
 public:
  explicit edu_machine(vtd_config config = {}, unsigned levels = 3, unsigned type = 0)
      : bus_machine(std::move(config)), device(port(express), clock, ~uint64_t{0}) {
    top = start_with(express, 5, levels, type);
  }
  uint64_t& context(uint64_t half) { return word(context_address(0x20) + half * 8); }
  uint64_t& entry(unsigned level) { return word(entry_address(top, 3, iova, level)); }

  dma_result to_memory(uint64_t address, uint64_t length = 16) {
    return transfer(3, edu::buffer_address, address, length);
  }
  dma_result to_device(uint64_t address, uint64_t length = 16) {
    return transfer(1, address, edu::buffer_address, length);
  }
  std::string found(size_t length = 16) {
    return {reinterpret_cast<const char*>(device.buffer().data()), length};
  }
  /// Something to send that is in no memory yet.
  void fill_device(const std::string& text) {
    constexpr uint64_t staging = 0x1000000;
    machine::command_off(te);
    put(staging, text);
    EXPECT_TRUE(to_device(staging, text.size()).ok());
    put(staging, std::string(text.size(), 0));
    machine::command(te);
  }

  virtual_clock clock;
  edu device;
  uint64_t top = 0;

 private:
  dma_result transfer(uint64_t command, uint64_t source, uint64_t destination, uint64_t length) {
    device.write64(0x80, source);
    device.write64(0x88, destination);
    device.write64(0x90, length);
    device.write64(0x98, command);
    clock.advance(transfer_ns);
    return device.last_transfer();
  }
};

struct fault_case {
  unsigned write_reason;
  unsigned read_reason;
  std::function<void(edu_machine&)> spoil;
  uint64_t address = iova;
};

std::vector<fault_case> legacy_faults() {
  return {
      {0x01, 0x01, [](edu_machine& m) { m.word(m.root) = 0; }},
      {0x02, 0x02, [](edu_machine& m) { m.context(0) &= ~uint64_t{1}; }},
      {0x03, 0x03, [](edu_machine& m) { m.context(0) |= 3 << 2; }},
      {0x04, 0x04, [](edu_machine&) {}, bit(39) | iova},
      {0x05, 0x06, [](edu_machine& m) { m.entry(1) = 0; }},
      {0x05, 0x00, [](edu_machine& m) { m.entry(1) &= ~pte_write; }},
      {0x00, 0x06, [](edu_machine& m) { m.entry(1) &= ~pte_read; }},
      {0x07, 0x07, [](edu_machine& m) { m.entry(2) = hole | 3; }},
      {0x08, 0x08, [](edu_machine& m) { m.set_root(hole); }},
      {0x09, 0x09, [](edu_machine& m) { m.word(m.root) = hole | 1; }},
      {0x0a, 0x0a, [](edu_machine& m) { m.word(m.root) |= bit(5); }},
      {0x0b, 0x0b, [](edu_machine& m) { m.context(1) |= bit(40); }},
      {0x0c, 0x0c, [](edu_machine& m) { m.entry(3) |= bit(45); }},
      {0x0e, 0x0e, [](edu_machine& m) { m.entry(1) = 0xfee00000 | 3; }},
  };
}

TEST(edu_faults, each_reason_is_recorded_and_no_data_moves) {
  const std::string device_text = "from the device.";
  const std::string memory_text = "in memory before";
  for (const fault_case& c : legacy_faults()) {
    SCOPED_TRACE(absl::StrFormat("write %02xh, read %02xh", c.write_reason, c.read_reason));
    edu_machine m;
    m.map(m.top, 3, iova, target | 3);
    m.fill_device(device_text);
    m.put(target + 8, memory_text);
    c.spoil(m);
    m.flush_contexts();
    m.flush_iotlb();

    const dma_result write = m.to_memory(c.address + 8);
    EXPECT_EQ(static_cast<unsigned>(write.reason), c.write_reason);
    if (c.write_reason != 0) {
      EXPECT_EQ(write.end, dma_end::blocked);
      EXPECT_EQ(write.moved, 0u);
      EXPECT_EQ(write.failed_at, c.address + 8);
      EXPECT_EQ(m.text_at(target + 8, 16), memory_text);
      EXPECT_EQ(m.fsts(), 2u);
      EXPECT_EQ(m.record_low(), c.address);
      EXPECT_EQ(m.record_high(), bit(63) | uint64_t{c.write_reason} << 32 | 0x20);
      m.clear_faults();
      EXPECT_EQ(m.fsts(), 0u);
    }
    m.put(target + 8, memory_text);
    const dma_result read = m.to_device(c.address + 8);
    EXPECT_EQ(static_cast<unsigned>(read.reason), c.read_reason);
    if (c.read_reason == 0) {
      EXPECT_EQ(m.found(), memory_text);
      continue;
    }
    EXPECT_EQ(read.end, dma_end::blocked);
    EXPECT_EQ(read.moved, 0u);
    EXPECT_EQ(m.found(), std::string(16, '\xff'));
    EXPECT_EQ(m.fsts(), 2u);
    EXPECT_EQ(m.record_low(), c.address);
    EXPECT_EQ(m.record_high(), bit(63) | bit(62) | uint64_t{c.read_reason} << 32 | 0x20);
  }
}

// A transfer from a mapped page into one that is not: the good half moves, the fault names the
// page that was missing.
TEST(edu_faults, a_transfer_stops_counting_where_its_mapping_ends) {
  edu_machine m;
  m.map(m.top, 3, iova, target | 3);
  m.put(target + 0xf80, std::string(0x80, 'm'));
  const dma_result read = m.to_device(iova + 0xf80, 0x100);
  EXPECT_EQ(read.moved, 0x80u);
  EXPECT_EQ(read.failed_at, iova + 0x1000);
  EXPECT_EQ(m.found(0x100), std::string(0x80, 'm') + std::string(0x80, '\xff'));
  EXPECT_EQ(m.record_low(), iova + 0x1000);
}

class edu_widths : public testing::TestWithParam<unsigned> {};

// Tables of each width, pages of each size: the last bytes of the highest page, the first of the
// one before it, and one byte too far.
TEST_P(edu_widths, pages_of_each_size_move_data_up_to_the_last_byte) {
  const unsigned levels = GetParam();
  const unsigned width = 12 + 9 * levels;
  for (unsigned leaf = 1; leaf <= 3 && leaf <= levels; ++leaf) {
    SCOPED_TRACE(leaf);
    vtd_config config;
    config.set_only_table_width(width);
    edu_machine m(config, levels);
    const uint64_t span = uint64_t{0x1000} << 9 * (leaf - 1);
    const uint64_t last = bit(width) - span;
    const uint64_t large = leaf > 1 ? pte_large : 0;
    // Large pages begin at 0 here, small ones at the target; RAM is smaller than 1 GiB.
    const uint64_t page = leaf == 1 ? target : 0;
    m.map(m.top, levels, last, page | large | 3, leaf);
    m.map(m.top, levels, last - span, page | large | pte_read, leaf);
    const uint64_t reach = std::min<uint64_t>(span, 0x200000) - 16;
    m.fill_device("sixteen letters.");
    EXPECT_TRUE(m.to_memory(last + reach).ok());
    EXPECT_EQ(m.text_at(page + reach, 16), "sixteen letters.");
    EXPECT_EQ(m.to_memory(last - span).reason, fault_reason::write_not_permitted);
    m.clear_faults();
    EXPECT_TRUE(m.to_device(last - span + reach).ok());
    EXPECT_EQ(m.found(), "sixteen letters.");
    EXPECT_EQ(m.fsts(), 0u);
    EXPECT_EQ(m.to_device(bit(width)).reason, fault_reason::address_beyond_width);
    EXPECT_EQ(m.record_low(), bit(width));
  }
}

INSTANTIATE_TEST_SUITE_P(levels, edu_widths, testing::Values(2u, 3u, 4u, 5u));

TEST(edu_pass_through, reaches_host_addresses_up_to_their_width) {
  edu_machine m({}, 3, 2);
  m.put(target, "host's own bytes");
  EXPECT_TRUE(m.to_device(target).ok());
  EXPECT_EQ(m.found(), "host's own bytes");
  EXPECT_EQ(m.to_device(hole).end, dma_end::no_memory);
  EXPECT_EQ(m.fsts(), 0u);
  EXPECT_EQ(m.to_device(bit(39)).reason, fault_reason::address_beyond_width);
}

// Tables change under the device, and it goes on reaching what it reached before until software
// says so, in each of the ways in which software can.
TEST(edu_stale, a_page_taken_away_takes_data_until_it_is_invalidated) {
  const std::array<std::function<void(edu_machine&)>, 4> ways = {
      [](edu_machine& m) { m.flush_iotlb(); }, [](edu_machine& m) { m.flush_domain(5); },
      [](edu_machine& m) { m.flush_pages(5, iova, 0, false); },
      [](edu_machine& m) { m.flush_pages(5, iova & ~uint64_t{0x7fff}, 3, true); }};
  for (const auto& invalidate : ways) {
    edu_machine m;
    m.map(m.top, 3, iova, target | 3);
    m.fill_device("sixteen letters.");
    ASSERT_TRUE(m.to_memory(iova).ok());
    m.map(m.top, 3, iova, 0);
    EXPECT_TRUE(m.to_memory(iova + 0x100).ok());
    EXPECT_EQ(m.text_at(target + 0x100, 16), "sixteen letters.") << "stale";
    m.flush_contexts();
    m.flush_domain(6);
    m.flush_pages(5, iova + 0x1000, 0, false);
    EXPECT_TRUE(m.to_memory(iova + 0x200).ok()) << "not the right one";
    invalidate(m);
    EXPECT_FALSE(m.to_memory(iova + 0x300).ok());
    EXPECT_EQ(m.text_at(target + 0x300, 16), std::string(16, 0));
  }
}

TEST(edu_stale, a_device_stays_in_its_old_domain_until_its_context_is_invalidated) {
  const auto ccmd = [](unsigned granularity, uint64_t rest) {
    return bit(63) | uint64_t{granularity} << 61 | rest;
  };
  const std::array<uint64_t, 3> ways = {ccmd(1, 0), ccmd(2, 5), ccmd(3, 5 | uint64_t{0x20} << 16)};
  const std::array<uint64_t, 2> others = {ccmd(2, 6), ccmd(3, 5 | uint64_t{0x28} << 16)};
  for (const uint64_t invalidate : ways) {
    edu_machine m;
    m.map(m.top, 3, iova, target | 3);
    ASSERT_TRUE(m.to_memory(iova).ok());
    const uint64_t other = m.page();
    m.map(other, 3, iova, (target + 0x1000) | 3);
    m.attach(0x20, other, 6);
    m.fill_device("sixteen letters.");
    for (const uint64_t wrong : others) m.unit.write64(0x28, wrong);
    EXPECT_TRUE(m.to_memory(iova).ok());
    EXPECT_EQ(m.text_at(target, 16), "sixteen letters.");
    EXPECT_EQ(m.text_at(target + 0x1000, 16), std::string(16, 0));
    m.unit.write64(0x28, invalidate);
    EXPECT_TRUE(m.to_memory(iova).ok());
    EXPECT_EQ(m.text_at(target + 0x1000, 16), "sixteen letters.");
  }
}

}  // namespace
}  // namespace iommulab::bus_test::fault_test
