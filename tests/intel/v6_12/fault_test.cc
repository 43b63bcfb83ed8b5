// SPDX-License-Identifier: GPL-2.0-only
//
// Faults under Linux 6.12 (VT-d 7): records that lie there at start-up, the ring of records, the
// fault event, its limit, and the lines and words of drivers/iommu/intel/dmar.c: dmar_fault(),
// dmar_fault_do_one(), dmar_get_fault_reason().
#include "intel/v6_12/fault.h"

#include "intel/expect.h"
#include "intel/v6_12/device.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::fault_test {
namespace {

using namespace test;
using linux_6_12::system;
using ::testing::ElementsAre;

constexpr uint64_t fro = 0x200;
constexpr uint64_t fault_bit = uint64_t{1} << 31;  // F, in the record's highest word
constexpr uint64_t pfo = 1 << 0, ppf = 1 << 1, pro = 1 << 7;

machine_config with_records(unsigned count, vtd::ecap_register ecap = default_ecap()) {
  small_machine m;
  m.set_cap(default_cap().set_fault_recording_offset(fro).set_number_of_fault_records(count));
  return m.set_ecap(ecap).build();
}

/// Translation on, as firmware might have it, over an empty root table: every access faults.
void fault_before_boot(system& s, const std::vector<source_id>& sources) {
  vtd_unit& unit = s.unit();
  unit.write64(r_rtaddr, 0x3000000);
  unit.write32(r_gcmd, srtp);
  unit.write32(r_gcmd, te);
  uint64_t address = 0x1000;
  for (const source_id id : sources) {
    EXPECT_FALSE(s.test::system::dma(id, address, dma_access::read).ok());
    address += 0x1000;
  }
  unit.write32(r_gcmd, 0);
}

uint64_t record(uint64_t i) {
  return fro + i * 16;
}
/// One record: top word, source, address, then F is cleared.
sequence take_record(unsigned i) {
  return {read4(record(i) + 12), read4(record(i) + 8), read8(record(i)),
          write4(record(i) + 12, fault_bit)};
}
const sequence end_of_handling = {write4(r_fsts, pfo | ppf | pro)};

std::string line(const char* access, source_id id, uint64_t address, unsigned reason,
                 const char* words) {
  return absl::StrFormat(
      "DMAR: [DMA %s] Request device [%02x:%02x.%d] fault addr 0x%x [fault reason 0x%02x] %s",
      access, id.bus, id.device(), id.function(), address, reason, words);
}
std::string root_fault(source_id id, uint64_t address) {
  return line("Read NO_PASID", id, address, 1, "Present bit in root entry is clear");
}
/// The lines about faults.
sequence told(const system& s) {
  sequence lines;
  for (const std::string& text : s.log()) {
    if (text.find(" fault ") != std::string::npos || text.find("suppressed") != std::string::npos) {
      lines.push_back(text);
    }
  }
  return lines;
}

TEST(FaultsBeforeBoot, AreToldAndCleared) {
  system s(with_records(1));
  fault_before_boot(s, {nic});
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(told(s),
              ElementsAre("DMAR: DRHD: handling fault status reg 2", root_fault(nic, 0x1000)));
  EXPECT_EQ(s.accesses("dmar0", "dmar_fault"),
            chain({{read4(r_fsts)}, take_record(0), {read4(record(0) + 12)}, end_of_handling}));
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

// From FRI on until one has F clear.
TEST(FaultsBeforeBoot, AreTakenInTurn) {
  system s(with_records(4));
  const std::vector<source_id> sources = {nic, at(1, 0), at(2, 5, 3)};
  fault_before_boot(s, sources);
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(told(s),
              ElementsAre("DMAR: DRHD: handling fault status reg 2", root_fault(sources[0], 0x1000),
                          root_fault(sources[1], 0x2000), root_fault(sources[2], 0x3000)));
  EXPECT_EQ(s.accesses("dmar0", "dmar_fault"), chain({{read4(r_fsts)},
                                                      take_record(0),
                                                      take_record(1),
                                                      take_record(2),
                                                      {read4(record(3) + 12)},
                                                      end_of_handling}));
}

// The ring wraps behind the last record; an overflow is cleared at the end.
TEST(FaultsBeforeBoot, WrapAround) {
  system s(with_records(4));
  fault_before_boot(s, {at(9, 0), at(9, 1)});
  for (unsigned i = 0; i < 2; ++i) {
    s.unit().write32(record(i) + 12, static_cast<uint32_t>(fault_bit));
  }
  const std::vector<source_id> sources = {at(1, 0), at(2, 0), at(3, 0), at(4, 0), at(5, 0)};
  fault_before_boot(s, sources);
  ASSERT_EQ(s.unit().peek(vtd_register::fsts), 2u << 8 | ppf | pfo);
  ASSERT_EQ(s.boot(), 0);
  EXPECT_THAT(told(s), ElementsAre("DMAR: DRHD: handling fault status reg 203",
                                   root_fault(sources[0], 0x1000), root_fault(sources[1], 0x2000),
                                   root_fault(sources[2], 0x3000), root_fault(sources[3], 0x4000)));
  EXPECT_EQ(s.accesses("dmar0", "dmar_fault"), chain({{read4(r_fsts)},
                                                      take_record(2),
                                                      take_record(3),
                                                      take_record(0),
                                                      take_record(1),
                                                      {read4(record(2) + 12)},
                                                      end_of_handling}));
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

// A status without PPF is told, and nothing else: the queue's errors are its submitters'.
TEST(FaultStatus, WithoutARecordIsToldAlone) {
  linux_6_12::queue_system s(default_ecap());
  EXPECT_EQ(s.submit_one(0xf, 0), -EINVAL);
  s.events().clear();
  dmar_fault(s.driver(), s.iommu());
  EXPECT_EQ(s.accesses(), sequence{read4(r_fsts)});
  EXPECT_TRUE(told(s).empty());
}

TEST(FaultEvent, TellsReadsFromWritesAndWhatIsMissing) {
  system s(with_records(1));
  ASSERT_EQ(s.boot(), 0);
  EXPECT_FALSE(s.test::system::dma(at(0, 9), 0x12345678, dma_access::read).ok());
  EXPECT_FALSE(s.test::system::dma(nic, 0x5000, dma_access::write).ok());
  const std::string status = "DMAR: DRHD: handling fault status reg 2";
  EXPECT_THAT(
      told(s),
      ElementsAre(
          status,
          line("Read NO_PASID", at(0, 9), 0x12345000, 2, "Present bit in context entry is clear"),
          status, line("Write NO_PASID", nic, 0x5000, 5, "PTE Write access is not set")));
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

TEST(FaultEvent, TellsThePasid) {
  system s(with_records(1, default_ecap().set_scalable_mode(true).set_second_level(true)));
  ASSERT_EQ(s.boot(), 0);
  dma_request request;
  request.source = nic;
  request.address = 0x7000;
  request.access = dma_access::write;
  request.with_pasid = true;
  request.pasid = 0x54321;
  EXPECT_FALSE(s.unit().translate(request).ok());
  const sequence lines = told(s);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[1], ::testing::StartsWith(
                            "DMAR: [DMA Write PASID 0x54321] Request device [00:03.0] fault addr "
                            "0x7000 [fault reason 0x"));
  EXPECT_THAT(lines[1], ::testing::HasSubstr("] SM: "));
}

TEST(FaultEvent, OfInterruptsHasAnIndex) {
  for (unsigned reason = 0x20; reason <= 0x26; ++reason) {
    system s(with_records(1, default_ecap().set_interrupt_remapping(true)));
    ASSERT_EQ(s.boot(), 0);
    s.unit().record_interrupt_fault(static_cast<vtd::fault_reason>(reason), nic.requester_id(),
                                    0x15);
    const sequence lines = told(s);
    ASSERT_EQ(lines.size(), 2u) << reason;
    EXPECT_EQ(lines[1],
              absl::StrFormat("DMAR: [INTR-REMAP] Request device [00:03.0] fault index "
                              "0x15 [fault reason 0x%02x] %s",
                              reason, dmar_get_fault_reason(static_cast<uint8_t>(reason))));
  }
}

// 10.4.9, IM: the message waits while the event is masked, and goes out with the mask.
TEST(FaultEvent, WaitsWhileItIsMasked) {
  system s(with_records(2));
  ASSERT_EQ(s.boot(), 0);
  s.events().clear();
  dmar_msi_mask(s.driver(), s.iommu());
  EXPECT_EQ(s.accesses(), (sequence{write4(r_fectl, uint64_t{1} << 31), read4(r_fectl)}));
  for (unsigned i = 0; i < 4; ++i) s.test::system::dma(at(0, 0x10 + i), 0x1000);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), ppf | pfo);
  EXPECT_TRUE(told(s).empty());
  s.events().clear();
  dmar_msi_unmask(s.driver(), s.iommu());
  sequence unmasking = s.accesses();
  unmasking.resize(2);
  EXPECT_EQ(unmasking, (sequence{write4(r_fectl, 0), read4(r_fectl)}));
  EXPECT_EQ(told(s).size(), 3u) << "the later two are lost";
  EXPECT_EQ(told(s).front(), "DMAR: DRHD: handling fault status reg 3");
  EXPECT_EQ(s.unit().peek(vtd_register::fsts) & (ppf | pfo), 0u);
}

// DEFINE_RATELIMIT_STATE(): ten in five seconds; status and records count alike. Beyond, records
// are cleared unread.
TEST(FaultEvent, IsToldTenTimesInFiveSeconds) {
  system s(with_records(1));
  ASSERT_EQ(s.boot(), 0);
  s.events().clear();
  // Each takes three of the ten: the status, the record, the look behind it.
  for (unsigned i = 0; i < 4; ++i) s.test::system::dma(at(0, 9), 0x1000 * (i + 1));
  EXPECT_EQ(told(s).size(), 7u) << "three of both, and a status";
  s.events().clear();
  s.test::system::dma(at(0, 9), 0x9000);
  EXPECT_EQ(s.accesses(), chain({{read4(r_fsts), read4(record(0) + 12),
                                  write4(record(0) + 12, fault_bit), read4(record(0) + 12)},
                                 end_of_handling}));
  EXPECT_EQ(told(s).size(), 7u);
  s.env().clock.advance(6'000'000'000);
  s.test::system::dma(at(0, 9), 0xa000);
  EXPECT_EQ(told(s).size(), 10u) << "and how many were not";
  EXPECT_EQ(s.logged("dmar_fault: 5 callbacks suppressed"), 1) << s.log_text();
}

// dmar_set_interrupt(): once a unit.
TEST(FaultEvent, HasOneVector) {
  system s(with_records(1));
  ASSERT_EQ(s.boot(), 0);
  const int irq = s.iommu().irq;
  s.events().clear();
  EXPECT_EQ(dmar_set_interrupt(s.driver(), s.iommu()), 0);
  EXPECT_EQ(s.iommu().irq, irq);
  EXPECT_TRUE(s.accesses().empty());
  s.k().irqs().limit(0);
  s.iommu().irq = 0;
  EXPECT_EQ(dmar_set_interrupt(s.driver(), s.iommu()), -EINVAL);
  EXPECT_EQ(s.logged("DMAR: No free IRQ vectors"), 1);
  EXPECT_EQ(s.iommu().irq, 0);
  s.iommu().irq = irq;
}

// start_up fails without a vector, and nothing stays: tables, ids.
TEST(FaultEvent, WithoutAVectorThereIsNoTranslation) {
  system s(with_records(1));
  s.k().irqs().limit(0);
  EXPECT_EQ(s.boot(), -EINVAL);
  EXPECT_EQ(s.logged("DMAR: Initialization failed"), 1);
  EXPECT_EQ(s.unit().peek(vtd_register::gsts) & te, 0u);
  EXPECT_TRUE(state_of(s.driver(), s.iommu()).domain_ids.empty());
  EXPECT_EQ(s.iommu().root_entry_phys, phys_addr());
}

// The tables of words have holes: 46 of scalable mode, 14 of legacy mode, 7 of interrupts.
TEST(FaultReasons, HaveWords) {
  std::map<std::string_view, unsigned> words;
  for (unsigned reason = 0; reason < 256; ++reason) {
    ++words[dmar_get_fault_reason(static_cast<uint8_t>(reason))];
  }
  EXPECT_EQ(words["Unknown"], 256u - 46 - 14 - 7);
  EXPECT_EQ(words.size(), 1u + 46 + 14 + 7) << "no two alike";
  const std::map<unsigned, std::string_view> some = {
      {0x00, "Software"},
      {0x0d, "PCE for translation request specifies blocking"},
      {0x0e, "Unknown"},
      {0x20, "Detected reserved fields in the decoded interrupt-remapped request"},
      {0x26, "Blocked an interrupt request due to source-id verification failure"},
      {0x2f, "Unknown"},
      {0x30, "SM: Invalid Root Table Address"},
      {0x33, "Unknown"},
      {0x40, "SM: Error attempting to access Context Entry"},
      {0x51, "SM: Present bit in Directory Entry is clear"},
      {0x59, "SM: Present bit in PASID Table Entry is clear"},
      {0x71, "SM: Present bit in first-level paging entry is clear"},
      {0x79, "SM: Read/Write permission error in second-level paging entry"},
      {0x80, "SM: Address in first-level translation is not canonical"},
      {0x90, "SM: A/D bit update needed in first-level entry when set up in no snoop"},
      {0x91, "Unknown"}};
  for (const auto& [reason, expected] : some) {
    EXPECT_EQ(dmar_get_fault_reason(static_cast<uint8_t>(reason)), expected) << reason;
  }
}

}  // namespace
}  // namespace iommulab::v6_12::fault_test
