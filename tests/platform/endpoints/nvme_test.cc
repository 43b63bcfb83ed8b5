// SPDX-License-Identifier: GPL-2.0-only
//
// A disk driven through queues in memory, all of it behind the unit.
#include "platform/endpoints/nvme.h"

#include "dma/bus_machine.h"

namespace iommulab::bus_test::nvme_test {
namespace {

constexpr uint64_t blocks = 64;

class disk_queues : public testing::Test {
 protected:
  // I/O virtual addresses of the queues and of 16 pages of data; memory beside them.
  static constexpr uint64_t admin_sq = 0x10000000;
  static constexpr uint64_t admin_cq = 0x10001000;
  static constexpr uint64_t io_sq = 0x10002000;
  static constexpr uint64_t io_cq = 0x10003000;
  static constexpr uint64_t data = 0x20000000;
  static constexpr uint64_t memory_of_queues = 0x2000000;
  static constexpr uint64_t memory_of_data = 0x2100000;

  disk_queues() : device(m.port(express), blocks) {
    top = m.start_with(express);
    for (uint64_t i = 0; i < 4; ++i) {
      m.map(top, 3, admin_sq + i * 0x1000, (memory_of_queues + i * 0x1000) | 3);
    }
    // Pages in reverse order, so that nothing is right by accident.
    for (uint64_t i = 0; i < 16; ++i) m.map(top, 3, data + i * 0x1000, page_of(i) | 3);
    device.write32(0x24, 7 << 16 | 7);
    device.write64(0x28, admin_sq);
    device.write64(0x30, admin_cq);
    device.write32(0x14, 1);
    EXPECT_EQ(device.read32(0x1c), 1u);
  }
  static uint64_t page_of(uint64_t i) { return memory_of_data + (15 - i) * 0x1000; }

  /// Puts a command at the tail of queue `q` and rings; returns the status of its completion.
  unsigned run(unsigned q, uint32_t opcode, uint64_t prp1, uint64_t prp2, uint32_t cdw10,
               uint32_t cdw11, uint32_t cdw12 = 0, uint32_t nsid = 1) {
    const uint64_t sq = memory_of_queues + (q == 0 ? 0 : 0x2000);
    const uint64_t cq = sq + 0x1000;
    const uint64_t at = sq + uint64_t{64} * tail[q];
    m.word(at) = opcode | uint64_t{++id} << 16 | uint64_t{nsid} << 32;
    m.word(at + 24) = prp1;
    m.word(at + 32) = prp2;
    m.word(at + 40) = cdw10 | uint64_t{cdw11} << 32;
    m.word(at + 48) = cdw12;
    tail[q] = (tail[q] + 1) % 8;
    device.write32(0x1000 + q * 8, tail[q]);
    const uint64_t entry = m.word(cq + uint64_t{16} * head[q] + 8);
    if ((entry >> 48 & 1) != phase[q]) return no_completion;
    EXPECT_EQ(entry & 0xffff, tail[q]) << "the submission queue's head";
    EXPECT_EQ(entry >> 16 & 0xffff, q);
    EXPECT_EQ(entry >> 32 & 0xffff, id);
    head[q] = (head[q] + 1) % 8;
    if (head[q] == 0) phase[q] ^= 1;
    device.write32(0x1004 + q * 8, head[q]);
    return static_cast<unsigned>(entry >> 49);
  }
  void create_io_queues() {
    ASSERT_EQ(run(0, 0x05, io_cq, 0, 7 << 16 | 1, 3), 0u);
    ASSERT_EQ(run(0, 0x01, io_sq, 0, 7 << 16 | 1, 1 << 16 | 1), 0u);
  }
  unsigned write(uint64_t prp1, uint64_t prp2, uint32_t first, uint32_t count) {
    return run(1, 0x01, prp1, prp2, first, 0, count - 1);
  }
  unsigned read(uint64_t prp1, uint64_t prp2, uint32_t first, uint32_t count) {
    return run(1, 0x02, prp1, prp2, first, 0, count - 1);
  }
  std::string on_disk(uint64_t block, size_t length) {
    return {reinterpret_cast<const char*>(device.disk().data()) + block * 512, length};
  }

  static constexpr unsigned no_completion = 0xffff;
  bus_machine m;
  nvme device;
  uint64_t top = 0;
  uint32_t tail[2] = {0, 0};
  uint32_t head[2] = {0, 0};
  unsigned phase[2] = {1, 1};
  uint16_t id = 0;
};

TEST_F(disk_queues, identify_fills_a_page) {
  EXPECT_EQ(run(0, 0x06, data, 0, 0, 0), 0u);
  EXPECT_EQ(m.word(page_of(0)), blocks);
  EXPECT_EQ(m.word(page_of(0) + 128) >> 16 & 0xff, 9u) << "blocks of 2^9 bytes";
  EXPECT_EQ(run(0, 0x06, data, 0, 1, 0), 0u);
  EXPECT_EQ(m.text_at(page_of(0) + 24, 18), "iommulab namespace");
  EXPECT_EQ(m.word(page_of(0) + 512) & 0xffff, 0x4466u);
  EXPECT_EQ(run(0, 0x06, data, 0, 9, 0), 0x002u);
  EXPECT_EQ(run(0, 0x06, data, 0, 0, 0, 0, 2), 0x00bu);
  EXPECT_EQ(run(0, 0x7f, data, 0, 0, 0), 0x001u);
}

TEST_F(disk_queues, a_block_goes_out_and_comes_back) {
  create_io_queues();
  m.put(page_of(0) + 0x200, "block three");
  EXPECT_EQ(write(data + 0x200, 0, 3, 1), 0u);
  EXPECT_EQ(on_disk(3, 11), "block three");
  EXPECT_EQ(read(data + 0x3e00, 0, 3, 1), 0u);
  EXPECT_EQ(m.text_at(page_of(3) + 0xe00, 11), "block three");
  EXPECT_EQ(m.fsts(), 0u);
}

TEST_F(disk_queues, two_pages_take_two_entries) {
  create_io_queues();
  for (unsigned i = 0; i < 512 * 9; ++i) device.disk()[i] = static_cast<std::byte>(i * 7);
  // From the middle of a page: 2 KiB there, 2.5 KiB in the second.
  EXPECT_EQ(read(data + 0x800, data + 0x5000, 0, 9), 0u);
  EXPECT_EQ(m.text_at(page_of(0) + 0x800, 0x800), on_disk(0, 0x800));
  EXPECT_EQ(m.text_at(page_of(5), 0xa00), on_disk(4, 0xa00));
}

TEST_F(disk_queues, more_pages_take_a_list) {
  create_io_queues();
  for (unsigned i = 0; i < 512 * 64; ++i) device.disk()[i] = static_cast<std::byte>(i * 11 >> 3);
  // Eight pages: the first entry, and a list of seven that begins three entries before a page's
  // end, so that its third leads on to the next page of the list.
  const uint64_t list = data + 0xffe8;
  const uint64_t list_memory = page_of(15) + 0xfe8;
  m.word(list_memory) = data + 0x1000;
  m.word(list_memory + 8) = data + 0x3000;
  m.word(list_memory + 16) = data + 0xe000;
  for (uint64_t i = 0; i < 5; ++i) m.word(page_of(14) + i * 8) = data + 0x5000 + i * 0x1000;
  EXPECT_EQ(read(data, list, 0, 64), 0u);
  const unsigned pages[] = {0, 1, 3, 5, 6, 7, 8, 9};
  for (uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(m.text_at(page_of(pages[i]), 0x1000), on_disk(i * 8, 0x1000)) << i;
  }
}

TEST_F(disk_queues, entries_that_cannot_be_are_refused) {
  create_io_queues();
  EXPECT_EQ(read(data + 2, 0, 0, 1), 0x013u);
  EXPECT_EQ(read(data, data + 0x1100, 0, 16), 0x013u) << "a second entry within a page";
  EXPECT_EQ(read(data, data + 0x1004, 0, 64), 0x013u) << "a list off its alignment";
  m.word(page_of(1)) = data + 0x2008;
  EXPECT_EQ(read(data, data + 0x1000, 0, 64), 0x013u) << "an entry of a list within a page";
  EXPECT_EQ(read(data, 0, blocks, 1), 0x080u);
  EXPECT_EQ(read(data, 0, blocks - 1, 2), 0x080u);
  EXPECT_EQ(run(1, 0x02, data, 0, 0, 1, 0), 0x080u) << "a block number of 2^32";
  EXPECT_EQ(run(1, 0x55, data, 0, 0, 0), 0x001u);
}

TEST_F(disk_queues, queues_are_made_and_taken_away) {
  EXPECT_EQ(run(0, 0x01, io_sq, 0, 7 << 16 | 1, 1 << 16 | 1), 0x100u) << "no completion queue";
  EXPECT_EQ(run(0, 0x05, io_cq, 0, 0 << 16 | 1, 1), 0x102u);
  EXPECT_EQ(run(0, 0x05, io_cq, 0, 7 << 16 | 4, 1), 0x101u);
  EXPECT_EQ(run(0, 0x05, io_cq, 0, 7 << 16 | 1, 0), 0x002u) << "not contiguous";
  create_io_queues();
  EXPECT_EQ(run(0, 0x05, io_cq, 0, 7 << 16 | 1, 1), 0x101u) << "there already";
  EXPECT_EQ(run(0, 0x04, 0, 0, 1, 0), 0x100u) << "still in use";
  EXPECT_EQ(run(0, 0x00, 0, 0, 1, 0), 0u);
  EXPECT_EQ(run(0, 0x04, 0, 0, 1, 0), 0u);
  EXPECT_EQ(write(data, 0, 0, 1), no_completion);
}

TEST_F(disk_queues, data_that_cannot_move_fails_the_command) {
  create_io_queues();
  std::fill_n(device.disk().begin(), 8192, std::byte{'o'});
  m.put(page_of(0), std::string(4096, 'n'));
  m.map(top, 3, data + 0x1000, 0);
  EXPECT_EQ(write(data, data + 0x1000, 0, 16), 0x004u);
  EXPECT_EQ(on_disk(0, 8192), std::string(8192, 'o')) << "neither page was taken";
  EXPECT_EQ(device.last_failure().reason, vtd::fault_reason::read_not_permitted);
  EXPECT_EQ(m.record_low(), data + 0x1000);
  m.clear_faults();
  m.map(top, 3, data + 0x2000, page_of(2) | pte_read);
  EXPECT_EQ(read(data + 0x2000, 0, 0, 1), 0x004u);
  EXPECT_EQ(m.text_at(page_of(2), 512), std::string(512, 0));
  EXPECT_EQ(m.record_high(), bit(63) | uint64_t{5} << 32 | 0x20);
  m.clear_faults();
  EXPECT_EQ(read(data, data + 0x1000, 0, 64), 0x004u) << "the list";
  EXPECT_EQ(device.read32(0x1c), 1u) << "the controller lives";
}

TEST_F(disk_queues, commands_or_completions_that_cannot_move_are_fatal) {
  m.map(top, 3, admin_cq, (memory_of_queues + 0x1000) | pte_read);
  EXPECT_EQ(run(0, 0x06, data, 0, 0, 0), no_completion);
  EXPECT_EQ(device.read32(0x1c), 3u);
  EXPECT_EQ(device.last_failure().reason, vtd::fault_reason::write_not_permitted);
  m.map(top, 3, admin_cq, (memory_of_queues + 0x1000) | 3);
  EXPECT_EQ(run(0, 0x06, data, 0, 0, 0), no_completion) << "nothing more is done";
  device.write32(0x14, 0);
  EXPECT_EQ(device.read32(0x1c), 0u);
  m.map(top, 3, admin_sq, 0);
  m.flush_iotlb();
  device.write32(0x14, 1);
  device.write32(0x1000, 1);
  EXPECT_EQ(device.read32(0x1c), 3u);
  EXPECT_EQ(device.last_failure().reason, vtd::fault_reason::read_not_permitted);
}

TEST_F(disk_queues, interrupts_follow_the_queue_and_the_mask) {
  EXPECT_EQ(run(0, 0x06, data, 0, 0, 0), 0u);
  EXPECT_FALSE(device.interrupt_line()) << "the head caught up";
  m.word(memory_of_queues + 64) = 0x06 | uint64_t{1} << 32;
  m.word(memory_of_queues + 64 + 24) = data;
  device.write32(0x1000, 2);
  EXPECT_TRUE(device.interrupt_line());
  device.write32(0x1004, 2);
  EXPECT_FALSE(device.interrupt_line());
  device.write32(0x0c, 1);
  m.word(memory_of_queues + 128) = 0x06 | uint64_t{1} << 32;
  m.word(memory_of_queues + 128 + 24) = data;
  device.write32(0x1000, 3);
  EXPECT_FALSE(device.interrupt_line()) << "masked";
}

TEST_F(disk_queues, a_full_completion_queue_makes_commands_wait) {
  for (uint64_t i = 0; i < 8; ++i) {
    m.word(memory_of_queues + i * 64) = 0x06 | i << 16 | uint64_t{1} << 32;
    m.word(memory_of_queues + i * 64 + 24) = data;
  }
  device.write32(0x1000, 7);
  const auto completed = [&](uint64_t i) { return m.word(memory_of_queues + 0x1000 + i * 16 + 8); };
  EXPECT_NE(completed(6), 0u);
  device.write32(0x1000, 0);
  EXPECT_EQ(completed(7), 0u) << "seven of eight is full";
  device.write32(0x1004, 1);
  EXPECT_NE(completed(7), 0u);
}

}  // namespace
}  // namespace iommulab::bus_test::nvme_test
