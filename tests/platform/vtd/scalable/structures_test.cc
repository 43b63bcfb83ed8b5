// SPDX-License-Identifier: GPL-2.0-only
//
// Root entry, context entry, PASID directory and PASID table of scalable mode: where each lies,
// which bits are reserved, and the condition that each mistake is reported under. Sections are
// those of the VT-d specification 3.0; conditions those of its table in 7.1.3.
#include "scalable_machine.h"

namespace iommulab::vtd_test::structures_test {
namespace {

constexpr uint64_t iova = 0x12345000;
constexpr uint64_t target = 0x800000;

/// The nic in second level, domain 5, with one page at `iova`.
struct mapped : scalable_machine {
  uint64_t top = page();
  explicit mapped(vtd_config config = everything()) : scalable_machine(std::move(config)) {
    map(top, 3, iova, target | pte_read | pte_write);
    set_pasid(nic, 0, second(top, 5));
  }
};

uint64_t bits(unsigned high, unsigned low) {
  return ((high == 63 ? 0 : uint64_t{1} << (high + 1)) - (uint64_t{1} << low));
}

TEST(vtd_scalable_structures, a_page_is_found) {  // 3.4.3
  mapped m;
  m.start();
  const auto read = m.read(nic, iova + 8);
  EXPECT_EQ(read.outcome, dma_outcome::translated);
  EXPECT_EQ(read.address, target + 8);
  EXPECT_EQ(m.fault(), 0u);
}

TEST(vtd_scalable_structures, the_recorded_entries_are_what_they_are_taken_for) {
  // Context 00:03.0 of a kernel 6.12: directory 5c91000h, PDTS 2; PASID table entry: second level
  // 631f000h, 39 bits, domain 3.
  scalable_machine m;
  const uint64_t dir = m.page();
  const uint64_t table = m.page();
  const uint64_t top = m.page();
  m.set_scalable_context(nic, dir | 0x401);
  m.word(dir) = table | 1;
  m.word(table) = top | 0x85;
  m.word(table + 8) = 3;
  m.map(top, 3, iova, target | 3);
  m.start();
  EXPECT_EQ(m.read(nic, iova).address, target);
}

TEST(vtd_scalable_structures, each_half_of_a_root_entry_has_its_own_present_bit) {  // 9.2
  constexpr uint16_t upper_device = 0x0080;                                         // 00:10.0
  constexpr uint16_t last_lower = 0x007f;                                           // 00:0f.7
  mapped m;
  m.start();
  EXPECT_FALSE(m.read(upper_device, iova).ok());
  EXPECT_EQ(m.fault(), 0x39u);  // SRT.2
  m.set_pasid(upper_device, 0, mapped::second(m.top, 5));
  EXPECT_TRUE(m.read(upper_device, iova).ok());
  EXPECT_FALSE(m.read(last_lower, iova).ok());
  EXPECT_EQ(m.fault(), 0x41u);  // SCT.2: the table is there
}

TEST(vtd_scalable_structures, context_entries_take_32_bytes) {  // 9.4
  mapped m;
  const uint64_t table = m.word(m.root) & ~uint64_t{0xfff};
  EXPECT_NE(m.word(table + 0x18 * 32), 0u);
  m.start();
  EXPECT_TRUE(m.read(nic, iova).ok());
}

TEST(vtd_scalable_structures, reserved_bits_of_a_root_entry) {  // 9.2, SRT.3
  const uint64_t reserved = bits(11, 1) | bits(63, host_width);
  for (unsigned n = 1; n < 64; ++n) {
    mapped m;
    m.word(m.root_word(nic)) |= bit(n);
    m.start();
    const bool refused = !m.read(nic, iova).ok();
    const unsigned reason = m.fault();
    if ((reserved & bit(n)) != 0) {
      EXPECT_TRUE(refused) << n;
      EXPECT_EQ(reason, 0x3au) << n;
    } else {
      EXPECT_NE(reason, 0x3au) << n;
    }
  }
}

TEST(vtd_scalable_structures, the_other_half_of_a_root_entry_does_not_matter) {  // 9.2
  mapped m;
  m.word(m.root + 8) = 0xffe | bit(63);
  m.start();
  EXPECT_TRUE(m.read(nic, iova).ok());
}

TEST(vtd_scalable_structures, tables_outside_memory) {  // SRT.1, SCT.1, SPD.1, SPT.1
  constexpr uint64_t nowhere = 0x3000000000;
  {
    mapped m;
    m.root = nowhere;
    m.start();
    EXPECT_FALSE(m.read(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x38u);
  }
  {
    mapped m;
    m.word(m.root_word(nic)) = nowhere | 1;
    m.start();
    EXPECT_FALSE(m.read(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x40u);
  }
  {
    mapped m;
    m.set_scalable_context(nic, nowhere | 1);
    m.start();
    EXPECT_FALSE(m.read(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x50u);
  }
  {
    mapped m;
    m.word(m.directory_word(nic, 0)) = nowhere | 1;
    m.start();
    EXPECT_FALSE(m.read(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x58u);
  }
}

TEST(vtd_scalable_structures, nothing_present) {  // SRT.2, SCT.2, SPD.2, SPT.2
  mapped m;
  m.start();
  EXPECT_FALSE(m.read(far_bus, iova).ok());
  EXPECT_EQ(m.fault(), 0x39u);
  EXPECT_FALSE(m.read(0x0010, iova).ok());
  EXPECT_EQ(m.fault(), 0x41u);
  EXPECT_FALSE(m.read_pasid(nic, 64, iova).ok());  // the second table of the directory
  EXPECT_EQ(m.fault(), 0x51u);
  EXPECT_FALSE(m.read_pasid(nic, 63, iova).ok());  // the last entry of the first
  EXPECT_EQ(m.fault(), 0x59u);
}

TEST(vtd_scalable_structures, reserved_bits_of_a_context_entry) {  // 9.4, SCT.3
  const std::array<uint64_t, 4> reserved = {bits(8, 5) | bits(63, host_width), bits(63, 21),
                                            bits(63, 0), bits(63, 0)};
  for (unsigned w = 0; w < 4; ++w) {
    for (unsigned n = w == 0 ? 1 : 0; n < 64; ++n) {
      mapped m;
      m.word(m.scalable_context(nic) + 8 * w) |= bit(n);
      m.start();
      m.read(nic, iova);
      EXPECT_EQ(m.fault() == 0x42, (reserved[w] & bit(n)) != 0) << "word " << w << " bit " << n;
    }
  }
}

TEST(vtd_scalable_structures, bits_of_a_context_entry_without_their_capability) {  // 9.4
  struct row {
    const char* what;
    unsigned word;
    uint64_t value;
    vtd::ecap_register& (*clear)(vtd::ecap_register&);
  };
  using ecap = vtd::ecap_register;
  const row rows[] = {
      {"DTE", 0, 4,
       [](ecap& e) -> ecap& { return e.set_page_requests(false).set_device_tlb(false); }},
      {"PASIDE", 0, 8, [](ecap& e) -> ecap& { return e.set_pasid_bits(0); }},
      {"PRE", 0, 4 | 0x10, [](ecap& e) -> ecap& { return e.set_page_requests(false); }},
      {"RID_PASID", 1, 1, [](ecap& e) -> ecap& { return e.set_rid_pasid(false); }},
      {"RID_PRIV", 1, 1 << 20, [](ecap& e) -> ecap& { return e.set_rid_privilege(false); }},
  };
  for (const row& r : rows) {
    for (const bool capable : {true, false}) {
      vtd_config config = everything();
      if (!capable) r.clear(config.ecap);
      mapped m(config);
      const uint64_t dir = m.directory(nic);
      const uint64_t q1 = r.word == 1 ? r.value : 0;
      m.set_scalable_context(nic, dir | (7 << 9) | (r.word == 0 ? r.value : 0) | 1, q1);
      m.start();
      m.read(nic, iova);
      EXPECT_EQ(m.fault() == 0x42, !capable) << r.what;
    }
  }
}

TEST(vtd_scalable_structures, a_context_entry_that_contradicts_itself) {  // SCT.4
  mapped m;
  const uint64_t dir = m.directory(nic);
  m.set_scalable_context(nic, dir | (7 << 9) | 0x10 | 1);  // PRE without DTE
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x43u);
  m.set_scalable_context(nic, dir | (0 << 9) | 1, 128 * 64);  // PDTS 0: 2^7 tables of 64
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x43u);
  m.set_scalable_context(nic, dir | (0 << 9) | 1, 128 * 64 - 1);
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x51u);  // only that nothing is there
}

TEST(vtd_scalable_structures, requests_of_a_device_tlb_need_dte) {  // SCT.5
  mapped m;
  m.set_scalable_context(nic, m.directory(nic) | (7 << 9) | 1);
  m.start();
  for (const auto type : {address_type::translation_request, address_type::translated}) {
    EXPECT_FALSE(m.ask(nic, iova, dma_access::read, 8, type).ok());
    EXPECT_EQ(m.fault(), 0x44u);
  }
}

TEST(vtd_scalable_structures, a_translated_request_passes) {  // 4.2.3
  mapped m;
  m.start();
  const auto given = m.ask(nic, iova, dma_access::read, 8, address_type::translation_request);
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(given.address, target);
  EXPECT_TRUE(given.writable);
  const auto used = m.ask(nic, given.address, dma_access::write, 8, address_type::translated);
  EXPECT_EQ(used.outcome, dma_outcome::passed);
  EXPECT_EQ(used.address, target);
  EXPECT_FALSE(m.ask(nic, bit(host_width), dma_access::read, 8, address_type::translated).ok());
  EXPECT_EQ(m.fault(), 0x83u);  // SGN.4
}

TEST(vtd_scalable_structures, which_pasids_a_request_may_have) {  // SCT.6, SCT.7, SCT.9, SGN.10
  vtd_config config = everything();
  config.ecap.set_pasid_bits(14);
  mapped m(config);
  const uint64_t dir = m.directory(nic);
  m.start();
  m.set_scalable_context(nic, dir | (7 << 9) | 1);
  EXPECT_FALSE(m.read_pasid(nic, 1, iova).ok());
  EXPECT_EQ(m.fault(), 0x45u);  // PASIDE is clear
  m.set_scalable_context(nic, dir | (0 << 9) | 8 | 1);
  m.flush_all_contexts();
  EXPECT_FALSE(m.read_pasid(nic, 0, iova).ok());
  EXPECT_EQ(m.fault(), 0x48u);  // that is RID_PASID
  EXPECT_FALSE(m.read_pasid(nic, 8191, iova).ok());
  EXPECT_EQ(m.fault(), 0x51u);
  EXPECT_FALSE(m.read_pasid(nic, 8192, iova).ok());
  EXPECT_EQ(m.fault(), 0x46u);  // beyond PDTS
  EXPECT_FALSE(m.read_pasid(nic, 1 << 14, iova).ok());
  EXPECT_EQ(m.fault(), 0x89u);  // beyond PSS
}

TEST(vtd_scalable_structures, requests_without_pasid_have_that_of_the_context_entry) {  // 3.4.3
  mapped m;
  constexpr uint32_t rid_pasid = 0x1234;
  m.set_pasid(nic, rid_pasid, mapped::second(m.top, 6));
  m.map(m.top, 3, iova + 0x1000, (target + 0x5000) | 1);
  m.set_pasid(nic, 0, {});
  const uint64_t dir = m.directory(nic);
  m.set_scalable_context(nic, dir | (7 << 9) | 1, rid_pasid);
  m.start();
  EXPECT_EQ(m.read(nic, iova + 0x1000).address, target + 0x5000);
}

TEST(vtd_scalable_structures, reserved_bits_of_a_directory_entry) {  // 9.5, SPD.3
  const uint64_t reserved = bits(11, 2) | bits(63, host_width);
  for (unsigned n = 1; n < 64; ++n) {
    mapped m;
    m.word(m.directory_word(nic, 0)) |= bit(n);
    m.start();
    m.read(nic, iova);
    EXPECT_EQ(m.fault() == 0x52, (reserved & bit(n)) != 0) << n;
  }
}

TEST(vtd_scalable_structures, a_directory_entry_holds_64_pasids) {  // 9.5
  mapped m;
  m.set_pasid(nic, 0xabcde, mapped::second(m.top, 5));
  const uint64_t dir = m.directory(nic);
  EXPECT_NE(m.word(dir + (0xabcde / 64) * 8), 0u);
  m.start();
  EXPECT_EQ(m.read_pasid(nic, 0xabcde, iova).address, target);
}

TEST(vtd_scalable_structures, reserved_bits_of_a_table_entry) {  // 9.6, SPT.3
  // Memory types (MTS) and second-level execution (SLEE) are not the unit's.
  const std::array<uint64_t, 8> reserved = {bits(5, 5) | bits(11, 10) | bits(63, host_width),
                                            bits(22, 16) | bits(63, 25),
                                            bits(11, 8) | bits(63, host_width),
                                            bits(63, 0),
                                            bits(63, 0),
                                            bits(63, 0),
                                            bits(63, 0),
                                            bits(63, 0)};
  for (unsigned w = 0; w < 8; ++w) {
    for (unsigned n = w == 0 ? 1 : 0; n < 64; ++n) {
      mapped m;
      m.word(m.pasid_entry(nic, 0) + 8 * w) |= bit(n);
      m.start();
      m.read(nic, iova);
      EXPECT_EQ(m.fault() == 0x5a, (reserved[w] & bit(n)) != 0) << "word " << w << " bit " << n;
    }
  }
}

TEST(vtd_scalable_structures, bits_of_a_table_entry_without_their_capability) {  // 9.6
  struct row {
    const char* what;
    unsigned word;
    uint64_t value;
    vtd::ecap_register& (*clear)(vtd::ecap_register&);
  };
  using ecap = vtd::ecap_register;
  const row rows[] = {
      {"SLADE", 0, slade, [](ecap& e) -> ecap& { return e.set_second_level_dirty(false); }},
      {"PWSNP", 1, pwsnp,
       [](ecap& e) -> ecap& { return e.set_scalable_page_walk_coherency(false); }},
      {"PGSNP", 1, pgsnp, [](ecap& e) -> ecap& { return e.set_snoop_control(false); }},
      {"SRE", 2, sre, [](ecap& e) -> ecap& { return e.set_supervisor_requests(false); }},
      {"ERE", 2, ere, [](ecap& e) -> ecap& { return e.set_execute_requests(false); }},
      {"EAFE", 2, eafe, [](ecap& e) -> ecap& { return e.set_extended_accessed_flag(false); }},
  };
  for (const row& r : rows) {
    for (const bool capable : {true, false}) {
      vtd_config config = everything();
      if (!capable) r.clear(config.ecap);
      mapped m(config);
      m.word(m.pasid_entry(nic, 0) + 8 * r.word) |= r.value;
      m.start();
      m.read(nic, iova);
      EXPECT_EQ(m.fault() == 0x5a, !capable) << r.what;
    }
  }
}

TEST(vtd_scalable_structures, domain_ids_that_the_unit_does_not_have_are_reserved) {  // 9.6
  vtd_config config = everything();
  config.cap.set_number_of_domains(256);
  mapped m(config);
  m.set_pasid(nic, 0, mapped::second(m.top, 256));
  m.set_pasid(nic, 1, mapped::second(m.top, 255));
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x5au);
  EXPECT_TRUE(m.read_pasid(nic, 1, iova).ok());
}

TEST(vtd_scalable_structures, types_of_translation_that_are_reserved) {  // 9.6, SPT.4
  for (uint64_t pgtt = 0; pgtt < 8; ++pgtt) {
    mapped m;
    const uint64_t at = m.pasid_entry(nic, 0);
    m.word(at) = (m.word(at) & ~uint64_t{0x1c0}) | pgtt << 6;
    m.start();
    m.read(nic, iova);
    EXPECT_EQ(m.fault() == 0x5b, pgtt == 0 || pgtt > 4) << pgtt;
  }
}

TEST(vtd_scalable_structures, types_of_translation_without_their_capability) {  // SPT.4
  for (const uint64_t pgtt : {first_level, second_level, nested, pass_through}) {
    vtd_config config = everything();
    config.ecap.set_nested_translation(false);
    if (pgtt == first_level) config.ecap.set_first_level(false);
    if (pgtt == second_level) config.ecap.set_second_level(false);
    if (pgtt == pass_through) config.ecap.set_pass_through(false);
    if (pgtt == first_level) config.cap.set_first_level_5_levels(false);
    ASSERT_TRUE(check(config).ok());
    mapped m(config);
    const uint64_t at = m.pasid_entry(nic, 0);
    m.word(at) = (m.word(at) & ~uint64_t{0x1c0}) | pgtt << 6;
    m.start();
    EXPECT_FALSE(m.read(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x5bu) << pgtt;
  }
}

TEST(vtd_scalable_structures, widths_of_the_second_level) {  // 9.6 AW, SPT.4
  for (uint64_t aw = 0; aw < 8; ++aw) {
    mapped m;
    const uint64_t at = m.pasid_entry(nic, 0);
    m.word(at) = (m.word(at) & ~uint64_t{0x1c}) | aw << 2;
    m.start();
    m.read(nic, iova);
    EXPECT_EQ(m.fault() == 0x5b, aw == 0 || aw > 3) << aw;  // SAGAW has 1, 2 and 3
  }
}

TEST(vtd_scalable_structures, the_width_does_not_matter_where_there_is_no_second_level) {  // 9.6
  mapped m;
  m.set_pasid(nic, 0, mapped::pass(5));
  m.word(m.pasid_entry(nic, 0)) |= 7u << 2;
  m.start();
  EXPECT_EQ(m.read(nic, target).address, target);
}

TEST(vtd_scalable_structures, levels_of_the_first_level) {  // 9.6 FLPM, SPT.4
  for (const bool five : {true, false}) {
    for (uint64_t mode = 0; mode < 4; ++mode) {
      vtd_config config = everything();
      config.cap.set_first_level_5_levels(five);
      scalable_machine m(config);
      m.set_pasid(nic, 0, scalable_machine::first(m.page(), 5, mode << 2));
      m.start();
      m.read(nic, iova);
      EXPECT_EQ(m.fault() == 0x5b, mode > 1 || (mode == 1 && !five)) << mode << five;
    }
  }
}

TEST(vtd_scalable_structures, a_guest_table_beyond_the_second_level) {  // SPT.4
  mapped m;
  m.set_pasid(nic, 0, mapped::nest(bit(39), m.top, 5, 3));
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x5bu);
}

TEST(vtd_scalable_structures, privileged_requests_need_sre) {  // SPT.6
  mapped m;
  m.set_pasid(nic, 1, mapped::second(m.top, 5));
  m.start();
  EXPECT_FALSE(m.ask_pasid(nic, 1, iova, dma_access::read, true).ok());
  EXPECT_EQ(m.fault(), 0x5du);
  m.word(m.pasid_entry(nic, 1) + 16) = sre;
  m.flush_pasid(5, 1);
  EXPECT_TRUE(m.ask_pasid(nic, 1, iova, dma_access::read, true).ok());
}

TEST(vtd_scalable_structures, requests_without_pasid_are_privileged_by_rid_priv) {  // 9.4
  mapped m;
  m.word(m.scalable_context(nic) + 8) = 1 << 20;
  m.start();
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x5du);
}

TEST(vtd_scalable_structures, execute_requests_need_ere) {  // SPT.5
  mapped m;
  m.set_pasid(nic, 1, mapped::second(m.top, 5));
  m.start();
  EXPECT_FALSE(m.ask_pasid(nic, 1, iova, dma_access::read, false, true).ok());
  EXPECT_EQ(m.fault(), 0x5cu);
  m.word(m.pasid_entry(nic, 1) + 16) = ere;
  m.flush_pasid(5, 1);
  EXPECT_TRUE(m.ask_pasid(nic, 1, iova, dma_access::read, false, true).ok());
}

TEST(vtd_scalable_structures, fault_processing_disabled) {  // 9.4, 9.5, 9.6: FPD at each step
  const auto silent = [](auto arrange) {
    mapped m;
    arrange(m);
    m.start();
    EXPECT_FALSE(m.read(nic, iova + 0x1000).ok());
    return m.fault() == 0;
  };
  EXPECT_FALSE(silent([](mapped&) {}));
  EXPECT_TRUE(silent([](mapped& m) { m.word(m.scalable_context(nic)) |= 2; }));
  EXPECT_TRUE(silent([](mapped& m) { m.word(m.directory_word(nic, 0)) |= 2; }));
  EXPECT_TRUE(silent([](mapped& m) { m.word(m.pasid_entry(nic, 0)) |= 2; }));
  // An entry that is not present has FPD too: a driver leaves it so when it takes one away.
  EXPECT_TRUE(silent([](mapped& m) { m.set_pasid(nic, 0, {2}); }));
  EXPECT_TRUE(silent([](mapped& m) { m.word(m.directory_word(nic, 0)) = 2; }));
  EXPECT_TRUE(silent([](mapped& m) { m.word(m.scalable_context(nic)) = 2; }));
  // Before the context entry nobody knows of FPD.
  EXPECT_FALSE(silent([](mapped& m) { m.word(m.root_word(nic)) = 0x3000000003; }));
}

TEST(vtd_scalable_structures, the_fault_record_has_the_pasid) {  // 11.4.14: PP, PV, EXE, PRIV
  mapped m;
  m.set_pasid(nic, 0x54321, mapped::second(m.top, 5));
  m.word(m.pasid_entry(nic, 0x54321) + 16) = sre | ere;
  m.start();
  EXPECT_FALSE(m.ask_pasid(nic, 0x54321, 0xabc000, dma_access::read, true, true).ok());
  const uint64_t high = m.record_high();
  EXPECT_EQ(m.record_low(), 0xabc000u);
  EXPECT_EQ(high & 0xffff, uint64_t{nic});
  EXPECT_NE(high & bit(31), 0u);  // PP
  EXPECT_NE(high & bit(30), 0u);  // EXE
  EXPECT_NE(high & bit(29), 0u);  // PRIV
  EXPECT_EQ((high >> 40) & 0xfffff, 0x54321u);
  EXPECT_NE(high & bit(62), 0u);  // a read
  m.clear_faults();
  EXPECT_FALSE(m.read(nic, 0xabc000).ok());
  EXPECT_EQ(m.record_high() & (bit(31) | bit(30) | bit(29)), 0u);
  EXPECT_EQ((m.record_high() >> 40) & 0xfffff, 0u);
}

TEST(vtd_scalable_structures, a_pasid_in_legacy_mode) {  // RTA.2
  mapped m;
  m.start(0);
  EXPECT_FALSE(m.read_pasid(nic, 1, iova).ok());
  EXPECT_EQ(m.fault(), 0x31u);
}

TEST(vtd_scalable_structures, abort_dma_mode) {  // RTA.4, 3.4.4 of later revisions
  mapped m;
  m.start(mapped::abort_dma);
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_EQ(m.fault(), 0x33u);
  EXPECT_FALSE(m.read_pasid(nic, 1, iova).ok());
  EXPECT_EQ(m.fault(), 0x33u);
  // Interrupts are no DMA.
  EXPECT_EQ(m.ask(nic, 0xfee00000, dma_access::write, 4).outcome, dma_outcome::interrupt);
}

TEST(vtd_scalable_structures, modes_that_the_unit_does_not_have) {  // RTA.1
  vtd_config config = everything();
  config.ecap.set_abort_dma_mode(false);
  mapped m(config);
  for (const uint64_t mode : {uint64_t{2} << 10, uint64_t{3} << 10}) {
    m.set_root(m.root | mode);
    m.command(te);
    EXPECT_FALSE(m.read(nic, iova).ok());
    EXPECT_EQ(m.fault(), 0x30u);
    EXPECT_TRUE(m.unit.diagnoses().has(vtd_diagnosis::rtaddr_mode_unsupported));
    m.command_off(te);
  }
}

TEST(vtd_scalable_structures, while_translation_is_off) {  // 11.4.4, TE
  mapped m;
  m.set_root(m.root | mapped::scalable);
  EXPECT_EQ(m.read(nic, iova).address, iova);
  EXPECT_FALSE(m.read_pasid(nic, 1, iova).ok());
  EXPECT_EQ(m.fault(), 0u);
}

TEST(vtd_scalable_structures, the_mode_is_latched_with_the_root) {  // 11.4.4, SRTP
  mapped m;
  m.start();
  m.unit.write64(0x20, m.root);  // legacy, and nobody set it
  EXPECT_TRUE(m.read(nic, iova).ok());
  m.set_root(m.root);
  EXPECT_FALSE(m.read(nic, iova).ok());
  EXPECT_LT(m.fault(), 0x30u);  // by legacy mode's entries
}

TEST(vtd_scalable_structures, what_a_unit_cannot_be) {
  const auto refused = [](auto change) {
    vtd_config config = everything();
    change(config);
    return !check(config).ok();
  };
  EXPECT_FALSE(refused([](vtd_config&) {}));
  EXPECT_TRUE(refused([](vtd_config& c) {
    c.ecap.set_queued_invalidation(false).set_interrupt_remapping(false).set_device_tlb(false);
  }));
  EXPECT_TRUE(refused([](vtd_config& c) { c.ecap.set_first_level(false); }));  // NEST is left
  EXPECT_TRUE(refused([](vtd_config& c) { c.ecap.set_pasid_bits(21); }));
  EXPECT_TRUE(refused([](vtd_config& c) {
    c.ecap.set_first_level(false).set_second_level(false).set_nested_translation(false);
  }));
}

TEST(vtd_scalable_structures, as_the_recorded_unit_reports_faults) {
  // A read of abc000h that nothing is mapped for, recorded on QEMU 7.2: reason 06, and PASID 0
  // although the request had none: FRCD = 0000_0000_00abc000h, c000_0006_8000_0018h.
  vtd_config config = everything();
  config.deviations = qemu_deviations;
  mapped m(config);
  m.start();
  EXPECT_FALSE(m.read(nic, 0xabc000).ok());
  EXPECT_EQ(m.record_low(), 0xabc000u);
  EXPECT_EQ(m.record_high(), 0xc000000680000018u);
  m.clear_faults();
  EXPECT_FALSE(m.write(nic, 0xabd000).ok());
  EXPECT_EQ(m.record_high(), 0x8000000580000018u);
}

// 10.4.6: after reset RTADDR is 0, a root table in legacy mode; scalable mode leaves nothing
// behind.
TEST(vtd_scalable_structures, a_unit_that_was_reset_is_in_legacy_mode) {
  mapped m;
  m.start();
  m.unit.reset();
  m.command(te);
  const dma_translation blocked = m.read(nic, 0x1000);
  EXPECT_EQ(blocked.reason, vtd::fault_reason::root_entry_not_present);
  EXPECT_EQ(m.record_high() >> 32 & 0xff, 0x01u);
}

}  // namespace
}  // namespace iommulab::vtd_test::structures_test
