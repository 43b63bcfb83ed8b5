// SPDX-License-Identifier: GPL-2.0-only
//
// Commands to a unit by its registers (VT-d 10.4): invalidation of a unit without a queue, write
// buffers, protected regions, the root table, translation on and off. Linux 6.12
// drivers/iommu/intel/iommu.c.
#include "intel/expect.h"
#include "intel/v6_12/init.h"
#include "intel/v6_12/registers.h"
#include "support/v6_12/system.h"

namespace iommulab::v6_12::register_test {
namespace {

using namespace test;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

// ECAP.IRO of default_ecap(): the IOTLB registers; IVA comes first.
constexpr uint64_t r_iva = 0xf0, r_iotlb = 0xf8;
constexpr uint64_t ivt = uint64_t{1} << 63, icc = uint64_t{1} << 63;
constexpr uint32_t epm = 1u << 31, prs = 1;

struct booted : linux_6_12::system {
  explicit booted(vtd::cap_register cap = default_cap(), vtd::ecap_register ecap = default_ecap())
      : system(small_machine().set_cap(cap).set_ecap(ecap).build()) {
    EXPECT_EQ(boot(), 0);
    events().clear();
  }
};
vtd::ecap_register without_queue() {
  return default_ecap().set_queued_invalidation(false);
}

// 10.4.7: ICC, CIRG in 62:61, FM in 33:32, SID in 31:16, DID in 15:0.
TEST(ContextCommand, CarriesItsFields) {
  booted s(default_cap(), without_queue());
  using enum vtd::context_granularity;
  for (const auto& [type, expected] :
       {std::pair(global, icc | uint64_t{1} << 61),
        std::pair(domain, icc | uint64_t{2} << 61 | 0x21),
        std::pair(device, icc | uint64_t{3} << 61 | uint64_t{3} << 32 | 0x0518 << 16 | 0x21)}) {
    s.events().clear();
    iommu_flush_context_reg(s.driver(), s.iommu(), domain_id(0x21), 0x0518, 3, type);
    EXPECT_EQ(s.accesses(), (sequence{write8(r_ccmd, expected), read8(r_ccmd)}));
  }
  s.events().clear();
  iommu_flush_context_reg(s.driver(), s.iommu(), domain_id(0x21), 0x0518, 3, none);
  EXPECT_TRUE(s.accesses().empty());
  EXPECT_EQ(s.logged("DMAR: dmar0: Unexpected context-cache invalidation type 0x0"), 1);
}

// 10.4.8: IVT, IIRG in 61:60, DR and DW in 49:48, DID in 47:32. Draining of writes is asked for
// where CAP has it, of reads never.
TEST(IotlbCommand, CarriesItsFields) {
  for (const bool drain : {true, false}) {
    booted s(default_cap().set_write_drain(drain), without_queue());
    const uint64_t dw = drain ? uint64_t{1} << 48 : 0;
    const uint64_t of_domain = uint64_t{0x21} << 32;
    using enum vtd::iotlb_granularity;
    s.events().clear();
    iommu_flush_iotlb_reg(s.driver(), s.iommu(), domain_id(0x21), 0x5000, 0, global);
    iommu_flush_iotlb_reg(s.driver(), s.iommu(), domain_id(0x21), 0x5000, 0, domain);
    iommu_flush_iotlb_reg(s.driver(), s.iommu(), domain_id(0x21), 0x48000, 3, page);
    EXPECT_EQ(s.accesses(), (sequence{write8(r_iotlb, ivt | uint64_t{1} << 60 | dw), read8(r_iotlb),
                                      write8(r_iotlb, ivt | uint64_t{2} << 60 | dw | of_domain),
                                      read8(r_iotlb), write8(r_iva, 0x48003),
                                      write8(r_iotlb, ivt | uint64_t{3} << 60 | dw | of_domain),
                                      read8(r_iotlb)}));
    s.events().clear();
    iommu_flush_iotlb_reg(s.driver(), s.iommu(), domain_id(0x21), 0, 0, none);
    EXPECT_TRUE(s.accesses().empty());
    EXPECT_EQ(s.logged("DMAR: dmar0: Unexpected iotlb invalidation type 0x0"), 1);
    EXPECT_FALSE(s.log_contains("Flush IOTLB failed"));
  }
}

// 10.4.8.1, IAIG: 0 says that nothing was invalidated; another granularity than was asked for is
// no error. Page 0 needs no address.
class answering_iotlb : public mmio_region {
 public:
  [[nodiscard]] uint64_t size() const override { return page_size; }
  uint32_t read32(uint64_t) override { return 0; }
  uint64_t read64(uint64_t offset) override { return offset == r_iotlb ? answer : 0; }
  void write32(uint64_t, uint32_t) override {}
  void write64(uint64_t, uint64_t) override {}
  uint64_t answer = 0;
};
TEST(IotlbCommand, IsAnsweredByWhatWasDone) {
  for (const uint64_t performed : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
    booted s(default_cap(), without_queue());
    answering_iotlb unit;
    unit.answer = performed << 57;
    s.iommu().reg =
        iomem(std::make_unique<mmio_window>(&unit, "dmar0", 0, page_size, 0), s.env().trace);
    s.events().clear();
    iommu_flush_iotlb_reg(s.driver(), s.iommu(), domain_id(2), 0, 0, vtd::iotlb_granularity::page);
    EXPECT_EQ(s.accesses().size(), 2u);
    EXPECT_EQ(s.logged("DMAR: Flush IOTLB failed"), performed == 0 ? 1 : 0);
    EXPECT_EQ(s.logged(absl::StrFormat("DMAR: TLB flush request 3, actual %d", performed)),
              performed != 3 ? 1 : 0);
  }
}

// 6.8: a unit that needs it, or a chipset that forgot to say so; WBF goes with what stays on.
TEST(WriteBuffer, IsFlushedWhereItHasToBe) {
  for (const unsigned why : {0u, 1u, 2u}) {
    booted s(default_cap().set_required_write_buffer_flush(why == 1));
    s.driver().rwbf_quirk = why == 2;
    iommu_flush_write_buffer(s.driver(), s.iommu());
    EXPECT_EQ(s.accesses(), why == 0 ? sequence{} : command(qie | te | wbf)) << why;
  }
}

// init_dmars(): before the root table is set, before the fault event, and after each entry.
TEST(WriteBuffer, IsFlushedAllAlongStartUp) {
  linux_6_12::system s(
      small_machine().set_cap(default_cap().set_required_write_buffer_flush(true)).build());
  ASSERT_EQ(s.boot(), 0);
  const auto flushes = s.accesses("dmar0", "iommu_flush_write_buffer");
  EXPECT_EQ(flushes,
            chain({command(qie | wbf), command(qie | wbf), command(qie | wbf), command(qie | wbf)}))
      << "two of start-up's, two devices'";
}

// 10.4.16: EPM off, PRS waited for; the other bits are written as they were read.
TEST(ProtectedRegions, AreSwitchedOff) {
  for (const unsigned has : {1u, 2u, 3u}) {
    linux_6_12::system s(small_machine()
                             .set_cap(default_cap()
                                          .set_protected_low_memory((has & 1) != 0)
                                          .set_protected_high_memory((has & 2) != 0))
                             .build());
    s.unit().write32(r_pmen, epm);
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.accesses("dmar0", "iommu_disable_protect_mem_regions"),
              (sequence{read4(r_pmen), write4(r_pmen, prs), read4(r_pmen)}));
    EXPECT_EQ(s.unit().peek(vtd_register::pmen) & 1, 0u);
    s.unit().write32(r_pmen, epm);
    s.events().clear();
    intel_iommu_shutdown(s.driver());
    EXPECT_EQ(s.accesses(),
              chain({{read4(r_pmen), write4(r_pmen, prs), read4(r_pmen)}, command(qie)}));
  }
}

TEST(ProtectedRegions, AreNotLookedForWhereThereAreNone) {
  booted s;
  iommu_disable_protect_mem_regions(s.driver(), s.iommu());
  EXPECT_TRUE(s.accesses().empty());
}

// CAP.ESRTPS, bit 63: the unit forgets all that it cached by itself.
TEST(RootTable, NeedsNoFlushWhereTheUnitForgetsByItself) {
  for (const bool forgets : {false, true}) {
    linux_6_12::system s(
        small_machine().set_cap(default_cap().set_enhanced_set_root_table(forgets)).build());
    ASSERT_EQ(s.boot(), 0);
    EXPECT_EQ(s.accesses("dmar0", "iommu_set_root_entry"),
              chain({set_root(s.iommu().root_entry_phys.value(), qie),
                     forgets ? sequence{} : sequence{submit(1), submit(2)}}));
  }
}

TEST(RootTable, IsFlushedByRegistersWithoutAQueue) {
  linux_6_12::system s(small_machine().set_ecap(without_queue()).build());
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(
      s.accesses("dmar0", "iommu_set_root_entry"),
      chain({set_root(s.iommu().root_entry_phys.value(), 0),
             {write8(r_ccmd, icc | uint64_t{1} << 61), read8(r_ccmd),
              write8(r_iotlb, ivt | uint64_t{1} << 60 | uint64_t{1} << 48), read8(r_iotlb)}}));
}

TEST(RootTable, NeedsAPage) {
  booted s;
  const uint64_t pages = s.pages().live_pages();
  const phys_addr before = s.iommu().root_entry_phys;
  s.pages().failures().fail_at(1);
  EXPECT_EQ(iommu_alloc_root_entry(s.driver(), s.iommu()), -ENOMEM);
  s.pages().failures().fail_never();
  EXPECT_EQ(s.logged("DMAR: Allocating root entry for dmar0 failed"), 1);
  EXPECT_EQ(s.pages().live_pages(), pages);
  EXPECT_EQ(s.iommu().root_entry_phys, before);
}

// iommu_skip_te_disable: some graphics hang when the unit that is theirs alone goes off; only where
// it has draining of reads or writes.
TEST(Translation, StaysOnWhereGraphicsWouldHang) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    const bool quirk = (bits & 1) != 0, graphics = (bits & 2) != 0;
    const bool reads = (bits & 4) != 0, writes = (bits & 8) != 0;
    booted s(default_cap().set_read_drain(reads).set_write_drain(writes));
    s.driver().iommu_skip_te_disable = quirk;
    s.iommu().drhd->gfx_dedicated = graphics;
    iommu_disable_translation(s.driver(), s.iommu());
    const bool stays = quirk && graphics && (reads || writes);
    EXPECT_EQ(s.accesses(), stays ? sequence{} : command(qie)) << bits;
    EXPECT_EQ((s.unit().peek(vtd_register::gsts) & te) != 0, stays);
    EXPECT_EQ((s.iommu().gcmd & te) != 0, stays);
    iommu_enable_translation(s.driver(), s.iommu());
    EXPECT_NE(s.unit().peek(vtd_register::gsts) & te, 0u);
  }
}

// What another kernel left on, and this one is no kdump kernel.
TEST(Translation, LeftOnIsSwitchedOff) {
  linux_6_12::system s(small_machine().build());
  s.unit().write64(r_rtaddr, 0x3000000);
  s.unit().write32(r_gcmd, srtp);
  s.unit().write32(r_gcmd, te);
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.logged("DMAR: Translation was enabled for dmar0 but we are not in kdump mode"), 1);
  EXPECT_EQ(s.accesses("dmar0", "iommu_disable_translation"), command(qie));
  EXPECT_FALSE(s.iommu().trans_pre_enabled);
  EXPECT_NE(s.unit().peek(vtd_register::gsts) & te, 0u) << "and on again at the end";
}

}  // namespace
}  // namespace iommulab::v6_12::register_test
