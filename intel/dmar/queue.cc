// SPDX-License-Identifier: GPL-2.0-only
#include "intel/dmar/queue.h"

#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "intel/dmar/unit.h"
#include "intel/hw/memory.h"

namespace iommulab {
namespace {

constexpr unsigned iq_shift = 4;  // DMAR_IQ_SHIFT: a descriptor's 16 bytes
constexpr uint16_t max_device_invalidations = 32;

/// A queue's descriptors and status words where the processor sees them, for as long as one
/// function uses them. The status words are shared with the unit.
class queue_slots {
 public:
  queue_slots(const dmar_state& dmar, const q_inval& qi)
      : desc_(table_at<vtd::descriptor>(dmar, qi.desc_phys)),
        status_(dmar.host.memory.object_at<uint32_t>(qi.desc_status_phys, qi_length)) {
    bug_on(status_ == nullptr, "the queue's status words lie outside of memory");
  }

  [[nodiscard]] vtd::descriptor& descriptor(int slot) const { return desc_[slot]; }
  [[nodiscard]] qi_status status(int slot) const {
    return static_cast<qi_status>(
        std::atomic_ref<uint32_t>(status_[slot]).load(std::memory_order_acquire));
  }
  void set_status(int slot, qi_status status) const {
    std::atomic_ref<uint32_t>(status_[slot])
        .store(static_cast<uint32_t>(status), std::memory_order_release);
  }

 private:
  vtd::descriptor* desc_;
  uint32_t* status_;
};

/// The slot `count` behind (or, negative, before) another; the queue is a ring.
constexpr int slot_after(int slot, int count) {
  return (slot + count + qi_length) % qi_length;
}

// Linux v4.4 drivers/iommu/dmar.c: reclaim_free_desc(). Slots come free in the order in which they
// were taken.
void reclaim_free_desc(q_inval& qi, const queue_slots& slots) {
  const auto finished = [&] {
    const qi_status status = slots.status(qi.free_tail);
    return status == qi_status::done || status == qi_status::abort;
  };
  for (; finished(); qi.free_tail = slot_after(qi.free_tail, 1)) {
    slots.set_status(qi.free_tail, qi_status::free);
    ++qi.free_cnt;
  }
}

// The timed-out device-TLB invalidation of qi_check_fault(): the unit dropped every wait descriptor
// from the one before the head back to the one before the tail, so their submitters must try again.
// Each submission took two slots, an even one for its descriptor and the odd one behind it.
void abort_pending_waits(intel_iommu& iommu, const queue_slots& slots) {
  const auto slot_in = [&](uint32_t reg) {
    return static_cast<int>(iommu.reg.readl(reg) >> iq_shift);
  };
  const int newest_fetched = slot_after(slot_in(vtd::iqh_reg), -1) | 1;
  const int end = slot_after(slot_in(vtd::iqt_reg), -1);
  iommu.reg.writel(vtd::fsts::ite.mask(), vtd::fsts_reg);
  int wait = newest_fetched;
  do {
    if (slots.status(wait) == qi_status::in_use) slots.set_status(wait, qi_status::abort);
    wait = slot_after(wait, -2);
  } while (wait != end);
}

// Linux v4.4 drivers/iommu/dmar.c: qi_check_fault()
int qi_check_fault(dmar_state& dmar, intel_iommu& iommu, const queue_slots& slots, int index) {
  IOMMULAB_CALL(dmar.trace, "qi_check_fault", {"iommu", iommu}, {"index", index});
  const int wait_index = slot_after(index, 1);
  if (slots.status(wait_index) == qi_status::abort) return this_call.result(-EAGAIN);

  const uint32_t fault = iommu.reg.readl(vtd::fsts_reg);
  if (vtd::fsts::iqe.test(fault)) {
    // The head stays on the descriptor that the unit did not understand.
    const int head = static_cast<int>(iommu.reg.readl(vtd::iqh_reg) >> iq_shift);
    if (head == index) {
      dmar.pr.err("VT-d detected invalid descriptor: low=%x, high=%x", slots.descriptor(index).low,
                  slots.descriptor(index).high);
      slots.descriptor(index) = slots.descriptor(wait_index);
      iommu_flush_cache(dmar, iommu, &slots.descriptor(index), sizeof(vtd::descriptor));
      iommu.reg.writel(vtd::fsts::iqe.mask(), vtd::fsts_reg);
      return this_call.result(-EINVAL);
    }
  }
  if (vtd::fsts::ite.test(fault)) {
    abort_pending_waits(iommu, slots);
    if (slots.status(wait_index) == qi_status::abort) return this_call.result(-EAGAIN);
  }
  if (vtd::fsts::ice.test(fault)) iommu.reg.writel(vtd::fsts::ice.mask(), vtd::fsts_reg);
  return this_call.result(0);
}

// One try of qi_submit_sync(); -EAGAIN asks for another.
int submit_once(dmar_state& dmar, intel_iommu& iommu, const vtd::descriptor& desc) {
  q_inval& qi = *iommu.qi;
  spin_lock_irqsave lock(dmar.host.interrupts, qi.q_lock);
  bug_on(qi.free_cnt < 3, "the invalidation queue has no room: descriptors never complete");

  const queue_slots slots(dmar, qi);
  const int index = qi.free_head;
  const int wait_index = slot_after(index, 1);
  slots.set_status(index, qi_status::in_use);
  slots.set_status(wait_index, qi_status::in_use);

  slots.descriptor(index) = desc;
  vtd::wait_descriptor wait;
  wait.status_write = true;
  wait.status_data = static_cast<uint32_t>(qi_status::done);
  wait.status_address = qi.desc_status_phys + static_cast<uint64_t>(wait_index) * sizeof(uint32_t);
  slots.descriptor(wait_index) = wait.encode();
  iommu_flush_cache(dmar, iommu, &slots.descriptor(index), sizeof(vtd::descriptor));
  iommu_flush_cache(dmar, iommu, &slots.descriptor(wait_index), sizeof(vtd::descriptor));

  qi.free_head = slot_after(qi.free_head, 2);
  qi.free_cnt -= 2;
  // The unit may fetch from here on: both descriptors must be in place.
  iommu.reg.writel(static_cast<uint32_t>(qi.free_head) << iq_shift, vtd::iqt_reg);

  int rc = 0;
  const auto done = [&] {
    if (slots.status(wait_index) == qi_status::done) return true;
    rc = qi_check_fault(dmar, iommu, slots, index);
    return rc != 0;
  };
  iommu_wait_op(dmar, done, [&] {
    if (dmar.callbacks.diverges) dmar.callbacks.diverges(dmar_divergence::queue_never_answers);
  });
  slots.set_status(index, qi_status::done);
  reclaim_free_desc(qi, slots);
  return rc;
}

// Linux v4.4 drivers/iommu/dmar.c: __dmar_enable_qi()
void dmar_enable_qi_locked(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "__dmar_enable_qi", {"iommu", iommu});
  q_inval& qi = *iommu.qi;
  qi.free_head = 0;
  qi.free_tail = 0;
  qi.free_cnt = qi_length;

  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  iommu.reg.writel(0, vtd::iqt_reg);
  iommu.reg.writeq(qi.desc_phys.value(), vtd::iqa_reg);
  iommu.gcmd |= vtd::gcmd::qie.mask();
  iommu.reg.writel(iommu.gcmd, vtd::gcmd_reg);
  iommu_wait_op(dmar, [&] { return vtd::gsts::qies.test(iommu.reg.readl(vtd::gsts_reg)); });
}

}  // namespace

// Linux v4.4 drivers/iommu/dmar.c: dmar_enable_qi()
int dmar_enable_qi(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_enable_qi", {"iommu", iommu});
  if (!iommu.ecap.queued_invalidation()) return this_call.result(-ENOENT);
  if (iommu.qi != nullptr) return this_call.result(0);

  slab_token memory(dmar.host.slab);
  if (!memory) return this_call.result(-ENOMEM);
  const auto queue = dmar.host.pages.alloc_pages(0, gfp_atomic | gfp_zero, iommu.node);
  if (!queue) return this_call.result(-ENOMEM);
  const auto status =
      dmar.host.pages.kmalloc_phys(qi_length * sizeof(uint32_t), gfp_atomic | gfp_zero, iommu.node);
  if (!status) {
    dmar.host.pages.free_pages(*queue, 0);
    return this_call.result(-ENOMEM);
  }
  auto qi = std::make_unique<q_inval>();
  qi->memory = std::move(memory);
  qi->desc_phys = *queue;
  qi->desc_status_phys = *status;
  iommu.qi = std::move(qi);
  dmar_enable_qi_locked(dmar, iommu);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_disable_qi()
void dmar_disable_qi(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_disable_qi", {"iommu", iommu});
  if (!iommu.ecap.queued_invalidation()) return;
  spin_lock_irqsave lock(dmar.host.interrupts, iommu.register_lock);
  if (!vtd::gsts::qies.test(dmar.callbacks.read_status(iommu))) return;

  // A chance for the unit to finish what is queued; it is disabled even if it does not.
  constexpr int drain_polls = 10'000'000;
  for (int i = 0; i < drain_polls; ++i) {
    if (iommu.reg.readl(vtd::iqt_reg) == iommu.reg.readl(vtd::iqh_reg)) break;
    dmar.env.clock.spin(1000);
  }
  iommu.gcmd &= ~vtd::gcmd::qie.mask();
  iommu.reg.writel(iommu.gcmd, vtd::gcmd_reg);
  iommu_wait_op(dmar, [&] { return !vtd::gsts::qies.test(iommu.reg.readl(vtd::gsts_reg)); });
}

// Linux v4.4 drivers/iommu/dmar.c: dmar_reenable_qi()
int dmar_reenable_qi(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "dmar_reenable_qi", {"iommu", iommu});
  if (!iommu.ecap.queued_invalidation() || iommu.qi == nullptr) return this_call.result(-ENOENT);
  dmar_disable_qi(dmar, iommu);
  dmar_enable_qi_locked(dmar, iommu);
  return this_call.result(0);
}

// Linux v4.4 drivers/iommu/dmar.c: qi_submit_sync()
int qi_submit_sync(dmar_state& dmar, intel_iommu& iommu, vtd::descriptor desc) {
  IOMMULAB_CALL(dmar.trace, "qi_submit_sync", {"low", desc.low}, {"high", desc.high});
  IOMMULAB_NOTE_CALL(dmar.trace, "qi");
  if (iommu.qi == nullptr) return this_call.result(0);
  int rc = 0;
  do {
    rc = submit_once(dmar, iommu, desc);
  } while (rc == -EAGAIN);
  return this_call.result(rc);
}

// Linux v4.4 drivers/iommu/dmar.c: qi_global_iec()
void qi_global_iec(dmar_state& dmar, intel_iommu& iommu) {
  IOMMULAB_CALL(dmar.trace, "qi_global_iec", {"iommu", iommu});
  qi_submit_sync(dmar, iommu, vtd::interrupt_entry_descriptor{}.encode());
}

// Linux v4.4 drivers/iommu/dmar.c: qi_flush_context()
void qi_flush_context(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint16_t sid, uint8_t fm,
                      vtd::context_granularity type) {
  IOMMULAB_CALL(dmar.trace, "qi_flush_context", {"iommu", iommu}, {"did", did}, {"sid", sid},
                {"fm", fm}, {"type", type});
  qi_submit_sync(dmar, iommu, vtd::context_cache_descriptor{type, did, sid, fm}.encode());
}

// Linux v4.4 drivers/iommu/dmar.c: qi_flush_iotlb()
void qi_flush_iotlb(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint64_t addr,
                    unsigned size_order, vtd::iotlb_granularity type) {
  IOMMULAB_CALL(dmar.trace, "qi_flush_iotlb", {"iommu", iommu}, {"did", did}, {"addr", addr},
                {"size_order", size_order}, {"type", type});
  // The kernel masks the address to its page here, and with it the leaf hint: the hint that
  // iommu_flush_iotlb_psi() computes never reaches a queue.
  vtd::iotlb_descriptor desc;
  desc.granularity = type;
  desc.drain_reads = iommu.cap.read_drain();
  desc.drain_writes = iommu.cap.write_drain();
  desc.domain = did;
  desc.address = addr & page_mask;
  desc.address_mask = static_cast<uint8_t>(size_order);
  qi_submit_sync(dmar, iommu, desc.encode());
}

namespace {

vtd::device_tlb_descriptor device_tlb_pages(uint16_t sid, uint16_t qdep, uint64_t addr,
                                            unsigned mask) {
  vtd::device_tlb_descriptor desc;
  if (mask != 0) {
    bug_on((addr & ((page_size << mask) - 1)) != 0, "qi_flush_dev_iotlb: unaligned range");
    addr |= (uint64_t{1} << (page_shift + mask - 1)) - 1;
    desc.size = true;
  }
  desc.address = addr & page_mask;
  desc.source = sid;
  desc.max_pending = static_cast<uint8_t>(qdep >= max_device_invalidations ? 0 : qdep);
  return desc;
}

}  // namespace

// Linux v4.4 drivers/iommu/dmar.c: qi_flush_dev_iotlb()
void qi_flush_dev_iotlb(dmar_state& dmar, intel_iommu& iommu, uint16_t sid, uint16_t qdep,
                        uint64_t addr, unsigned mask) {
  IOMMULAB_CALL(dmar.trace, "qi_flush_dev_iotlb", {"iommu", iommu}, {"sid", sid}, {"qdep", qdep},
                {"addr", addr}, {"mask", mask});
  qi_submit_sync(dmar, iommu, device_tlb_pages(sid, qdep, addr, mask).encode());
}

// Linux v4.4.178 drivers/iommu/dmar.c: qi_flush_dev_iotlb(). QI_DEV_IOTLB_PFSID() puts the id's
// lower twelve bits where its upper twelve belong, and the lower four in their place.
void qi_flush_dev_iotlb(dmar_state& dmar, intel_iommu& iommu, uint16_t sid, uint16_t pfsid,
                        uint16_t qdep, uint64_t addr, unsigned mask) {
  IOMMULAB_CALL(dmar.trace, "qi_flush_dev_iotlb", {"iommu", iommu}, {"sid", sid}, {"pfsid", pfsid},
                {"qdep", qdep}, {"addr", addr}, {"mask", mask});
  vtd::device_tlb_descriptor desc = device_tlb_pages(sid, qdep, addr, mask);
  desc.physical_function = static_cast<uint16_t>((pfsid & 0xfffu) << 4 | (pfsid & 0xfu));
  qi_submit_sync(dmar, iommu, desc.encode());
}

}  // namespace iommulab
