// SPDX-License-Identifier: GPL-2.0-only
//
// Faults (VT-d 7): what lies in the records when the kernel starts, the fault event, and the log
// lines, whose words are those of dmar.c.
#include "intel/dmar/fault.h"

#include "absl/strings/str_format.h"
#include "intel/expect.h"
#include "intel/v4_4/device.h"
#include "intel/v4_4/page_table.h"
#include "platform/endpoints/edu.h"
#include "support/v4_4/system.h"

namespace iommulab::test::fault_test {
namespace {

using linux_4_4::system;

using ::testing::ElementsAreArray;

constexpr uint64_t fro = 0x200;
constexpr uint64_t fault_bit = uint64_t{1} << 31;  // F, in the record's highest word
constexpr uint64_t ppf = 1 << 1, pfo = 1 << 0;

machine_config with_records(unsigned count) {
  small_machine m;
  m.set_cap(default_cap().set_fault_recording_offset(fro).set_number_of_fault_records(count));
  m.add_function(isa_bridge());
  return m.build();
}

/// Translation on, as firmware might have it, over an empty root table: every access faults.
void fault_before_boot(system& s, const std::vector<source_id>& sources) {
  constexpr uint64_t empty_root = 0x3000000;
  vtd_unit& unit = s.unit();
  unit.write64(r_rtaddr, empty_root);
  unit.write32(r_gcmd, srtp);
  unit.write32(r_gcmd, te);
  uint64_t address = 0x1000;
  for (const source_id id : sources) {
    EXPECT_FALSE(s.dma(id, address, dma_access::read).ok());
    address += 0x1000;
  }
  unit.write32(r_gcmd, 0);
}

uint64_t record(uint64_t i) {
  return fro + i * 16;
}

/// How dmar_fault() reads and clears one record: top word, source, address, then F.
sequence take_record(unsigned i) {
  return {read4(record(i) + 12), read4(record(i) + 8), read8(record(i)),
          write4(record(i) + 12, fault_bit)};
}

sequence fault_lines(const char* access, source_id id, uint64_t address, unsigned reason,
                     const char* words) {
  return {absl::StrFormat("DMAR: DMAR:[DMA %s] Request device [%02x:%02x.%d] fault addr %x ",
                          access, id.bus, id.device(), id.function(), address),
          absl::StrFormat("DMAR:[fault reason %02d] %s", reason, words)};
}
sequence root_fault(source_id id, uint64_t address) {
  return fault_lines("Read", id, address, 1, "Present bit in root entry is clear");
}

sequence log_with(const system& s, std::string_view first_line) {
  const sequence all = s.log();
  const auto at = std::find(all.begin(), all.end(), first_line);
  return {at, all.end()};
}

bool logged_in_order(const system& s, const sequence& lines) {
  const sequence all = s.log();
  return std::search(all.begin(), all.end(), lines.begin(), lines.end()) != all.end();
}

// intel_iommu_init_qi() handles what is pending before it touches the queue.
TEST(faults_before_boot, are_logged_and_cleared) {
  system s(with_records(1));
  fault_before_boot(s, {nic});
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_TRUE(logged_in_order(
      s, chain({{"DMAR: DRHD: handling fault status reg 2"}, root_fault(nic, 0x1000)})));
  EXPECT_EQ(
      s.accesses("dmar0", "dmar_fault"),
      chain(
          {{read4(r_fsts)}, take_record(0), {read4(record(0) + 12)}, {write4(r_fsts, pfo | ppf)}}));
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

// Records are taken from FRI on until one has F clear.
TEST(faults_before_boot, several_records_are_taken_in_turn) {
  system s(with_records(4));
  const std::vector<source_id> sources = {nic, at(1, 0), at(2, 5, 3)};
  fault_before_boot(s, sources);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_TRUE(logged_in_order(s, chain({{"DMAR: DRHD: handling fault status reg 2"},
                                        root_fault(sources[0], 0x1000),
                                        root_fault(sources[1], 0x2000),
                                        root_fault(sources[2], 0x3000)})));
  EXPECT_EQ(s.accesses("dmar0", "dmar_fault"), chain({{read4(r_fsts)},
                                                      take_record(0),
                                                      take_record(1),
                                                      take_record(2),
                                                      {read4(record(3) + 12)},
                                                      {write4(r_fsts, pfo | ppf)}}));
}

// With the first pending record in the middle of the ring, the walk wraps; an overflow is cleared
// at the end (10.4.9: PFO keeps hardware from recording anything).
TEST(faults_before_boot, the_ring_wraps_and_an_overflow_is_cleared) {
  system s(with_records(4));
  fault_before_boot(s, {at(9, 0), at(9, 1)});
  for (unsigned i = 0; i < 2; ++i) {
    s.unit().write32(record(i) + 12, static_cast<uint32_t>(fault_bit));
  }
  const std::vector<source_id> sources = {at(1, 0), at(2, 0), at(3, 0), at(4, 0), at(5, 0)};
  fault_before_boot(s, sources);
  ASSERT_EQ(s.unit().peek(vtd_register::fsts), 2u << 8 | ppf | pfo);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_TRUE(logged_in_order(s, chain({{"DMAR: DRHD: handling fault status reg 203"},
                                        root_fault(sources[0], 0x1000),
                                        root_fault(sources[1], 0x2000),
                                        root_fault(sources[2], 0x3000),
                                        root_fault(sources[3], 0x4000)})));
  EXPECT_FALSE(s.log_contains("[05:00.0]")) << "the fifth fault was lost, as hardware has it";
  EXPECT_EQ(s.accesses("dmar0", "dmar_fault"), chain({{read4(r_fsts)},
                                                      take_record(2),
                                                      take_record(3),
                                                      take_record(0),
                                                      take_record(1),
                                                      {read4(record(2) + 12)},
                                                      {write4(r_fsts, pfo | ppf)}}));
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

// enable_drhd_fault_handling(), which runs before interrupt remapping: the interrupt, then what is
// pending, then FSTS written back with what it held.
TEST(fault_handling, can_be_enabled_before_translation) {
  system s(with_records(1), "intel_iommu=off");
  fault_before_boot(s, {nic});
  ASSERT_EQ(s.boot().intel_iommu_init, -ENODEV);
  s.events().clear();
  EXPECT_EQ(enable_drhd_fault_handling(s.driver()), 0);
  // The message was held while masked (7.4, IP): unmasking lets it out, the handler runs when the
  // lock is left.
  const uint64_t held = 1u << 30;
  EXPECT_EQ(s.unit().peek(vtd_register::fectl) & held, 0u);
  EXPECT_EQ(s.logged("DMAR: DRHD: handling fault status reg 2"), 1);
  const sequence seen = s.accesses();
  ASSERT_GE(seen.size(), 3u);
  EXPECT_EQ(sequence(seen.end() - 3, seen.end()),
            (sequence{read4(r_fsts), read4(r_fsts), write4(r_fsts, 0)}));
  EXPECT_EQ(s.k().interrupts().delivered().size(), 1u);
}

TEST(fault_handling, without_a_vector_fails_for_all) {
  system s(with_records(1), "intel_iommu=off");
  s.boot();
  s.k().irqs().limit(0);
  EXPECT_EQ(enable_drhd_fault_handling(s.driver()), -1);
  EXPECT_EQ(s.logged("DMAR: No free IRQ vectors"), 1);
  EXPECT_EQ(s.logged("DMAR: DRHD fed90000: failed to enable fault, interrupt, ret -22"), 1);
}

// From the device to the log: request, record, message, handler.
TEST(fault_event, names_the_device_that_has_no_context_entry) {
  system s(with_records(1));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const auto interrupts_before = s.k().interrupts().delivered().size();
  EXPECT_EQ(s.dma(nic, 0x12345678).reason, vtd::fault_reason::context_entry_not_present);
  EXPECT_TRUE(logged_in_order(s, chain({{"DMAR: DRHD: handling fault status reg 2"},
                                        fault_lines("Read", nic, 0x12345000, 2,
                                                    "Present bit in context entry is clear")})));
  EXPECT_EQ(s.k().interrupts().delivered().size(), interrupts_before + 1);
  EXPECT_EQ(s.k().interrupts().spurious(), 0u);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
  // Cleared, so the next one is reported too, on a bus without any table now.
  s.dma(at(7, 0), 0x5000, dma_access::write);
  EXPECT_TRUE(logged_in_order(
      s, fault_lines("Write", at(7, 0), 0x5000, 1, "Present bit in root entry is clear")));
}

TEST(fault_event, tells_reads_from_writes_and_widths_from_permissions) {
  system s(with_records(1));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  v4_4::intel_driver& drv = s.driver();
  v4_4::dmar_domain* domain = get_domain_for_dev(drv, s.function(nic).dev, 48);
  ASSERT_NE(domain, nullptr);
  ASSERT_EQ(domain_pfn_mapping(drv, *domain, 0x100, 0x200, 1, v4_4::dma_pte_read), 0);
  ASSERT_EQ(domain_pfn_mapping(drv, *domain, 0x101, 0xfee00, 1, v4_4::dma_pte_read), 0);

  const dma_translation good = s.dma(nic, 0x100010);
  EXPECT_EQ(good.address, 0x200010u);
  EXPECT_FALSE(s.log_contains("handling fault status"));

  s.dma(nic, 0x999000, dma_access::read);
  s.dma(nic, 0x100000, dma_access::write);
  s.dma(nic, uint64_t{1} << 39, dma_access::read);
  s.dma(nic, 0x101000, dma_access::read);
  const sequence header = {"DMAR: DRHD: handling fault status reg 2"};
  EXPECT_EQ(log_with(s, header.front()),
            chain({header, fault_lines("Read", nic, 0x999000, 6, "PTE Read access is not set"),
                   header, fault_lines("Write", nic, 0x100000, 5, "PTE Write access is not set"),
                   header, fault_lines("Read", nic, uint64_t{1} << 39, 4, "Access beyond MGAW"),
                   // Reason 14 came with a later revision of the specification.
                   header, fault_lines("Read", nic, 0x101000, 14, "Unknown")}));
}

constexpr source_id teacher = at(0, 4);

/// A machine with an "edu" device, and the device at work: 100 ms a transfer.
class edu_system : public system {
 public:
  explicit edu_system(unsigned records = 1) : system(machine_with_edu(records)) {
    EXPECT_EQ(boot().intel_iommu_init, 0);
  }
  /// What the device has of `length` bytes at `address` afterwards, or sends there.
  dma_result transfer(bool to_memory, uint64_t address, uint64_t length = 16) {
    edu& device = *k().endpoints().find<edu>(teacher);
    device.write64(0x80, to_memory ? edu::buffer_address : address);
    device.write64(0x88, to_memory ? address : edu::buffer_address);
    device.write64(0x90, length);
    device.write64(0x98, to_memory ? 3 : 1);
    k().env().clock.advance(edu::transfer_ns);
    return device.last_transfer();
  }

 private:
  static machine_config machine_with_edu(unsigned records) {
    small_machine m;
    m.set_cap(default_cap().set_fault_recording_offset(fro).set_number_of_fault_records(records));
    m.add_function(isa_bridge());
    m.add_function(function_builder(teacher, edu_vendor_id, edu_device_id, 0x00ff00)
                       .memory_bar(0, 0xfe800000, edu::window)
                       .command(0x6)
                       .build());
    return m.build();
  }
};

// A device's transfer, the record, the message, the handler, the line; and the data stayed.
TEST(fault_event, a_devices_transfer_ends_in_the_log) {
  edu_system s;
  v4_4::intel_driver& drv = s.driver();
  v4_4::dmar_domain* domain = get_domain_for_dev(drv, s.function(teacher).dev, 48);
  ASSERT_NE(domain, nullptr);
  constexpr uint64_t pfn = 0x2000;
  ASSERT_EQ(
      domain_pfn_mapping(drv, *domain, 0x100, pfn, 1, v4_4::dma_pte_read | v4_4::dma_pte_write), 0);
  ASSERT_EQ(domain_pfn_mapping(drv, *domain, 0x101, pfn + 1, 1, v4_4::dma_pte_read), 0);
  s.word(pfn << 12) = 0x1122334455667788;
  s.word((pfn + 1) << 12) = 0x99;
  ASSERT_TRUE(s.transfer(false, 0x100000).ok());
  EXPECT_FALSE(s.log_contains("handling fault status"));

  // Half of it lands in the first page, the second refuses the rest.
  const dma_result write = s.transfer(true, 0x100ff8);
  EXPECT_EQ(write.moved, 8u);
  EXPECT_EQ(write.reason, vtd::fault_reason::write_not_permitted);
  EXPECT_EQ(s.word((pfn << 12) + 0xff8), 0x1122334455667788u);
  EXPECT_EQ(s.word((pfn + 1) << 12), 0x99u);
  const dma_result read = s.transfer(false, 0x102000);
  EXPECT_EQ(read.moved, 0u);
  const sequence header = {"DMAR: DRHD: handling fault status reg 2"};
  EXPECT_EQ(
      log_with(s, header.front()),
      chain({header, fault_lines("Write", teacher, 0x101000, 5, "PTE Write access is not set"),
             header, fault_lines("Read", teacher, 0x102000, 6, "PTE Read access is not set")}));
  EXPECT_EQ(s.k().interrupts().spurious(), 0u);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

// A buffer of which no page is mapped is one transaction: its first page is reported, and the
// handler runs when the rest of it has met the pending record.
TEST(fault_event, a_long_transfer_is_reported_once) {
  edu_system s(4);
  ASSERT_NE(get_domain_for_dev(s.driver(), s.function(teacher).dev, 48), nullptr);
  EXPECT_EQ(s.transfer(true, 0x900ff0, 0x1000).moved, 0u);
  EXPECT_EQ(s.logged("DMAR: DRHD: handling fault status reg 2"), 1);
  EXPECT_TRUE(s.log_contains("fault addr 900000 "));
  EXPECT_FALSE(s.log_contains("fault addr 901000 "));
}

// More sources than records while the event is masked: PFO. Unmasked, the handler takes what was
// recorded, clears both bits, and the next fault is recorded again (7.3.1).
TEST(fault_event, an_overflow_is_handled_and_recording_goes_on) {
  for (const unsigned records : {1u, 2u}) {
    edu_system s(records);
    intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
    dmar_msi_mask(s.driver(), iommu);
    std::vector<sequence> recorded;
    for (unsigned i = 0; i < records + 2; ++i) {
      const source_id source = at(0, 0x10 + i);
      const uint64_t address = uint64_t{0x1000} * (i + 1);
      s.dma(source, address);
      if (i < records) {
        recorded.push_back(
            fault_lines("Read", source, address, 2, "Present bit in context entry is clear"));
      }
    }
    EXPECT_EQ(s.transfer(true, 0x7000).moved, 0u);
    EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), ppf | pfo);
    EXPECT_FALSE(s.log_contains("handling fault status"));

    dmar_msi_unmask(s.driver(), iommu);
    const sequence first = {"DMAR: DRHD: handling fault status reg 3"};
    sequence lines = first;
    for (const sequence& r : recorded) lines.insert(lines.end(), r.begin(), r.end());
    EXPECT_EQ(log_with(s, first.front()), lines) << "the later ones are lost";
    EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);

    EXPECT_EQ(s.transfer(true, 0x8000).reason, vtd::fault_reason::context_entry_not_present);
    EXPECT_TRUE(logged_in_order(
        s, fault_lines("Write", teacher, 0x8000, 2, "Present bit in context entry is clear")));
    EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
  }
}

// dmar_msi_mask(): while masked the message is held, and goes out when the mask is lifted.
TEST(fault_event, waits_while_it_is_masked) {
  system s(with_records(1));
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  intel_iommu& iommu = *s.driver().dmar_drhd_units.front().iommu;
  s.events().clear();
  dmar_msi_mask(s.driver(), iommu);
  EXPECT_EQ(s.accesses(), (sequence{write4(r_fectl, uint64_t{1} << 31), read4(r_fectl)}));
  s.dma(nic, 0x1000);
  EXPECT_FALSE(s.log_contains("handling fault status"));
  dmar_msi_unmask(s.driver(), iommu);
  EXPECT_EQ(s.logged("DMAR: DRHD: handling fault status reg 2"), 1);
}

// Faults of interrupt remapping have reasons from 20h and an index in place of the address.
TEST(fault_event, interrupt_faults_have_words_of_their_own) {
  small_machine m;
  m.set_ecap(default_ecap().set_interrupt_remapping(true));
  system s(m.build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.unit().record_interrupt_fault(vtd::fault_reason::irte_not_present, nic.requester_id(), 0x15);
  EXPECT_TRUE(logged_in_order(
      s, {"DMAR: DRHD: handling fault status reg 2",
          "DMAR: INTR-REMAP: Request device [[00:03.0] fault index 15",
          "INTR-REMAP:[fault reason 34] Present field in the IRTE entry is clear"}));
}

// dmar_get_fault_reason(): fourteen reasons of DMA remapping, seven of interrupts, "Unknown" for
// the rest of the 256.
TEST(fault_reasons, every_code_has_words_and_a_side) {
  system s(with_records(1));
  s.boot();
  unsigned dma = 0;
  unsigned interrupts = 0;
  for (unsigned code = 0; code < 256; ++code) {
    fault_type type = fault_type::unknown;
    const auto words = dmar_get_fault_reason(s.driver(), static_cast<uint8_t>(code), type);
    if (type == fault_type::dma_remap) ++dma;
    if (type == fault_type::intr_remap) ++interrupts;
    EXPECT_EQ(words == "Unknown", type == fault_type::unknown) << code;
    EXPECT_EQ(type == fault_type::dma_remap, code <= 13) << code;
    EXPECT_EQ(type == fault_type::intr_remap, code >= 0x20 && code <= 0x26) << code;
  }
  EXPECT_EQ(dma, 14u);
  EXPECT_EQ(interrupts, 7u);
}

}  // namespace
}  // namespace iommulab::test::fault_test
