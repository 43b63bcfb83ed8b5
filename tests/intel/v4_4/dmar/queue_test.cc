// SPDX-License-Identifier: GPL-2.0-only
//
// Queued invalidation (VT-d 6.5.2): a queue that firmware left on, the descriptors, and the three
// errors that the queue reports in FSTS (6.5.2.10).
#include "intel/dmar/queue.h"

#include "core/panic.h"
#include "intel/expect.h"
#include "support/device_tlbs.h"
#include "support/v4_4/divergences.h"
#include "support/v4_4/system.h"

namespace iommulab::test::queue_test {
namespace {

using linux_4_4::system;

constexpr uint64_t iqe = 1 << 4, ice = 1 << 5, ite = 1 << 6;

intel_iommu& first_unit(system& s) {
  return *s.driver().dmar_drhd_units.front().iommu;
}

/// What start-up does once the queue is on, of a machine without ISA bridge and regions.
sequence rest_of_start_up(system& s) {
  return chain({{read4(r_gsts)},
                set_root(first_unit(s).root_entry_phys.value(), qie),
                {submit(1), submit(2)},
                set_interrupt(s, 0),
                command(te | qie),
                disable_protected_memory()});
}

machine_config device_tlb_machine() {
  small_machine m;
  m.set_ecap(default_ecap().set_device_tlb(true));
  return m.build();
}

// dmar_disable_qi(): the status is read as eight bytes at 1Ch, tail and head are compared, and the
// queue goes off before ours comes on.
TEST(queue, left_on_by_firmware_is_switched_off_first) {
  system s(small_machine().build());
  s.unit().write64(r_iqa, 0x3000000);
  s.unit().write32(r_gcmd, qie);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  const sequence expected =
      chain({no_faults(),
             {read8(r_gsts), read4(r_iqt), read4(r_iqh)},
             command(0),
             {write4(r_iqt, 0), write8(r_iqa, first_unit(s).qi->desc_phys.value())},
             command(qie),
             rest_of_start_up(s)});
  EXPECT_EQ(s.accesses("dmar0", "init_dmars"), expected);
}

TEST(queue, off_at_start_is_not_waited_for) {
  system s(small_machine().build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_EQ(
      s.accesses("dmar0", "init_dmars"),
      chain({no_faults(), enable_queue(first_unit(s).qi->desc_phys.value()), rest_of_start_up(s)}));
  // The status register has four bytes and lies at no multiple of eight (10.2).
  ASSERT_EQ(s.unit().diagnoses().entries().size(), 1u);
  EXPECT_EQ(s.unit().diagnoses().entries().front().id, vtd_diagnosis::unaligned_access);
}

// A queue that stands still is given ten seconds (DMAR_OPERATION_TIMEOUT), then switched off all
// the same. The error stays in FSTS: 4.4 takes it for one of its first own descriptor, so that the
// global invalidation of the context-cache is lost. The unit complains when TE follows.
TEST(queue, stuck_since_firmware_is_given_up_after_ten_seconds) {
  system s(small_machine().build(), "intel_iommu=on", trace_class::queue);
  constexpr uint64_t queue = 0x3000000;
  s.word(queue) = 0x7;  // no such descriptor
  s.unit().write64(r_iqa, queue);
  s.unit().write32(r_gcmd, qie);
  s.unit().write32(r_iqt, descriptor_bytes);
  ASSERT_EQ(s.unit().read32(r_fsts), iqe);
  s.events().clear();

  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_GE(s.k().env().clock.now_ns(), 10'000'000'000u);
  EXPECT_EQ(s.logged("DMAR: DRHD: handling fault status reg 10"), 1);
  EXPECT_EQ(s.logged("DMAR: VT-d detected invalid descriptor: low=11, high=0"), 1);
  constexpr uint64_t global_iotlb = 2 | 1 << 4 | 1 << 6 | 1 << 7;
  EXPECT_THAT(s.descriptors(), ::testing::ElementsAre(std::pair(global_iotlb, uint64_t{0})));
  EXPECT_TRUE(s.unit().diagnoses().has(vtd_diagnosis::stale_caches_after_srtp));
  EXPECT_NE(s.unit().peek(vtd_register::gsts) & te, 0u);
}

// Descriptors as 6.5.2.1 and 6.5.2.3 lay them out. The drains are asked for where CAP offers them;
// the leaf hint never is (qi_flush_iotlb() of 4.4 drops it).
TEST(queue, descriptors_carry_their_fields_where_the_specification_puts_them) {
  for (const bool drains : {true, false}) {
    small_machine m;
    m.set_cap(default_cap().set_read_drain(drains).set_write_drain(drains));
    system s(m.build());
    ASSERT_EQ(s.boot().intel_iommu_init, 0);
    s.events().clear();
    s.unit().diagnoses().clear();
    intel_iommu& iommu = first_unit(s);
    qi_flush_context(s.driver(), iommu, domain_id(0x21), 0x0518, 3,
                     vtd::context_granularity::device);
    constexpr uint64_t leaf_hint = 1 << 6;
    qi_flush_iotlb(s.driver(), iommu, domain_id(0x21), 0x12345000 | leaf_hint, 0,
                   vtd::iotlb_granularity::page);
    qi_flush_iotlb(s.driver(), iommu, domain_id(0x21), 0x40000000, 9, vtd::iotlb_granularity::page);
    const uint64_t drain_bits = drains ? 1 << 6 | 1 << 7 : 0;
    const uint64_t iotlb = 2 | 3 << 4 | drain_bits | 0x21 << 16;
    using d = std::pair<uint64_t, uint64_t>;
    EXPECT_THAT(s.descriptors(),
                ::testing::ElementsAre(
                    d(1 | 3 << 4 | 0x21 << 16 | uint64_t{0x0518} << 32 | uint64_t{3} << 48, 0),
                    d(iotlb, 0x12345000), d(iotlb, 0x40000000 | 9)));
    EXPECT_TRUE(s.unit().diagnoses().entries().empty());
  }
}

// 6.5.2.5: S and the lowest zero bit of the address give the size; MIP is the device's queue depth,
// 32 of which is 0.
TEST(queue, device_invalidations_encode_their_size_in_the_address) {
  system s(device_tlb_machine());
  answering_devices devices;
  s.unit().set_device_tlbs(&devices);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  const uint16_t id = nic.requester_id();
  qi_flush_dev_iotlb(s.driver(), first_unit(s), id, 5, 0x10000000, 0);
  qi_flush_dev_iotlb(s.driver(), first_unit(s), id, 32, 0x10000000, 1);
  qi_flush_dev_iotlb(s.driver(), first_unit(s), id, 31, 0x10000000, 3);
  const uint64_t low = 3 | uint64_t{id} << 32;
  using d = std::pair<uint64_t, uint64_t>;
  EXPECT_THAT(s.descriptors(),
              ::testing::ElementsAre(d(low | 5 << 16, 0x10000000), d(low, 0x10000000 | 1),
                                     d(low | 31 << 16, 0x10000000 | 3 << 12 | 1)));
  using request = answering_devices::request;
  EXPECT_EQ(devices.seen, (std::vector<request>{{id, 0x10000000, page_size},
                                                {id, 0x10000000, 2 * page_size},
                                                {id, 0x10000000, 8 * page_size}}));
}

TEST(queue, unaligned_device_invalidations_are_a_bug) {
  system s(device_tlb_machine());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  EXPECT_THROW(qi_flush_dev_iotlb(s.driver(), first_unit(s), 0x18, 0, 0x10001000, 1), kernel_bug);
}

// The tail wraps after 256 descriptors, and every slot is free again after each submission.
TEST(queue, wraps_around) {
  system s(small_machine().build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  constexpr unsigned before = 2;  // start-up's
  constexpr unsigned rounds = 300;
  for (unsigned i = 0; i < rounds; ++i) {
    qi_flush_iotlb(s.driver(), first_unit(s), domain_id(0), 0, 0, vtd::iotlb_granularity::global);
  }
  std::vector<uint64_t> tails;
  for (unsigned i = 1; i <= rounds; ++i) {
    tails.push_back((before + i) * 2 % 256 * descriptor_bytes);
  }
  EXPECT_EQ(s.written(r_iqt), tails);
  EXPECT_EQ(s.descriptors().size(), rounds);
  const q_inval& qi = *first_unit(s).qi;
  EXPECT_EQ(qi.free_cnt, 256);
  const auto* status = s.k().memory().object_at<uint32_t>(qi.desc_status_phys, 256);
  ASSERT_NE(status, nullptr);
  for (unsigned i = 0; i < 256; ++i) EXPECT_EQ(status[i], 0u);
}

// IQE: the head stays on the bad descriptor. qi_check_fault() prints it, puts the wait descriptor
// in its place, clears the bit, and the submitter learns -EINVAL.
TEST(queue, an_invalid_descriptor_is_reported_and_replaced) {
  system s(small_machine().build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  EXPECT_EQ(qi_submit_sync(s.driver(), first_unit(s), {0x7, 0xabc}), -EINVAL);
  EXPECT_EQ(s.logged("DMAR: VT-d detected invalid descriptor: low=7, high=abc"), 1);
  // The event comes when interrupts are on again; by then there is nothing left to report.
  EXPECT_EQ(s.accesses(),
            chain({{submit(3), read4(r_fsts), read4(r_iqh), write4(r_fsts, iqe)}, no_faults()}));
  EXPECT_EQ(first_unit(s).qi->free_cnt, 256);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), 0u);
  EXPECT_EQ(s.unit().peek(vtd_register::iqh), s.unit().peek(vtd_register::iqt));

  EXPECT_EQ(qi_submit_sync(s.driver(), first_unit(s), {1 | 1 << 4, 0}), 0);
  EXPECT_EQ(s.written(r_iqt).back(), uint64_t{4} * 2 * descriptor_bytes);
}

// ITE: a device did not answer. The unit dropped the wait descriptor; qi_check_fault() marks every
// pending one aborted and clears the bit, qi_submit_sync() starts over with new slots.
TEST(queue, a_device_that_times_out_is_asked_again) {
  system s(device_tlb_machine());
  answering_devices devices;
  s.unit().set_device_tlbs(&devices);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  devices.answers = {device_tlb_reply::timed_out, device_tlb_reply::timed_out};
  qi_flush_dev_iotlb(s.driver(), first_unit(s), nic.requester_id(), 1, 0x1000, 0);
  EXPECT_EQ(devices.seen.size(), 3u);
  const auto failed = [](unsigned n) {
    return chain(
        {{submit(n), read4(r_fsts), read4(r_iqh), read4(r_iqt), write4(r_fsts, ite)}, no_faults()});
  };
  EXPECT_EQ(s.accesses(), chain({failed(3), failed(4), {submit(5)}}));
  EXPECT_EQ(first_unit(s).qi->free_cnt, 256);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), 0u);
}

// The same at the end of the ring, where the aborted slots wrap.
TEST(queue, a_time_out_at_the_end_of_the_ring_is_survived) {
  system s(device_tlb_machine());
  answering_devices devices;
  s.unit().set_device_tlbs(&devices);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  for (unsigned n = 3; n <= 130; ++n) {
    devices.answers = {device_tlb_reply::timed_out};
    devices.seen.clear();
    qi_flush_dev_iotlb(s.driver(), first_unit(s), nic.requester_id(), 1, 0x1000, 0);
    ASSERT_EQ(devices.seen.size(), 2u);
    ASSERT_EQ(first_unit(s).qi->free_cnt, 256);
  }
}

// ICE: the device answered with an error. The queue goes on; the event's handler names the status,
// and nobody clears the bit until a submitter has to wait.
TEST(queue, a_device_error_is_reported_by_the_fault_event) {
  system s(device_tlb_machine());
  answering_devices devices;
  s.unit().set_device_tlbs(&devices);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  devices.answers = {device_tlb_reply::completion_error};
  qi_flush_dev_iotlb(s.driver(), first_unit(s), nic.requester_id(), 1, 0x1000, 0);
  EXPECT_EQ(s.accesses(), chain({{submit(3)}, no_faults()}));
  EXPECT_EQ(s.logged("DMAR: DRHD: handling fault status reg 20"), 1);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), ice);
}

TEST(queue, a_device_error_seen_while_waiting_is_cleared) {
  system s(device_tlb_machine());
  answering_devices devices;
  s.unit().set_device_tlbs(&devices);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  slow_queue slow(s.unit());
  intel_iommu& iommu = first_unit(s);
  iommu.reg =
      iomem(std::make_unique<mmio_window>(&slow, "dmar0", 0, page_size, 0), s.k().env().trace);
  s.events().clear();
  devices.answers = {device_tlb_reply::completion_error};
  qi_flush_dev_iotlb(s.driver(), iommu, nic.requester_id(), 1, 0x1000, 0);
  EXPECT_EQ(s.accesses(),
            chain({{submit(3), read4(r_fsts), write4(r_fsts, ice), read4(r_fsts)}, no_faults()}));
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), 0u);
  EXPECT_EQ(reported(s.events()), reports{}) << "it answers after a while";
}

// A unit that never completes: IOMMU_WAIT_OP() panics after ten seconds of a command register; a
// descriptor is waited for as long, where 4.4 waits for ever.
TEST(queue, a_dead_unit_is_a_panic) {
  small_machine m;
  system s(m.build(), "intel_iommu=on", trace_class::faults);
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  class dead : public mmio_region {
   public:
    [[nodiscard]] uint64_t size() const override { return page_size; }
    uint32_t read32(uint64_t) override { return 0; }
    uint64_t read64(uint64_t) override { return 0; }
    void write32(uint64_t, uint32_t) override {}
    void write64(uint64_t, uint64_t) override {}
  } dead_unit;
  intel_iommu& iommu = first_unit(s);
  iommu.reg =
      iomem(std::make_unique<mmio_window>(&dead_unit, "dmar0", 0, page_size, 0), s.k().env().trace);
  const uint64_t start = s.k().env().clock.now_ns();
  EXPECT_THROW(qi_global_iec(s.driver(), iommu), kernel_panic);
  EXPECT_GE(s.k().env().clock.now_ns() - start, 10'000'000'000u);
  EXPECT_EQ(reported(s.events()), reports{v4_4::divergence::queue_never_answers});
}

// dmar_reenable_qi(): drained, off, and on again from slot 0.
TEST(queue, can_be_enabled_again) {
  system s(small_machine().build());
  ASSERT_EQ(s.boot().intel_iommu_init, 0);
  s.events().clear();
  EXPECT_EQ(dmar_reenable_qi(s.driver(), first_unit(s)), 0);
  EXPECT_EQ(s.accesses(),
            chain({{read8(r_gsts), read4(r_iqt), read4(r_iqh)},
                   command(te),
                   {write4(r_iqt, 0), write8(r_iqa, first_unit(s).qi->desc_phys.value())},
                   command(te | qie)}));
  s.events().clear();
  qi_flush_iotlb(s.driver(), first_unit(s), domain_id(0), 0, 0, vtd::iotlb_granularity::global);
  EXPECT_EQ(s.accesses(), sequence{submit(1)});
}

}  // namespace
}  // namespace iommulab::test::queue_test
