// SPDX-License-Identifier: GPL-2.0-only
//
// Queued invalidation of Linux 6.12 (VT-d 6.5.2): the queue on and off, its ring, descriptors with
// the fields of their specification, and the three errors that FSTS tells (6.5.2.10, 11.4.9.9), by
// drivers/iommu/intel/dmar.c: qi_submit_sync(), qi_check_fault(), qi_dump_fault().
#include "intel/v6_12/queue.h"

#include "core/panic.h"
#include "intel/expect.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::queue_test {
namespace {

using namespace test;
using ::testing::ElementsAre;

using booted = linux_6_12::queue_system;
using linux_6_12::scalable_device_tlb_ecap;

// The status is read as what it is, four bytes; then tail and head.
TEST(Queue, LeftOnByFirmwareIsSwitchedOffFirst) {
  test::linux_6_12::system s(small_machine().build());
  s.unit().write64(r_iqa, 0x3000000);
  s.unit().write32(r_gcmd, qie);
  ASSERT_EQ(s.boot(), 0);
  EXPECT_EQ(s.accesses("dmar0", "intel_iommu_init_qi"),
            chain({no_faults(),
                   {read4(r_gsts), read4(r_iqt), read4(r_iqh)},
                   command(0),
                   {write4(r_iqt, 0), write8(r_iqa, s.iommu().qi->desc_phys.value())},
                   command(qie)}));
}

// DMAR_OPERATION_TIMEOUT, ten seconds, is what a queue that stands still gets.
TEST(Queue, ThatStandsStillIsGivenUpAfterTenSeconds) {
  test::linux_6_12::system s(small_machine().build());
  s.stop_recording();
  s.word(0x3000000) = 0xf;  // no such descriptor
  s.unit().write64(r_iqa, 0x3000000);
  s.unit().write32(r_gcmd, qie);
  s.unit().write32(r_iqt, descriptor_bytes);
  ASSERT_EQ(s.boot(), 0);
  EXPECT_GE(s.env().clock.now_ns(), 10'000'000'000u);
  EXPECT_LT(s.env().clock.now_ns(), 11'000'000'000u);
}

TEST(Queue, OfAUnitWithoutOneIsNotThere) {
  booted s(default_ecap().set_queued_invalidation(false));
  EXPECT_EQ(s.iommu().qi, nullptr);
  EXPECT_EQ(dmar_enable_qi(s.driver(), s.iommu()), -ENOENT);
  EXPECT_EQ(dmar_reenable_qi(s.driver(), s.iommu()), -ENOENT);
  dmar_disable_qi(s.driver(), s.iommu());
  EXPECT_EQ(s.submit_one(0x11, 0), 0);
  EXPECT_TRUE(s.accesses().empty());
  EXPECT_EQ(s.logged("DMAR: dmar0: Using Register based invalidation"), 1);
  EXPECT_EQ(s.logged("DMAR: dmar0: Using Queued invalidation"), 0);
}

TEST(Queue, IsSwitchedOnOnce) {
  booted s;
  EXPECT_EQ(dmar_enable_qi(s.driver(), s.iommu()), 0);
  EXPECT_TRUE(s.accesses().empty());
  EXPECT_EQ(s.logged("DMAR: dmar0: Using Queued invalidation"), 1);
}

TEST(Queue, CanBeEnabledAgain) {
  booted s;
  EXPECT_EQ(dmar_reenable_qi(s.driver(), s.iommu()), 0);
  EXPECT_EQ(s.accesses(), chain({{read4(r_gsts), read4(r_iqt), read4(r_iqh)},
                                 command(te),
                                 {write4(r_iqt, 0), write8(r_iqa, s.iommu().qi->desc_phys.value())},
                                 command(te | qie)}));
  s.events().clear();
  EXPECT_EQ(s.submit_one(0x11, 0), 0);
  EXPECT_EQ(s.accesses(), sequence{submit(1)});
  std::unique_ptr<q_inval> queue = std::move(s.iommu().qi);
  EXPECT_EQ(dmar_reenable_qi(s.driver(), s.iommu()), -ENOENT);
  s.iommu().qi = std::move(queue);
}

// An object, the queue, its status words: without one of them registers are used, nothing stays.
TEST(Queue, NeedsMemory) {
  for (const vtd::ecap_register ecap : {default_ecap(), scalable_device_tlb_ecap()}) {
    booted s(ecap);
    std::unique_ptr<q_inval> queue = std::move(s.iommu().qi);
    const uint64_t pages = s.pages().live_pages();
    const int64_t objects = s.slab().live();
    s.slab().fail_at(1);
    EXPECT_EQ(dmar_enable_qi(s.driver(), s.iommu()), -ENOMEM);
    s.slab().fail_never();
    for (const uint64_t n : {1u, 2u}) {
      s.pages().failures().fail_at(n);
      EXPECT_EQ(dmar_enable_qi(s.driver(), s.iommu()), -ENOMEM) << n;
      s.pages().failures().fail_never();
    }
    EXPECT_EQ(s.iommu().qi, nullptr);
    EXPECT_EQ(s.pages().live_pages(), pages);
    EXPECT_EQ(s.slab().live(), objects);
    EXPECT_TRUE(s.pages().diagnoses().empty());
    EXPECT_TRUE(s.accesses().empty());
    s.iommu().qi = std::move(queue);
  }
}

// 256 descriptors of 32 bytes are two pages: IQA.QS is 1, DW is bit 11 (10.4.23).
TEST(Queue, OfScalableModeIsTwiceAsLarge) {
  for (const bool wide : {false, true}) {
    booted s(wide ? scalable_device_tlb_ecap() : default_ecap());
    EXPECT_EQ(s.unit().peek(vtd_register::iqa) & 0xfff, wide ? 0x801u : 0u);
    EXPECT_EQ(s.unit().queue().entries(), 256u);
    EXPECT_EQ(s.unit().queue().descriptor_bytes(), wide ? 32u : 16u);
    const uint64_t tail = s.unit().peek(vtd_register::iqt);
    EXPECT_EQ(s.submit_one(0x11, 0), 0);
    EXPECT_EQ(s.written(r_iqt), std::vector<uint64_t>{tail + (wide ? 64 : 32)});
  }
}

// 6.5.2.1 and 6.5.2.3. Drains are asked for where CAP has them; bit 0 of the address is the hint.
TEST(Queue, DescriptorsCarryTheirFields) {
  for (const unsigned drains : {0u, 1u, 2u, 3u}) {
    booted s(default_ecap(),
             default_cap().set_read_drain((drains & 2) != 0).set_write_drain((drains & 1) != 0));
    qi_flush_context(s.driver(), s.iommu(), domain_id(0x21), 0x0518, 3,
                     vtd::context_granularity::device);
    qi_flush_iotlb(s.driver(), s.iommu(), domain_id(0x21), 0x12345001, 0,
                   vtd::iotlb_granularity::page);
    qi_flush_iotlb(s.driver(), s.iommu(), domain_id(0x21), 0x40000000, 9,
                   vtd::iotlb_granularity::page);
    const uint64_t iotlb = 2 | 3 << 4 | drains << 6 | 0x21 << 16;
    using d = std::pair<uint64_t, uint64_t>;
    EXPECT_THAT(
        s.descriptors(),
        ElementsAre(d(1 | 3 << 4 | 0x21 << 16 | uint64_t{0x0518} << 32 | uint64_t{3} << 48, 0),
                    d(iotlb, 0x12345040), d(iotlb, 0x40000009)));
    EXPECT_TRUE(s.unit().diagnoses().entries().empty());
  }
}

// 6.5.2.5, 6.5.2.6: PFSID in 15:12 and 63:52 of the first word, MIP in 20:16 or 8:4.
TEST(Queue, DeviceInvalidationsCarryTheirFields) {
  booted s(scalable_device_tlb_ecap().set_device_tlb_throttle(true));
  qi_flush_dev_iotlb(s.driver(), s.iommu(), 0x0518, 0x0523, 5, 0x10000000, 0);
  qi_flush_dev_iotlb(s.driver(), s.iommu(), 0x0518, 0, 32, 0x10000000, 3);
  qi_flush_dev_iotlb_pasid(s.driver(), s.iommu(), 0x0518, 0x0523, 0x12345, 5, 0x10000000, 0);
  const uint64_t pfsid = uint64_t{3} << 12 | uint64_t{0x52} << 52;
  using d = std::pair<uint64_t, uint64_t>;
  EXPECT_THAT(
      s.descriptors(),
      ElementsAre(d(3 | pfsid | 5 << 16 | uint64_t{0x0518} << 32, 0x10000000),
                  d(3 | uint64_t{0x0518} << 32, 0x10003001),
                  d(8 | 5 << 4 | pfsid | 0x0518 << 16 | uint64_t{0x12345} << 32, 0x10000000)));
  EXPECT_TRUE(s.unit().diagnoses().entries().empty());
  using request = answering_devices::request;
  EXPECT_EQ(s.devices.seen, (std::vector<request>{{0x0518, 0x10000000, 0x1000},
                                                  {0x0518, 0x10000000, 0x8000},
                                                  {0x0518, 0x10000000, 0x1000}}));
}

// 6.5.2.2, 6.5.2.4, and WARN_ON(!npages).
TEST(Queue, InvalidationsOfPasidsCarryTheirFields) {
  booted s(scalable_device_tlb_ecap());
  qi_flush_pasid_cache(s.driver(), s.iommu(), 0x21, vtd::pasid_cache_granularity::pasid, 0x12345);
  qi_flush_piotlb(s.driver(), s.iommu(), 0x21, 0x12345, 0, every_page, false);
  qi_flush_piotlb(s.driver(), s.iommu(), 0x21, 0x12345, 0x8000, 8, true);
  qi_flush_piotlb(s.driver(), s.iommu(), 0x21, 0x12345, 0x8000, 0, true);
  const uint64_t who = uint64_t{0x12345} << 32 | 0x21 << 16;
  using d = std::pair<uint64_t, uint64_t>;
  EXPECT_THAT(s.descriptors(), ElementsAre(d(7 | 1 << 4 | who, 0), d(6 | 2 << 4 | who, 0),
                                           d(6 | 3 << 4 | who, 0x8043)));
  EXPECT_EQ(s.logged("DMAR: Invalid input npages = 0"), 1);
  EXPECT_TRUE(s.log_contains("WARNING"));
}

// Section 4.3: none while translation is off.
TEST(Queue, DevicesAreNotAskedWhileTranslationIsOff) {
  booted s(scalable_device_tlb_ecap());
  s.iommu().gcmd &= ~te;
  qi_flush_dev_iotlb(s.driver(), s.iommu(), 0x18, 0, 1, 0x1000, 0);
  qi_flush_dev_iotlb_pasid(s.driver(), s.iommu(), 0x18, 0, 7, 1, 0x1000, 0);
  EXPECT_TRUE(s.accesses().empty());
  s.iommu().gcmd |= te;
}

// The ring: 256 slots, all free again after each submission, whatever its length.
TEST(Queue, WrapsAround) {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{16}}) {
    booted s;
    const std::vector<qi_desc> descs(count, qi_desc{0x11, 0, 0, 0});
    uint64_t tail = s.unit().peek(vtd_register::iqt);
    std::vector<uint64_t> tails;
    for (int i = 0; i < 300; ++i) {
      ASSERT_EQ(qi_submit_sync(s.driver(), s.iommu(), descs), 0);
      tail = (tail + (count + 1) * descriptor_bytes) % (256 * descriptor_bytes);
      tails.push_back(tail);
      ASSERT_EQ(s.iommu().qi->free_cnt, 256);
    }
    EXPECT_EQ(s.written(r_iqt), tails);
    EXPECT_EQ(s.descriptors().size(), 300 * count);
    for (unsigned i = 0; i < 256; ++i) EXPECT_EQ(s.statuses()[i], 0u);
  }
}

// One slot stays free between head and tail, and the wait needs one.
TEST(Queue, TakesNoMoreThanItHasRoomFor) {
  booted s;
  const std::vector<qi_desc> most(254, qi_desc{0x11, 0, 0, 0});
  EXPECT_EQ(qi_submit_sync(s.driver(), s.iommu(), most), 0);
  const std::vector<qi_desc> too_many(255, qi_desc{0x11, 0, 0, 0});
  EXPECT_THROW(qi_submit_sync(s.driver(), s.iommu(), too_many), kernel_bug);
}

// Slots come free in order: those behind one that is in use stay taken with it.
TEST(Queue, GivesSlotsBackInOrder) {
  booted s;
  q_inval& qi = *s.iommu().qi;
  const int first = qi.free_head;
  ASSERT_EQ(s.submit_one(0x11, 0), 0);
  s.statuses()[first] = 1;  // somebody's, in use
  qi.free_tail = first;
  qi.free_cnt = 254;
  ASSERT_EQ(s.submit_one(0x11, 0), 0);
  EXPECT_EQ(qi.free_cnt, 252);
  EXPECT_EQ(qi.free_tail, first);
  s.statuses()[first] = 0;
  ASSERT_EQ(s.submit_one(0x11, 0), 0);
  EXPECT_EQ(qi.free_cnt, 256);
  EXPECT_EQ(qi.free_tail, qi.free_head);
}

}  // namespace
}  // namespace iommulab::v6_12::queue_test
