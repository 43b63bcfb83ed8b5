// SPDX-License-Identifier: GPL-2.0-only
//
// Access rules of every register, bit by bit. The table here is written from the specification's
// register pictures, not from the unit's own rows.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "machine.h"

namespace iommulab::vtd_test::registers_test {
namespace {

uint64_t bits(unsigned high, unsigned low) {
  uint64_t mask = 0;
  for (unsigned n = low; n <= high; ++n) mask |= bit(n);
  return mask;
}

struct expected_register {
  const char* name;
  uint32_t offset;
  unsigned size;
  uint64_t reset;
  uint64_t writable;  // reads back what was written
  uint64_t reserved;  // writing ones is diagnosed
  bool read_only = false;
};

constexpr unsigned haw = 39;

/// A unit with everything that the model has.
vtd_config rich() {
  vtd_config config;
  config.cap.set_protected_low_memory(true)
      .set_protected_high_memory(true)
      .set_required_write_buffer_flush(true)
      .set_number_of_fault_records(3);
  config.ecap.set_interrupt_remapping(true).set_extended_interrupt_mode(true).set_device_tlb(true);
  return config;
}

/// Registers whose bits can be tried without starting anything.
std::vector<expected_register> plain_registers(const vtd_config& config) {
  const uint64_t w32 = bits(31, 0);
  const uint64_t frames = bits(haw - 1, 12);
  return {
      {"VER", 0x00, 4, 0x10, 0, 0, true},
      {"CAP", 0x08, 8, config.cap.value(), 0, 0, true},
      {"ECAP", 0x10, 8, config.ecap.value(), 0, 0, true},
      {"GSTS", 0x1c, 4, 0, 0, 0, true},
      {"RTADDR", 0x20, 8, 0, frames | bits(11, 10), bits(63, haw) | bits(9, 0)},
      {"FEDATA", 0x3c, 4, 0, w32, 0},
      {"FEADDR", 0x40, 4, 0, bits(31, 2), bits(1, 0)},
      {"FEUADDR", 0x44, 4, 0, w32, 0},
      {"PLMBASE", 0x68, 4, 0, bits(31, 21), bits(20, 0)},
      {"PLMLIMIT", 0x6c, 4, 0, bits(31, 21), bits(20, 0)},
      {"PHMBASE", 0x70, 8, 0, bits(haw - 1, 21), bits(63, haw) | bits(20, 0)},
      {"PHMLIMIT", 0x78, 8, 0, bits(haw - 1, 21), bits(63, haw) | bits(20, 0)},
      {"IQH", 0x80, 8, 0, 0, 0, true},
      {"IQT", 0x88, 8, 0, bits(18, 4), bits(63, 19) | bits(3, 0)},
      {"IQA", 0x90, 8, 0, frames | bits(2, 0), bits(63, haw) | bits(11, 3)},
      {"IEDATA", 0xa4, 4, 0, w32, 0},
      {"IEADDR", 0xa8, 4, 0, bits(31, 2), bits(1, 0)},
      {"IEUADDR", 0xac, 4, 0, w32, 0},
      {"IRTA", 0xb8, 8, 0, frames | bits(11, 11) | bits(3, 0), bits(63, haw) | bits(10, 4)},
      {"IVA", 0xf0, 8, 0, bits(63, 12) | bits(6, 0), bits(11, 7)},
      {"FRCD0 low", 0x220, 8, 0, 0, 0, true},
      {"FRCD2 low", 0x240, 8, 0, 0, 0, true},
  };
}

uint64_t read(vtd_unit& unit, const expected_register& r) {
  return r.size == 8 ? unit.read64(r.offset) : unit.read32(r.offset);
}
void write(vtd_unit& unit, const expected_register& r, uint64_t value) {
  if (r.size == 8) {
    unit.write64(r.offset, value);
  } else {
    unit.write32(r.offset, static_cast<uint32_t>(value));
  }
}

TEST(vtd_registers, every_bit_reads_back_or_stays_or_is_diagnosed) {
  machine m(rich());
  for (const expected_register& r : plain_registers(m.unit.config())) {
    EXPECT_EQ(read(m.unit, r), r.reset) << r.name << " after reset";
    for (unsigned n = 0; n < r.size * 8; ++n) {
      m.unit.reset();
      write(m.unit, r, bit(n));
      const uint64_t expected = r.read_only ? r.reset : r.reset | (bit(n) & r.writable);
      EXPECT_EQ(read(m.unit, r), expected) << r.name << " bit " << n;
      std::vector<std::string> expected_names;
      if (r.read_only) {
        expected_names = {"write_to_read_only"};
      } else if ((r.reserved & bit(n)) != 0) {
        expected_names = {"reserved_bits_set"};
      }
      EXPECT_EQ(m.diagnosed(), expected_names) << r.name << " bit " << n;
      // The table accounts for each bit.
      EXPECT_EQ((r.writable | r.reserved) & bit(n), r.read_only ? 0 : bit(n)) << r.name << n;
    }
    m.unit.reset();
    write(m.unit, r, ~uint64_t{0});
    EXPECT_EQ(read(m.unit, r), r.read_only ? r.reset : r.writable) << r.name << " all ones";
    write(m.unit, r, 0);
    EXPECT_EQ(read(m.unit, r), r.read_only ? r.reset : 0) << r.name << " all zeros";
  }
}

TEST(vtd_registers, eight_byte_registers_can_be_written_by_halves) {
  machine m(rich());
  for (const expected_register& r : plain_registers(m.unit.config())) {
    if (r.size != 8 || r.read_only) continue;
    m.unit.reset();
    const uint64_t pattern = 0x0000005a9876d000 & r.writable;
    m.unit.write32(r.offset, static_cast<uint32_t>(pattern));
    EXPECT_EQ(m.unit.read64(r.offset), pattern & 0xffffffff) << r.name;
    m.unit.write32(r.offset + 4, static_cast<uint32_t>(pattern >> 32));
    EXPECT_EQ(m.unit.read64(r.offset), pattern) << r.name;
    EXPECT_EQ(m.unit.read32(r.offset), static_cast<uint32_t>(pattern)) << r.name;
    EXPECT_EQ(m.unit.read32(r.offset + 4), static_cast<uint32_t>(pattern >> 32)) << r.name;
    // IQT takes effect only with the queue on, IQA only at QIE: nothing to diagnose here.
    EXPECT_EQ(m.diagnosed(), std::vector<std::string>{}) << r.name;
  }
}

TEST(vtd_registers, event_controls_keep_mask_and_refuse_the_rest) {
  machine m;
  for (const uint32_t offset : {0x38u, 0xa0u}) {
    EXPECT_EQ(m.unit.read32(offset), 0x80000000u) << "masked after reset";
    m.unit.write32(offset, 0);
    EXPECT_EQ(m.unit.read32(offset), 0u);
    for (unsigned n = 0; n < 32; ++n) {
      m.unit.reset();
      m.unit.write32(offset, static_cast<uint32_t>(bit(n)));
      EXPECT_EQ(m.unit.read32(offset), n == 31 ? 0x80000000u : 0u) << n;
      const bool reserved = n < 30;  // IP, bit 30, is read-only and may be written back
      EXPECT_EQ(m.unit.diagnoses().has(vtd_diagnosis::reserved_bits_set), reserved) << n;
    }
  }
}

TEST(vtd_registers, fault_status_bits_are_set_by_hardware_alone) {
  machine m;
  for (unsigned n = 0; n < 32; ++n) {
    m.unit.reset();
    m.unit.write32(0x34, static_cast<uint32_t>(bit(n)));
    EXPECT_EQ(m.fsts(), 0u) << n;
    EXPECT_EQ(m.unit.diagnoses().has(vtd_diagnosis::reserved_bits_set), n == 7 || n > 15) << n;
  }
}

TEST(vtd_registers, command_registers_hold_their_parameters) {
  machine m;
  for (unsigned n = 0; n < 63; ++n) {  // not ICC, which is the command
    m.unit.reset();
    m.unit.write64(0x28, bit(n));
    const bool kept = n <= 33 || n == 61 || n == 62;
    EXPECT_EQ(m.unit.read64(0x28), kept ? bit(n) : 0) << "CCMD " << n;
    const bool reserved = n > 33 && n < 59;
    EXPECT_EQ(m.unit.diagnoses().has(vtd_diagnosis::reserved_bits_set), reserved) << n;
  }
  for (unsigned n = 0; n < 63; ++n) {
    m.unit.reset();
    m.unit.write64(0xf8, bit(n));
    const bool kept = (n >= 32 && n <= 49) || n == 60 || n == 61;
    EXPECT_EQ(m.unit.read64(0xf8), kept ? bit(n) : 0) << "IOTLB " << n;
    const bool reserved = !kept && n != 57 && n != 58;
    EXPECT_EQ(m.unit.diagnoses().has(vtd_diagnosis::reserved_bits_set), reserved) << n;
  }
}

TEST(vtd_registers, gcmd_reads_zero_and_reserves_its_low_bits) {
  machine m(rich());
  for (unsigned n = 0; n < 32; ++n) {
    m.unit.reset();
    m.unit.write32(0x18, static_cast<uint32_t>(bit(n)));
    EXPECT_EQ(m.unit.read32(0x18), 0u) << n;
    EXPECT_EQ(m.unit.diagnoses().has(vtd_diagnosis::reserved_bits_set), n < 23) << n;
  }
}

TEST(vtd_registers, pmen_reflects_its_enable_in_its_status) {
  machine m(rich());
  m.unit.write32(0x64, 0x80000000);
  EXPECT_EQ(m.unit.read32(0x64), 0x80000001u);
  m.unit.write32(0x64, 0);
  EXPECT_EQ(m.unit.read32(0x64), 0u);
  m.unit.write32(0x64, 1);
  EXPECT_EQ(m.unit.read32(0x64), 0u) << "the status cannot be written";
  m.unit.diagnoses().clear();
  m.unit.write32(0x64, 2);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"reserved_bits_set"});
}

TEST(vtd_registers, what_the_capabilities_leave_out_reads_zero_and_takes_only_zeros) {
  vtd_config config;
  config.ecap.set_queued_invalidation(false);
  machine m(config);
  const std::pair<uint32_t, unsigned> absent[] = {
      {0x58, 8}, {0x64, 4}, {0x68, 4}, {0x6c, 4}, {0x70, 8}, {0x78, 8}, {0x80, 8}, {0x88, 8},
      {0x90, 8}, {0x9c, 4}, {0xa0, 4}, {0xa4, 4}, {0xa8, 4}, {0xac, 4}, {0xb8, 8}};
  for (const auto& [offset, size] : absent) {
    m.unit.reset();
    const expected_register r{"", offset, size, 0, 0, 0};
    EXPECT_EQ(read(m.unit, r), 0u) << std::hex << offset;
    write(m.unit, r, 0);
    EXPECT_EQ(m.diagnosed(), std::vector<std::string>{}) << std::hex << offset;
    write(m.unit, r, 0x80001000);
    EXPECT_EQ(read(m.unit, r), 0u) << std::hex << offset;
    EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"register_not_implemented"})
        << std::hex << offset;
  }
}

TEST(vtd_registers, an_unaligned_read_gives_the_bytes_that_lie_there) {
  machine m;
  m.unit.write64(0x20, 0x7654321000);
  // 4.4's dmar_disable_qi() reads eight bytes at GSTS: status below, half of RTADDR above.
  m.unit.write32(0x18, srtp);
  EXPECT_EQ(m.unit.read64(0x1c), (uint64_t{0x54321000} << 32) | srtp);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"unaligned_access"});
  EXPECT_EQ(m.unit.read32(0x22), 0x00765432u);
  EXPECT_EQ(m.unit.read32(0x0a), static_cast<uint32_t>(m.unit.config().cap.value() >> 16));
}

TEST(vtd_registers, an_unaligned_write_reaches_each_register_by_its_own_rules) {
  machine m;
  // Four bytes at 0x3e: the upper half of FEDATA and the lower half of FEADDR.
  m.unit.write32(0x3e, 0xffff1234);
  EXPECT_EQ(m.unit.read32(0x3c), 0x12340000u);
  EXPECT_EQ(m.unit.read32(0x40), 0x0000fffcu);
  EXPECT_EQ(m.diagnosed(), (std::vector<std::string>{"unaligned_access", "reserved_bits_set"}));
}

// What cannot be written does not keep the bytes behind it from their register: GSTS is read-only,
// no register is at 60h.
TEST(vtd_registers, bytes_that_reach_nothing_do_not_stop_those_behind_them) {
  machine m(rich());
  m.unit.write64(0x1c, 0x54321000ffffffff);
  EXPECT_EQ(m.unit.read64(0x20), 0x54321000u);
  EXPECT_EQ(m.gsts(), 0u);
  m.unit.write64(0x60, 0x80000000ffffffff);
  EXPECT_EQ(m.unit.read32(0x64), 0x80000001u);
  EXPECT_EQ(m.unit.read64(0x60), 0x8000000100000000u);
}

TEST(vtd_registers, eight_bytes_on_two_registers_reach_both) {
  machine m;
  m.unit.write64(0x40, 0x00000001fee00000);
  EXPECT_EQ(m.unit.read32(0x40), 0xfee00000u);
  EXPECT_EQ(m.unit.read32(0x44), 1u);
  EXPECT_EQ(m.unit.read64(0x40), 0x00000001fee00000u);
  EXPECT_EQ(m.diagnosed(), (std::vector<std::string>{"access_too_wide", "access_too_wide"}));
}

TEST(vtd_registers, holes_read_zero_and_beyond_the_window_everything_reads_ones) {
  machine m;
  EXPECT_EQ(m.unit.size(), 0x1000u);
  EXPECT_EQ(m.unit.read32(0xc0), 0u);
  m.unit.write32(0x300, 5);
  EXPECT_EQ(m.unit.read32(0x300), 0u);
  EXPECT_EQ(m.diagnosed(),
            (std::vector<std::string>{"reserved_offset", "reserved_offset", "reserved_offset"}));
  m.unit.diagnoses().clear();
  EXPECT_EQ(m.unit.read32(0x1000), 0xffffffffu);
  EXPECT_EQ(m.unit.read64(0xffc), ~uint64_t{0}) << "the last four bytes are outside";
  EXPECT_EQ(m.unit.read64(~uint64_t{0}), ~uint64_t{0});
  m.unit.write64(0xffc, 1);
  EXPECT_EQ(m.diagnosed(), (std::vector<std::string>{"outside_window", "outside_window",
                                                     "outside_window", "outside_window"}));
}

// A diagnosis says in words what it is of, and whether it was a read or a write.
TEST(vtd_registers, diagnoses_say_what_was_done) {
  const auto said = [](auto access) {
    machine m;
    access(m.unit);
    const auto& entries = m.unit.diagnoses().entries();
    if (entries.empty()) return std::string("no diagnosis");
    const std::string& sentence = entries.front().sentence;  // "dmar0: offset …, value …: WORDS"
    return sentence.substr(sentence.rfind(": ") + 2);
  };
  EXPECT_EQ(said([](vtd_unit& u) { u.read64(0x1c); }),
            "8 bytes read at an offset that is no multiple of 8");
  EXPECT_EQ(said([](vtd_unit& u) { u.write64(0x1c, 0); }),
            "8 bytes written at an offset that is no multiple of 8");
  EXPECT_EQ(said([](vtd_unit& u) { u.read32(0x300); }), "4 bytes read where no register is");
  EXPECT_EQ(said([](vtd_unit& u) { u.write32(0x300, 0); }), "4 bytes written where no register is");
  EXPECT_EQ(said([](vtd_unit& u) { u.read64(0x40); }), "8 bytes read on 4-byte registers");
  EXPECT_EQ(said([](vtd_unit& u) { u.write64(0x40, 0); }), "8 bytes written on 4-byte registers");
  EXPECT_EQ(said([](vtd_unit& u) { u.read32(0x1000); }), "4 bytes read beyond the registers");
  EXPECT_EQ(said([](vtd_unit& u) { u.write32(0x1000, 0); }),
            "4 bytes written beyond the registers");
}

TEST(vtd_registers, sizes_follow_the_capabilities) {
  vtd_config config;
  config.cap.set_fault_recording_offset(0x400).set_number_of_fault_records(16);
  config.ecap.set_iotlb_offset(0x200);
  machine m(config);
  m.unit.write64(0x200, 0xabcde000);
  EXPECT_EQ(m.unit.read64(0x200), 0xabcde000u);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{});
  EXPECT_EQ(m.unit.read64(0x4f8), 0u) << "the last record";
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{});
  EXPECT_EQ(m.unit.read64(0x500), 0u);
  EXPECT_EQ(m.diagnosed(), std::vector<std::string>{"reserved_offset"});
}

TEST(vtd_registers, reset_restores_everything) {
  machine m(rich());
  m.start();
  m.unit.write64(0x90, 0x200000);
  m.command(qie);
  m.unit.write32(0x3c, 0x41);
  m.unit.write32(0x38, 0);
  (void)m.read(nic, 0x1000);
  ASSERT_NE(m.fsts(), 0u);
  m.unit.reset();
  for (const expected_register& r : plain_registers(m.unit.config())) {
    EXPECT_EQ(read(m.unit, r), r.reset) << r.name;
  }
  EXPECT_EQ(m.fsts(), 0u);
  EXPECT_EQ(m.record_high(), 0u);
  EXPECT_EQ(m.unit.read32(0x38), 0x80000000u);
  EXPECT_EQ(m.read(nic, 0x1000).outcome, dma_outcome::passed);
}

TEST(diagnoses, are_bounded_counted_and_traced) {
  machine m;
  trace_recorder recorder;
  const trace_subscription subscription = m.trace.subscribe(recorder, trace_class::faults);
  const size_t many = diagnosis_log::capacity + 10;
  for (size_t i = 0; i < many; ++i) m.unit.write32(0x00, static_cast<uint32_t>(i));
  EXPECT_EQ(m.unit.diagnoses().entries().size(), diagnosis_log::capacity);
  EXPECT_EQ(m.unit.diagnoses().total(), many);
  ASSERT_EQ(recorder.events().size(), many);
  const auto* last = recorder.events().back().as<events::diagnosis>();
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->name, "write_to_read_only");
  EXPECT_EQ(last->unit, "dmar0");
  EXPECT_EQ(last->value, many - 1);
  EXPECT_EQ(last->text, "dmar0: offset 0x0, value 0x109: VER is read-only");
  m.unit.diagnoses().clear();
  EXPECT_EQ(m.unit.diagnoses().total(), 0u);
}

TEST(vtd_units, share_nothing) {
  vtd_config second;
  second.name = "dmar1";
  machine a;
  machine b(second);
  a.start();
  EXPECT_EQ(b.gsts(), 0u);
  EXPECT_EQ(a.read(nic, 0x1000).outcome, dma_outcome::blocked);
  EXPECT_EQ(b.read(nic, 0x1000).outcome, dma_outcome::passed);
  EXPECT_EQ(b.fsts(), 0u);
}

}  // namespace
}  // namespace iommulab::vtd_test::registers_test
