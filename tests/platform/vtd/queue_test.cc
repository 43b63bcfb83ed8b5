// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "machine.h"

namespace iommulab::vtd_test::queue_test {
namespace {

using names = std::vector<std::string>;

constexpr uint64_t iova = 0x10000;
constexpr uint64_t old_page = 0x2000000;
constexpr uint64_t status_word = 0x3000000;

class vtd_queue : public testing::Test {
 protected:
  static vtd_config config() {
    vtd_config c;
    c.ecap.set_interrupt_remapping(true).set_max_handle_mask(15).set_device_tlb(true);
    return c;
  }
  explicit vtd_queue(const vtd_config& c) : m(c) { begin(); }
  vtd_queue() : vtd_queue(config()) {}

  void begin() {
    base = m.page();
    table = m.page();
    m.map(table, 3, iova, old_page | 3);
    m.attach(nic, table, 5);
    m.start();
    m.unit.write32(0x88, 0);
    m.unit.write64(0x90, base);
    m.command(qie);
    EXPECT_NE(m.gsts() & qie, 0u);
  }
  /// Puts a descriptor in place and returns the tail after it.
  void put(uint64_t low, uint64_t high = 0) {
    m.word(base + tail * 16) = low;
    m.word(base + tail * 16 + 8) = high;
    tail = (tail + 1) % 256;
  }
  void ring() { m.unit.write32(0x88, static_cast<uint32_t>(tail << 4)); }
  void submit(uint64_t low, uint64_t high = 0) {
    put(low, high);
    ring();
  }
  uint32_t head() { return m.unit.read32(0x80) >> 4; }
  uint32_t status() { return *m.memory().object_at<uint32_t>(phys_addr(status_word)); }
  void put_wait(uint32_t data) { put((uint64_t{data} << 32) | 0x25, status_word); }
  void warm() {
    m.map(table, 3, iova, old_page | 3);
    submit((1u << 4) | 2);
    ASSERT_TRUE(m.read(nic, iova).ok());
    m.map(table, 3, iova, 0);
    ASSERT_TRUE(m.read(nic, iova).ok()) << "cached";
  }

  machine m;
  uint64_t base = 0;
  uint64_t table = 0;
  uint64_t tail = 0;
};

TEST_F(vtd_queue, does_what_is_before_the_tail_and_writes_the_status) {
  warm();
  put((1u << 4) | 2);  // global IOTLB
  put_wait(2);
  EXPECT_TRUE(m.read(nic, iova).ok()) << "nothing happens before the tail moves";
  ring();
  EXPECT_EQ(status(), 2u);
  EXPECT_EQ(head(), tail);
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fsts() & ~2u, 0u);
}

TEST_F(vtd_queue, iotlb_descriptors_reach_as_far_as_they_say) {
  const uint64_t domain5 = 5u << 16;
  const std::pair<std::pair<uint64_t, uint64_t>, bool> cases[] = {
      {{0xd2, 0}, true},                                  // global, draining
      {{(2u << 4) | 2 | domain5, 0}, true},               // domain
      {{(2u << 4) | 2 | (6u << 16), 0}, false},           // another domain
      {{(3u << 4) | 2 | domain5, iova}, true},            // page
      {{(3u << 4) | 2 | domain5, iova | 0x40}, true},     // page, leaf hint
      {{(3u << 4) | 2 | domain5, iova + 0x1000}, false},  // the next page
      {{(3u << 4) | 2 | domain5, 0 | 5}, true},           // 32 pages from 0
      {{(3u << 4) | 2 | domain5, 0 | 4}, false},          // 16 pages from 0
      {{(1u << 4) | 1, 0}, false},                        // contexts only
  };
  for (const auto& [d, gone] : cases) {
    warm();
    m.clear_faults();
    submit(d.first, d.second);
    EXPECT_EQ(m.read(nic, iova).ok(), !gone) << std::hex << d.first << " " << d.second;
    EXPECT_EQ(head(), tail);
  }
  EXPECT_EQ(m.diagnosed(), names{});
}

TEST_F(vtd_queue, context_descriptors_reach_as_far_as_they_say) {
  const uint64_t device = (3u << 4) | 1 | (5u << 16);
  const std::pair<uint64_t, bool> cases[] = {
      {0x11, true},
      {(2u << 4) | 1 | (5u << 16), true},
      {(2u << 4) | 1 | (6u << 16), false},
      {device | (uint64_t{nic} << 32), true},
      {device | (uint64_t{disk} << 32), false},
      {device | (uint64_t{nic ^ 4} << 32), false},
      {device | (uint64_t{nic ^ 4} << 32) | (uint64_t{1} << 48), true},
      {device | (uint64_t{nic ^ 3} << 32) | (uint64_t{1} << 48), false},
      {device | (uint64_t{nic ^ 7} << 32) | (uint64_t{3} << 48), true},
      {0xd2, false},
  };
  for (const auto& [low, gone] : cases) {
    m.attach(nic, table, 5);
    submit(0x11);
    warm();
    m.clear_faults();
    m.set_context(nic, 0, 0);
    m.map(table, 3, iova, old_page | 3);
    submit(low);
    EXPECT_EQ(m.read(nic, iova).ok(), !gone) << std::hex << low;
  }
}

TEST_F(vtd_queue, interrupt_entry_descriptors_take_all_or_a_range) {
  const auto fill = [this] {
    for (uint16_t i = 0; i < 32; ++i) m.unit.interrupt_entries().insert(i, {i, 0});
  };
  fill();
  submit(4);
  EXPECT_EQ(m.unit.interrupt_entries().size(), 0u);
  for (unsigned mask = 0; mask <= 5; ++mask) {
    fill();
    submit((uint64_t{9} << 32) | (uint64_t{mask} << 27) | 0x14);
    for (uint16_t i = 0; i < 32; ++i) {
      EXPECT_EQ(m.unit.interrupt_entries().find(i).has_value(), (i >> mask) != (9 >> mask))
          << mask << " " << i;
    }
  }
}

struct bad_descriptor {
  const char* why;
  uint64_t low;
  uint64_t high;
};

TEST_F(vtd_queue, bad_descriptors_stop_it_with_the_head_on_them) {
  const bad_descriptor cases[] = {
      {"descriptor_type_unknown", 0, 0},
      {"descriptor_type_unknown", 6, 0},
      {"descriptor_type_unknown", 0x211, 0},
      {"descriptor_reserved_bits", 0x11 | (1u << 8), 0},
      {"descriptor_reserved_bits", 0x11, 1},
      {"descriptor_reserved_bits", 0x12 | bit(40), 0},
      {"descriptor_reserved_bits", 0x32, 0x80},
      {"descriptor_reserved_bits", 3 | bit(21), 0},
      {"descriptor_reserved_bits", 4 | bit(5), 0},
      {"descriptor_reserved_bits", 5 | bit(8), 0},
      {"descriptor_reserved_bits", 5, 1},
      {"descriptor_granularity_reserved", 1, 0},
      {"descriptor_granularity_reserved", 2, 0},
      {"descriptor_mask_too_large", 0x32, 19},
      {"descriptor_mask_too_large", 0x14 | (uint64_t{16} << 27), 0},
  };
  for (const bad_descriptor& c : cases) {
    m.unit.diagnoses().clear();
    put((1u << 4) | 2);
    const uint64_t bad = tail;
    put(c.low, c.high);
    put_wait(static_cast<uint32_t>(100 + bad));
    ring();
    EXPECT_EQ(head(), bad) << c.why;
    EXPECT_EQ(m.fsts(), 0x10u) << "IQE";
    EXPECT_NE(status(), 100 + bad) << "nothing after it was done";
    EXPECT_EQ(m.diagnosed(), names{c.why});

    ring();
    EXPECT_EQ(head(), bad) << "nothing is fetched while IQE is set";

    // 4.4's way out: the wait takes the bad one's place, and IQE is cleared.
    m.word(base + bad * 16) = (uint64_t{100 + bad} << 32) | 0x25;
    m.word(base + bad * 16 + 8) = status_word;
    m.unit.write32(0x34, 0x10);
    EXPECT_EQ(m.fsts(), 0u);
    EXPECT_EQ(status(), 100 + bad) << "the queue goes on by itself";
    EXPECT_EQ(head(), tail);
  }
}

TEST_F(vtd_queue, an_error_raises_the_fault_event) {
  m.unit.write32(0x3c, 0x55);
  m.unit.write32(0x40, 0xfee00000);
  m.unit.write32(0x38, 0);
  submit(0xf);
  ASSERT_EQ(m.sink.messages.size(), 1u);
  EXPECT_EQ(m.sink.messages[0], (msi_message{0xfee00000, 0x55}));
}

TEST_F(vtd_queue, a_handler_that_only_clears_the_error_does_not_hang_it) {
  m.unit.write32(0x38, 0);
  m.sink.handler = [this](msi_message) { m.unit.write32(0x34, 0x10); };
  const uint64_t bad = tail;
  submit(0xf);
  EXPECT_EQ(head(), bad);
  EXPECT_EQ(m.sink.messages.size(), 2u);
  m.word(base + bad * 16) = 0x12;
  ring();
  EXPECT_EQ(head(), tail) << "repaired, it goes on with the next tail";
}

TEST_F(vtd_queue, a_handler_may_repair_the_descriptor_from_within) {
  m.unit.write32(0x38, 0);
  const uint64_t bad = tail;
  m.sink.handler = [this, bad](msi_message) {
    m.word(base + bad * 16) = 0x12;
    m.unit.write32(0x34, 0x10);
  };
  submit(0xf);
  EXPECT_EQ(head(), tail);
  EXPECT_EQ(m.sink.messages.size(), 1u);
}

TEST_F(vtd_queue, wraps_at_its_end) {
  for (int i = 0; i < 1000; ++i) {
    put((1u << 4) | 2);
    put_wait(static_cast<uint32_t>(i));
    ring();
    ASSERT_EQ(status(), static_cast<uint32_t>(i));
    ASSERT_EQ(head(), tail);
  }
  // 255 at once: as much as fits.
  for (int i = 0; i < 254; ++i) put((1u << 4) | 2);
  put_wait(77777);
  ring();
  EXPECT_EQ(status(), 77777u);
}

TEST_F(vtd_queue, waits_without_a_status_or_with_a_fence_just_pass) {
  put(5);
  put(5 | 0x40);
  ring();
  EXPECT_EQ(head(), tail);
  EXPECT_EQ(m.fsts(), 0u);
}

TEST_F(vtd_queue, a_status_address_outside_memory_is_diagnosed) {
  submit(0x200000025, machine::ram_end);
  EXPECT_EQ(head(), tail);
  EXPECT_EQ(m.diagnosed(), names{"wait_status_unwritable"});
}

TEST_F(vtd_queue, completion_events_follow_mask_and_status) {
  m.unit.write32(0xa4, 0x61);
  m.unit.write32(0xa8, 0xfee01000);
  m.unit.write32(0xac, 7);
  const msi_message message{(uint64_t{7} << 32) | 0xfee01000, 0x61};

  submit(5 | 0x10);  // masked after reset
  EXPECT_EQ(m.unit.read32(0x9c), 1u) << "IWC";
  EXPECT_EQ(m.unit.read32(0xa0), 0xc0000000u);
  EXPECT_TRUE(m.sink.messages.empty());
  m.unit.write32(0xa0, 0);
  ASSERT_EQ(m.sink.messages.size(), 1u);
  EXPECT_EQ(m.sink.messages[0], message);

  submit(5 | 0x10);
  EXPECT_EQ(m.sink.messages.size(), 1u) << "IWC is still set";
  m.unit.write32(0x9c, 1);
  EXPECT_EQ(m.unit.read32(0x9c), 0u);
  submit(5 | 0x10);
  EXPECT_EQ(m.sink.messages.size(), 2u);

  // Serviced while masked: the pending one is dropped.
  m.unit.write32(0x9c, 1);
  m.unit.write32(0xa0, 0x80000000);
  submit(5 | 0x10);
  EXPECT_EQ(m.unit.read32(0xa0), 0xc0000000u);
  m.unit.write32(0x9c, 1);
  m.unit.write32(0xa0, 0);
  EXPECT_EQ(m.sink.messages.size(), 2u);
  EXPECT_EQ(m.diagnosed(), names{});
}

TEST_F(vtd_queue, a_handler_may_queue_more_from_within_the_interrupt) {
  m.unit.write32(0xa0, 0);
  m.sink.handler = [this](msi_message) {
    m.unit.write32(0x9c, 1);
    m.sink.handler = nullptr;
    put_wait(4242);
    ring();
    EXPECT_EQ(status(), 0u) << "the run that is under way takes it up";
  };
  submit(5 | 0x10);
  EXPECT_EQ(status(), 4242u);
  EXPECT_EQ(head(), tail);
}

TEST_F(vtd_queue, descriptors_are_traced) {
  trace_recorder recorder;
  const trace_subscription subscription = m.trace.subscribe(recorder, trace_class::queue);
  put(0xd2);
  put(0x200000025, status_word);
  ring();
  ASSERT_EQ(recorder.events().size(), 2u);
  const auto* e = recorder.events()[1].as<events::descriptor>();
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->unit, "dmar0");
  EXPECT_EQ(e->index, 1u);
  EXPECT_EQ(e->low, 0x200000025u);
  EXPECT_EQ(e->high, status_word);
  EXPECT_EQ(e->text, "wait status 0x2 at 0x3000000");
  EXPECT_EQ(recorder.events()[0].as<events::descriptor>()->text,
            "iotlb global domain 0 address 0x0 mask 0 drain reads drain writes");
}

TEST_F(vtd_queue, its_address_counts_when_it_is_enabled) {
  const uint64_t elsewhere = m.page();
  m.unit.write64(0x90, elsewhere);
  EXPECT_EQ(m.unit.read64(0x90), elsewhere);
  EXPECT_EQ(m.diagnosed(), names{"iqa_changed_while_enabled"});
  put_wait(9);
  ring();
  EXPECT_EQ(status(), 9u) << "from the latched address";

  m.command_off(qie);
  EXPECT_EQ(head(), 0u) << "the head goes back when the queue is off";
  m.unit.write32(0x88, 0);
  base = elsewhere;
  tail = 0;
  m.command(qie);
  put_wait(10);
  ring();
  EXPECT_EQ(status(), 10u);
}

TEST_F(vtd_queue, sizes_follow_the_size_field) {
  m.command_off(qie);
  m.unit.write32(0x88, 0);
  m.unit.write64(0x90, 0x3800000 | 2);  // four pages: 1024 descriptors
  m.command(qie);
  base = 0x3800000;
  for (uint64_t i = 0; i < 1022; ++i) {
    m.word(base + i * 16) = 0x12;
    m.word(base + i * 16 + 8) = 0;
  }
  m.word(base + uint64_t{1022} * 16) = (uint64_t{31} << 32) | 0x25;
  m.word(base + uint64_t{1022} * 16 + 8) = status_word;
  m.unit.write32(0x88, 1023 << 4);
  EXPECT_EQ(status(), 31u);
  EXPECT_EQ(head(), 1023u);
}

TEST_F(vtd_queue, a_tail_beyond_it_is_an_error) {
  m.unit.write32(0x88, 256 << 4);
  EXPECT_EQ(m.fsts(), 0x10u);
  EXPECT_EQ(m.diagnosed(), names{"queue_tail_invalid"});
}

TEST_F(vtd_queue, descriptors_outside_memory_are_an_error) {
  m.command_off(qie);
  m.unit.write32(0x88, 0);
  m.unit.write64(0x90, machine::ram_end);
  m.command(qie);
  m.unit.write32(0x88, 0x10);
  EXPECT_EQ(m.fsts(), 0x10u);
  EXPECT_EQ(head(), 0u);
  EXPECT_EQ(m.diagnosed(), names{"queue_address_invalid"});
}

TEST_F(vtd_queue, switching_it_on_or_off_at_the_wrong_moment_is_diagnosed) {
  submit(0xf);
  m.command_off(qie);
  EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::queue_disabled_while_busy));
  m.unit.write32(0x34, 0x10);
  m.unit.diagnoses().clear();
  m.word(base) = 0x12;
  m.command(qie);  // IQT is still 1
  EXPECT_EQ(m.diagnosed(), names{"queue_enabled_with_tail"});
  EXPECT_EQ(head(), 1u);
}

TEST_F(vtd_queue, nothing_moves_while_it_is_off) {
  m.command_off(qie);
  put_wait(3);
  ring();
  EXPECT_EQ(head(), 0u);
  EXPECT_EQ(status(), 0u);
}

TEST_F(vtd_queue, register_commands_never_complete_while_it_is_on) {
  warm();
  m.unit.diagnoses().clear();
  m.unit.write64(0xf8, bit(63) | (uint64_t{1} << 60));
  EXPECT_NE(m.unit.read64(0xf8) & bit(63), 0u);
  EXPECT_TRUE(m.read(nic, iova).ok()) << "not done";
  m.unit.write64(0x28, bit(63) | (uint64_t{1} << 61));
  EXPECT_NE(m.unit.read64(0x28) & bit(63), 0u);
  EXPECT_EQ(m.diagnosed(),
            (names{"register_invalidation_with_queue", "register_invalidation_with_queue"}));
  m.unit.diagnoses().clear();
  m.unit.write64(0x28, 0);
  EXPECT_EQ(m.diagnosed(), names{"invalidation_while_busy"});
}

TEST(vtd_queue_types, need_their_capabilities) {
  for (const uint64_t low : {3u, 4u}) {
    machine m;
    const uint64_t base = m.page();
    m.unit.write64(0x90, base);
    m.command(qie);
    m.word(base) = low;
    m.unit.write32(0x88, 0x10);
    EXPECT_EQ(m.fsts(), 0x10u) << low;
    EXPECT_EQ(m.diagnosed(), names{"descriptor_type_unsupported"});
  }
}

class fake_device_tlbs : public device_tlb_sink {
 public:
  struct call {
    uint16_t source;
    uint64_t address;
    uint64_t bytes;
    bool operator==(const call&) const = default;
  };
  device_tlb_reply invalidate(uint16_t source, uint64_t address, uint64_t bytes) override {
    calls.push_back({source, address, bytes});
    return reply;
  }
  std::vector<call> calls;
  device_tlb_reply reply = device_tlb_reply::done;
};

TEST_F(vtd_queue, device_tlb_descriptors_reach_the_device_with_their_range) {
  fake_device_tlbs devices;
  m.unit.set_device_tlbs(&devices);
  const uint64_t low = (uint64_t{0x0500} << 32) | 3;
  submit(low, 0x7000);
  submit(low, 0x8001);            // bit 12 clear: two pages
  submit(low, 0x10000 | 0x7001);  // three ones: sixteen pages
  submit(low, ~uint64_t{0xffe});  // all ones: everything
  const std::vector<fake_device_tlbs::call> expected = {{0x0500, 0x7000, 0x1000},
                                                        {0x0500, 0x8000, 0x2000},
                                                        {0x0500, 0x10000, 0x10000},
                                                        {0x0500, 0, 0}};
  EXPECT_EQ(devices.calls, expected);
}

TEST_F(vtd_queue, a_device_that_does_not_answer_aborts_the_wait) {
  fake_device_tlbs devices;
  m.unit.set_device_tlbs(&devices);
  devices.reply = device_tlb_reply::timed_out;
  put((uint64_t{0x0500} << 32) | 3, 0x7000);
  put_wait(1);
  put_wait(2);
  ring();
  EXPECT_EQ(m.fsts(), 0x40u) << "ITE";
  EXPECT_EQ(head(), 2u) << "past the aborted wait";
  EXPECT_EQ(status(), 0u);
  m.unit.write32(0x34, 0x40);
  EXPECT_EQ(m.fsts(), 0u);
  EXPECT_EQ(status(), 2u) << "the queue goes on";
  EXPECT_EQ(head(), tail);
}

TEST_F(vtd_queue, an_unexpected_answer_of_a_device_is_reported) {
  fake_device_tlbs devices;
  m.unit.set_device_tlbs(&devices);
  devices.reply = device_tlb_reply::completion_error;
  put((uint64_t{0x0500} << 32) | 3, 0x7000);
  put_wait(1);
  ring();
  EXPECT_EQ(m.fsts(), 0x20u) << "ICE";
  EXPECT_EQ(status(), 1u) << "the queue does not stop for it";
}

}  // namespace
}  // namespace iommulab::vtd_test::queue_test
