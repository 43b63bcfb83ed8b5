// SPDX-License-Identifier: GPL-2.0-only
//
// The three errors that FSTS tells of a queue (VT-d 6.5.2.10), IQER that says whose they are
// (11.4.9.9), and what Linux 6.12 makes of them: drivers/iommu/intel/dmar.c: qi_check_fault(),
// qi_dump_fault(), qi_submit_sync().
#include "core/panic.h"
#include "core/v6_12/divergence.h"
#include "intel/expect.h"
#include "platform/pci/pci_function.h"
#include "support/scripted_unit.h"
#include "support/v6_12/queue_system.h"

namespace iommulab::v6_12::queue_error_test {
namespace {

using namespace test;
using booted = linux_6_12::queue_system;
using linux_6_12::scalable_device_tlb_ecap;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr uint64_t iqe = 1 << 4, ice = 1 << 5, ite = 1 << 6;
constexpr uint64_t r_iqer = 0xb0;
enum : uint32_t { is_free, in_use, done, aborted };

std::vector<std::string> lines_with(booted& s, std::string_view part) {
  std::vector<std::string> found;
  for (const std::string& line : s.log()) {
    if (line.find(part) != std::string::npos) found.push_back(line);
  }
  return found;
}

// The head stays on the bad descriptor, which the wait replaces; the submitter learns -EINVAL. What
// is before it in the ring is start-up's last wait: done is 2, and SW bit 5.
TEST(QueueError, OfAnInvalidDescriptorIsTheSubmitters) {
  for (const bool wide : {false, true}) {
    booted s(wide ? scalable_device_tlb_ecap() : default_ecap());
    const int index = s.iommu().qi->free_head;
    const uint64_t status = s.iommu().qi->desc_status_phys.value() + 4 * uint64_t(index - 1);
    const uint64_t type = wide ? 0xf : 0x7;
    EXPECT_EQ(s.submit_one(type, 0xabc), -EINVAL);
    // IQER is there in scalable mode alone; 3 is a type that is none.
    EXPECT_THAT(lines_with(s, "Q"),
                ::testing::IsSupersetOf(
                    {absl::StrFormat("DMAR: VT-d detected Invalidation Queue Error: Reason %d",
                                     wide ? 3 : 0),
                     absl::StrFormat("DMAR: QI HEAD: %s qw0 = 0x%x, qw1 = 0xabc",
                                     wide ? "UNKNOWN" : "PASID-cache Invalidation", type),
                     absl::StrFormat(
                         "DMAR: QI PRIOR: Invalidation Wait qw0 = 0x200000025, qw1 = 0x%x", status),
                     std::string("DMAR: Invalidation Queue Error (IQE) cleared")}));
    EXPECT_EQ(lines_with(s, "Time-out").size() + lines_with(s, "Completion Error").size(), 0u);
    const uint64_t tail = s.unit().peek(vtd_register::iqt);
    EXPECT_EQ(s.accesses(), chain({{write4(r_iqt, tail), read4(r_fsts), read4(r_iqh), read8(r_iqer),
                                    read4(r_iqh), write4(r_fsts, iqe)},
                                   no_faults()}));
    EXPECT_EQ(s.iommu().qi->free_cnt, 256);
    EXPECT_EQ(s.unit().peek(vtd_register::fsts), 0u);
    EXPECT_EQ(s.unit().peek(vtd_register::iqh), tail);
    EXPECT_EQ(s.submit_one(0x11, 0), 0);
  }
}

// qi_type_string(), and the words of trace.h; what has none is told by number.
TEST(QueueError, NamesTheTypeOfDescriptors) {
  const std::map<unsigned, std::pair<const char*, const char*>> words = {
      {0, {"UNKNOWN", "0x0"}},
      {1, {"Context-cache Invalidation", "cc_inv"}},
      {2, {"IOTLB Invalidation", "iotlb_inv"}},
      {3, {"Device-TLB Invalidation", "dev_tlb_inv"}},
      {4, {"Interrupt Entry Cache Invalidation", "iec_inv"}},
      {5, {"Invalidation Wait", "inv_wait"}},
      {6, {"PASID-based IOTLB Invalidation", "p_iotlb_inv"}},
      {7, {"PASID-cache Invalidation", "pc_inv"}},
      {8, {"PASID-based Device-TLB Invalidation", "p_dev_tlb_inv"}},
      {9, {"Page Group Response", "page_grp_resp"}},
      {10, {"UNKNOWN", "0xa"}},
      {15, {"UNKNOWN", "0xf"}},
  };
  for (const auto& [type, said] : words) {
    booted s;
    scripted_unit unit;
    s.put_in_place(unit);
    unit.registers[r_fsts] = iqe;
    unit.registers[r_iqh] = static_cast<uint64_t>(s.iommu().qi->free_head) << 4;
    EXPECT_EQ(s.submit_one(type, 0x5000), -EINVAL);
    EXPECT_EQ(
        s.logged(absl::StrFormat("DMAR: QI HEAD: %s qw0 = 0x%x, qw1 = 0x5000", said.first, type)),
        1);
    EXPECT_THAT(s.notes("qi_submit"),
                ElementsAre(absl::StrFormat("qi_submit: %s dmar0: 0x%x 0x5000 0x0 0x0", said.second,
                                            type)));
  }
}

// Somebody else's bad descriptor is his to clear: this one waits on. The first slot's neighbour is
// the last one's.
TEST(QueueError, OfAnotherSubmitterIsLeftToHim) {
  booted s;
  scripted_unit unit;
  s.put_in_place(unit);
  const int wait = s.iommu().qi->free_head + 1;
  unit.registers[r_fsts] = iqe;
  unit.registers[r_iqh] = 0;
  int looks = 0;
  unit.after_status = [&] {
    if (++looks == 2) s.statuses()[wait] = done;
  };
  *s.k().memory().object_at<uint64_t>(s.iommu().qi->desc_phys + 255 * descriptor_bytes) = 0x12;
  EXPECT_EQ(s.submit_one(0x11, 0), 0);
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(s.logged("DMAR: QI PRIOR: IOTLB Invalidation qw0 = 0x12, qw1 = 0x0"), 2);
  EXPECT_EQ(unit.registers[r_fsts], iqe);
  EXPECT_EQ(s.logged("DMAR: Invalidation Queue Error (IQE) cleared"), 0);
}

// The unit dropped the wait: it is marked, the bit cleared, and the submission made again.
TEST(QueueError, OfADeviceThatTimesOutIsTriedAgain) {
  booted s;
  s.devices.answers = {device_tlb_reply::timed_out, device_tlb_reply::timed_out};
  qi_flush_dev_iotlb(s.driver(), s.iommu(), nic.requester_id(), 0, 1, 0x1000, 0);
  EXPECT_EQ(s.devices.seen.size(), 3u);
  // Without scalable mode IQER is not there: a unit from before it, whose 0 says nothing.
  const auto failed = [](unsigned n) {
    return chain({{submit(n), read4(r_fsts), read4(r_iqh), read8(r_iqer), read4(r_iqh),
                   read4(r_iqt), read8(r_iqer), write4(r_fsts, ite)},
                  no_faults()});
  };
  EXPECT_EQ(s.accesses(), chain({failed(3), failed(4), {submit(5)}}));
  EXPECT_EQ(s.logged("DMAR: VT-d detected Invalidation Time-out Error: SID 0"), 2);
  EXPECT_EQ(s.logged("DMAR: Invalidation Time-out Error (ITE) cleared"), 2);
  EXPECT_EQ(s.iommu().qi->free_cnt, 256);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), 0u);
}

TEST(QueueError, AtTheEndOfTheRingIsSurvived) {
  booted s;
  for (unsigned n = 3; n <= 130; ++n) {
    s.devices.answers = {device_tlb_reply::timed_out};
    s.devices.seen.clear();
    qi_flush_dev_iotlb(s.driver(), s.iommu(), nic.requester_id(), 0, 1, 0x1000, 0);
    ASSERT_EQ(s.devices.seen.size(), 2u);
    ASSERT_EQ(s.iommu().qi->free_cnt, 256);
  }
}

// From the slot before the head down to, and without, the one before the tail; only waiting ones.
TEST(QueueError, AbortsWhatTheUnitFetched) {
  struct row {
    int head, tail;
    std::vector<int> dropped, kept;
  };
  // The submission is slots 4 and 5, and again 6 and 7.
  const row rows[] = {{9, 5, {8}, {3, 9, 10, 255}}, {0, 3, {255, 8, 3}, {2, 1, 0}}};
  for (const row& r : rows) {
    booted s;
    ASSERT_EQ(s.iommu().qi->free_head, 4);
    scripted_unit unit;
    s.put_in_place(unit);
    uint32_t* const status = s.statuses();
    for (const int slot : r.dropped) status[slot] = in_use;
    for (const int slot : r.kept) status[slot] = in_use;
    status[200] = is_free;
    int submissions = 0;
    unit.after_tail = [&] {
      if (++submissions == 2) {
        status[7] = done;
        return;
      }
      unit.registers[r_fsts] = ite;
      unit.registers[r_iqh] = static_cast<uint64_t>(r.head) * descriptor_bytes;
      unit.registers[r_iqt] = static_cast<uint64_t>(r.tail) * descriptor_bytes;
    };
    EXPECT_EQ(s.submit_one(3, 0x1000), 0);
    EXPECT_EQ(submissions, 2);
    for (const int slot : r.dropped) EXPECT_EQ(status[slot], aborted) << slot;
    for (const int slot : r.kept) EXPECT_EQ(status[slot], in_use) << slot;
    EXPECT_EQ(status[200], is_free);
  }
}

// Another submitter's look marks this one's wait before it looks itself: tried again at once.
TEST(QueueError, MarkedByAnotherSubmitterIsTriedAgain) {
  booted s;
  scripted_unit unit;
  s.put_in_place(unit);
  int submissions = 0;
  unit.after_tail = [&] {
    const bool is_first = ++submissions == 1;
    s.statuses()[is_first ? 5 : 7] = is_first ? aborted : done;
  };
  EXPECT_EQ(s.submit_one(3, 0x1000), 0);
  EXPECT_EQ(submissions, 2);
  EXPECT_EQ(s.accesses(), (sequence{submit(3), submit(4)})) << "no register is read for it";
}

/// The machine of queue_system with a device that has a cache, in scalable mode.
machine_config machine_with_cache() {
  small_machine m;
  m.set_ecap(scalable_device_tlb_ecap());
  m.add_function(function_builder(at(0, 4), 0x8086, 0x10d3, 0x020000)
                     .express(pci_exp_type::rc_endpoint, 0x40)
                     .ats(0x100, 4)
                     .build());
  return m.build();
}

// 11.4.9.9, ITESID: who is there is asked again; who is not, or is no device of the unit's, is
// given up.
TEST(QueueError, OfADeviceThatIsGoneIsGivenUp) {
  constexpr source_id caching = at(0, 4);
  for (const bool present : {true, false}) {
    booted s(machine_with_cache());
    s.devices.answers = {device_tlb_reply::timed_out};
    dynamic_cast<pci_function&>(*s.function(caching).config).set_present(present);
    qi_flush_dev_iotlb(s.driver(), s.iommu(), caching.requester_id(), 0, 4, 0x1000, 0);
    EXPECT_EQ(s.devices.seen.size(), present ? 2u : 1u);
    EXPECT_EQ(s.logged("DMAR: VT-d detected Invalidation Time-out Error: SID 20"), 1);
  }
  booted s(machine_with_cache());
  s.devices.answers = {device_tlb_reply::timed_out};
  const qi_desc desc = qi_desc_dev_iotlb(nic.requester_id(), 0, 1, 0x1000, 0);
  EXPECT_EQ(qi_submit_sync(s.driver(), s.iommu(), {&desc, 1}), -ETIMEDOUT) << "it has no cache";
  EXPECT_EQ(s.devices.seen.size(), 1u);
  EXPECT_EQ(s.iommu().qi->free_cnt, 256);
}

// ICE: the queue goes on. Nobody clears the bit until a submitter has to wait.
TEST(QueueError, OfADeviceThatAnswersWronglyIsToldByTheFaultEvent) {
  booted s;
  s.devices.answers = {device_tlb_reply::completion_error};
  qi_flush_dev_iotlb(s.driver(), s.iommu(), nic.requester_id(), 0, 1, 0x1000, 0);
  EXPECT_EQ(s.accesses(), chain({{submit(3)}, no_faults()}));
  EXPECT_EQ(s.logged("DMAR: DRHD: handling fault status reg 20"), 1);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), ice);
}

TEST(QueueError, SeenWhileWaitingIsCleared) {
  booted s(machine_with_cache());
  const uint64_t tail = s.unit().peek(vtd_register::iqt) + 64;
  slow_queue slow(s.unit(), 32);
  s.put_in_place(slow);
  s.devices.answers = {device_tlb_reply::completion_error};
  qi_flush_dev_iotlb(s.driver(), s.iommu(), at(0, 4).requester_id(), 0, 1, 0x1000, 0);
  EXPECT_EQ(s.accesses(), chain({{write4(r_iqt, tail), read4(r_fsts), read4(r_iqh), read8(r_iqer),
                                  write4(r_fsts, ice), read4(r_fsts)},
                                 no_faults()}));
  EXPECT_EQ(s.logged("DMAR: VT-d detected Invalidation Completion Error: SID 20"), 1);
  EXPECT_EQ(s.logged("DMAR: Invalidation Completion Error (ICE) cleared"), 1);
  EXPECT_EQ(s.unit().peek(vtd_register::fsts), 0u);
}

// A unit that never answers gets ten seconds, where the kernel waits for ever (README.md).
TEST(QueueError, OfADeadUnitIsAPanic) {
  booted s;
  s.stop_recording();
  scripted_unit dead;
  s.put_in_place(dead);
  const uint64_t start = s.env().clock.now_ns();
  EXPECT_THROW(s.submit_one(0x11, 0), kernel_panic);
  EXPECT_GE(s.env().clock.now_ns() - start, 10'000'000'000u);
  EXPECT_EQ(s.env().divergences.total(), 1u);
}

}  // namespace
}  // namespace iommulab::v6_12::queue_error_test
