// SPDX-License-Identifier: GPL-2.0-only
//
// The walk against the unit's own translation: they share the data sheet and nothing else, and
// come to the same on every table.
#include "lab/tables/address_walk.h"

#include <random>
#include <set>

#include "gtest/gtest.h"
#include "kernel/kernel.h"
#include "lab/replay/capture_run.h"
#include "platform/machine/builtin.h"
#include "platform/vtd/machine.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::address_walk_test {
namespace {

using vtd::fault_reason;

void expect_equal(const address_walk& walk, const dma_translation& unit) {
  ASSERT_EQ(walk.outcome, unit.outcome);
  ASSERT_EQ(walk.reason, unit.reason);
  if (!walk.ok()) return;
  EXPECT_EQ(walk.host_address, unit.address);
  EXPECT_EQ(walk.writable, unit.writable);
  EXPECT_EQ(walk.readable, unit.readable);
  if (walk.outcome != dma_outcome::translated) return;
  EXPECT_EQ(walk.page_bits, unit.page_bits);
  EXPECT_EQ(walk.snoop, unit.snoop);
}

/// Both answers to one request of 4 bytes.
void compare(vtd_unit& unit, const walked_unit& walked, const physical_memory& memory,
             uint16_t requester, uint64_t address, dma_access access) {
  dma_request request;
  request.source = source_id::from_requester_id(0, requester);
  request.address = address;
  request.length = 4;
  request.access = access;
  SCOPED_TRACE(testing::Message() << std::hex << "requester " << requester << " address " << address
                                  << (access == dma_access::read ? " read" : " write"));
  expect_equal(walk_address(walked, verify::memory_tables(memory), requester, address, access),
               unit.translate(request));
}

/// Edges of what is special, and some of what is not.
std::vector<uint64_t> interesting_addresses(const machine_config& machine) {
  std::vector<uint64_t> found = {0,
                                 0xfff,
                                 0x1000,
                                 0x9fffe,
                                 0xfedfffff,
                                 0xfee00000,
                                 0xfeefffff,
                                 0xfef00000,
                                 0xfffff000,
                                 uint64_t{1} << 32,
                                 (uint64_t{1} << 39) - 1,
                                 uint64_t{1} << 39,
                                 (uint64_t{1} << 48) - 4,
                                 uint64_t{1} << 48,
                                 ~uint64_t{0}};
  for (const memory_range& range : machine.firmware_map) {
    found.push_back(range.start.value());
    found.push_back(range.end() - 1);
    found.push_back(range.end());
  }
  return found;
}

TEST(address_walk_test, agrees_with_the_units_of_started_machines) {
  size_t reached = 0;
  size_t blocked = 0;
  for (const char* name : {"q35", "server"}) {
    for (const char* options :
         {"", "intel_iommu=on", "intel_iommu=on iommu=pt", "intel_iommu=on,sp_off"}) {
      SCOPED_TRACE(testing::Message() << name << " " << options);
      const machine_config machine = *builtin_machine(name);
      auto system = kernel::create(machine, {.command_line = options});
      ASSERT_TRUE(system.ok()) << system.status();
      ASSERT_EQ((*system)->start_up().panic, "");
      const std::vector<uint64_t> addresses = interesting_addresses(machine);
      for (const auto& unit : (*system)->units()) {
        const auto root = verify::latched_root_table(*unit);
        const walked_unit walked = {unit->config(),
                                    vtd::gsts::tes.test(unit->read32(vtd::gsts_reg)),
                                    root ? root->value() : 0};
        for (const pci_function_config& function : machine.pci_functions) {
          for (const uint64_t address : addresses) {
            for (const dma_access access : {dma_access::read, dma_access::write}) {
              compare(*unit, walked, (*system)->memory(), function.id.requester_id(), address,
                      access);
              if (HasFatalFailure()) return;
            }
            ++(walk_address(walked, verify::memory_tables((*system)->memory()),
                            function.id.requester_id(), address, dma_access::read)
                       .ok()
                   ? reached
                   : blocked);
          }
        }
      }
    }
  }
  EXPECT_GT(reached, 1000u);
  EXPECT_GT(blocked, 1000u);
}

/// Tables full of chance: mostly sound, with every kind of damage among it.
class random_tables {
 public:
  random_tables(vtd_test::machine& m, unsigned levels, std::mt19937_64& random)
      : m_(m), levels_(levels), random_(random) {}

  void fill() {
    for (const uint16_t source : sources) {
      if (one_in(9)) continue;
      const uint64_t table = one_in(15) ? nowhere : m_.page();
      uint64_t low = table | 1 | (pick({0, 0, 0, 0, 1, 2, 3}) << 2);
      if (one_in(8)) low |= 2;                                    // FPD
      if (one_in(15)) low |= uint64_t{1} << (4 + random_() % 8);  // reserved
      if (one_in(20)) low |= uint64_t{1} << 45;                   // beyond the host's width
      if (one_in(15)) low &= ~uint64_t{1};
      uint64_t high = (levels_ - 2) | ((random_() & (one_in(15) ? 0xff : 0x3f)) << 8);
      if (one_in(15)) high = (high & ~uint64_t{7}) | (random_() & 7);
      if (one_in(20)) high |= uint64_t{1} << (24 + random_() % 40);
      m_.set_context(source, low, high);
      if (table != nowhere) fill_table(table, levels_);
    }
    const uint64_t bus_85 = m_.root + uint64_t{0x85} * 16;
    if (one_in(4)) m_.word(bus_85) |= 2;
    if (one_in(4)) m_.word(bus_85 + 8) = 1;
    if (one_in(8)) m_.word(bus_85) = nowhere | 1;
    if (one_in(8)) m_.word(bus_85) = 0;
  }

  /// An address that leads through what was filled in, for the most part.
  uint64_t address() {
    uint64_t address = random_() & 0xfff;
    for (unsigned level = 1; level <= levels_; ++level) {
      address |= (random_() % filled) << (12 + 9 * (level - 1));
    }
    if (one_in(20)) address |= random_();
    if (one_in(30)) address = 0xfee00000 + (random_() & 0xfffff);
    return address;
  }

  static constexpr uint16_t sources[] = {vtd_test::nic, vtd_test::disk, vtd_test::far_bus, 0x8502};

 private:
  static constexpr uint64_t nowhere = 0x20000000;  // no memory is there
  static constexpr unsigned filled = 4;

  bool one_in(unsigned n) { return random_() % n == 0; }
  uint64_t pick(std::initializer_list<uint64_t> choice) {
    return choice.begin()[random_() % choice.size()];
  }

  void fill_table(uint64_t table, unsigned level) {
    for (uint64_t i = 0; i < filled; ++i) {
      if (one_in(8)) continue;
      uint64_t entry = pick({3, 3, 3, 3, 1, 2, 0});
      const bool leaf = level == 1 || one_in(5);
      if (leaf) {
        const uint64_t span = uint64_t{1} << (12 + 9 * (level - 1));
        entry |= (random_() & 0x7fffffffff) & (one_in(10) ? ~uint64_t{0xfff} : ~(span - 1));
        if (one_in(12)) entry = (entry & 3) | 0xfee00000;
        if (level > 1) entry |= vtd_test::pte_large;
        if (one_in(4)) entry |= vtd_test::pte_snoop;
      } else {
        const uint64_t below = one_in(20) ? nowhere : m_.page();
        entry |= below;
        if (below != nowhere) fill_table(below, level - 1);
      }
      if (one_in(20)) entry |= uint64_t{1} << (random_() % 64);
      m_.word(table + i * 8) = entry;
    }
  }

  vtd_test::machine& m_;
  unsigned levels_;
  std::mt19937_64& random_;
};

TEST(address_walk_test, agrees_with_the_unit_on_random_tables) {
  std::set<fault_reason> seen;
  size_t translated = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const unsigned levels = 2 + seed % 4;
    vtd_config config;
    config.set_only_table_width(30 + 9 * (levels - 2));
    config.host_address_width = 39;
    config.cap.set_super_pages(static_cast<uint8_t>(seed / 4 % 4)).set_number_of_domains(64);
    config.ecap.set_snoop_control(seed % 3 == 0)
        .set_device_tlb(seed % 5 < 2)
        .set_pass_through(seed % 7 < 4);
    vtd_test::machine m(config);
    random_tables tables(m, levels, random);
    tables.fill();
    const bool no_root = seed % 20 == 19;
    if (no_root) m.root = 0x20000000;
    m.start();
    const walked_unit walked = {m.unit.config(), true, m.root};
    for (int i = 0; i < 600; ++i) {
      const uint16_t source = random_tables::sources[random() % 4];
      const uint64_t address = tables.address();
      const auto access = random() % 2 == 0 ? dma_access::read : dma_access::write;
      const address_walk walk =
          walk_address(walked, verify::memory_tables(m.memory()), source, address, access);
      m.clear_faults();
      compare(m.unit, walked, m.memory(), source, address, access);
      if (HasFatalFailure()) return;
      EXPECT_EQ(walk.recorded, (m.record_high() >> 63) != 0) << std::hex << address;
      seen.insert(walk.reason);
      if (walk.outcome == dma_outcome::translated) ++translated;
    }
  }
  EXPECT_GT(translated, 1000u);
  for (const fault_reason reason :
       {fault_reason::root_entry_not_present, fault_reason::context_entry_not_present,
        fault_reason::invalid_context_entry, fault_reason::address_beyond_width,
        fault_reason::write_not_permitted, fault_reason::read_not_permitted,
        fault_reason::paging_entry_access, fault_reason::root_table_access,
        fault_reason::context_table_access, fault_reason::root_entry_reserved,
        fault_reason::context_entry_reserved, fault_reason::paging_entry_reserved,
        fault_reason::interrupt_range_output}) {
    EXPECT_EQ(seen.count(reason), 1u) << vtd::name(reason);
  }
}

TEST(address_walk_test, keeps_every_entry_that_it_read) {
  vtd_test::machine m;
  const uint64_t top = m.page();
  m.map(top, 3, 0x12345000, 0x7654000 | 3);
  m.attach(vtd_test::nic, top, 9);
  m.start();
  const address_walk walk =
      walk_address({m.unit.config(), true, m.root}, verify::memory_tables(m.memory()),
                   vtd_test::nic, 0x12345678, dma_access::read);
  ASSERT_EQ(walk.steps.size(), 5u);
  EXPECT_EQ(walk.steps[0].level, verify::root_level);
  EXPECT_EQ(walk.steps[0].table, m.root);
  EXPECT_EQ(walk.steps[0].index, 0u);
  EXPECT_EQ(walk.steps[1].level, verify::context_level);
  EXPECT_EQ(walk.steps[1].index, 0x18u);
  EXPECT_EQ(walk.steps[1].low, top | 1);
  EXPECT_EQ(walk.steps[1].high, 0x901u);
  EXPECT_EQ(walk.steps[2].table, top);
  EXPECT_EQ(walk.steps[2].index, 0u);      // 12345678h: bits 38:30
  EXPECT_EQ(walk.steps[3].index, 0x91u);   // bits 29:21
  EXPECT_EQ(walk.steps[4].index, 0x145u);  // bits 20:12
  EXPECT_EQ(walk.steps[4].low, 0x7654003u);
  EXPECT_EQ(walk.host_address, 0x7654678u);
  EXPECT_EQ(walk.page_bits, 12u);
}

}  // namespace
}  // namespace iommulab::address_walk_test
