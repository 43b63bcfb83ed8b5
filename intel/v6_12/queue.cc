// SPDX-License-Identifier: GPL-2.0-only
#include "intel/v6_12/queue.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/panic.h"
#include "core/v6_12/divergence.h"
#include "intel/dmar/unit.h"
#include "intel/hw/memory.h"
#include "intel/v6_12/capabilities.h"
#include "intel/v6_12/device.h"
#include "intel/v6_12/pci.h"

namespace iommulab::v6_12 {
namespace {

constexpr unsigned legacy_shift = 4;
constexpr unsigned scalable_shift = 5;

/// A queue's descriptors and status words where the processor sees them, for as long as one
/// function uses them. The status words are shared with the unit.
class queue_view {
 public:
  queue_view(const dmar_state& dmar, const q_inval& qi)
      : shift_(qi.desc_shift),
        bytes_(dmar.host.memory.at(qi.desc_phys, uint64_t{qi_length} << qi.desc_shift)),
        status_(dmar.host.memory.object_at<uint32_t>(qi.desc_status_phys, qi_length)) {
    bug_on(bytes_ == nullptr || status_ == nullptr, "the queue lies outside of memory");
  }

  void put(int slot, const qi_desc& desc) const {
    std::memcpy(bytes_ + offset(slot), &desc, size_t{1} << shift_);
  }
  [[nodiscard]] qi_desc get(int slot) const {
    qi_desc desc;
    std::memcpy(&desc, bytes_ + offset(slot), size_t{1} << shift_);
    return desc;
  }
  [[nodiscard]] qi_status status(int slot) const {
    return static_cast<qi_status>(
        std::atomic_ref<uint32_t>(status_[slot]).load(std::memory_order_acquire));
  }
  void set_status(int slot, qi_status status) const {
    std::atomic_ref<uint32_t>(status_[slot])
        .store(static_cast<uint32_t>(status), std::memory_order_release);
  }
  [[nodiscard]] const void* place_of(int slot) const { return bytes_ + offset(slot); }
  [[nodiscard]] int slot_in(uint32_t queue_register) const {
    return static_cast<int>(queue_register >> shift_) % qi_length;
  }

 private:
  [[nodiscard]] size_t offset(int slot) const { return static_cast<size_t>(slot) << shift_; }

  unsigned shift_;
  std::byte* bytes_;
  uint32_t* status_;
};

/// The slot `count` behind (or, negative, before) another; the queue is a ring.
constexpr int slot_after(int slot, int count) {
  return (slot + count + qi_length) % qi_length;
}

/// Bits 3:0 of a descriptor. Page group responses, which the driver does not send, have words too.
unsigned type_number(const qi_desc& desc) {
  return static_cast<unsigned>(type_of(desc));
}

/// Linux v6.12 drivers/iommu/intel/dmar.c: qi_type_string()
std::string_view type_in_log(const qi_desc& desc) {
  static constexpr std::array<std::string_view, 10> words = {
      "UNKNOWN",
      "Context-cache Invalidation",
      "IOTLB Invalidation",
      "Device-TLB Invalidation",
      "Interrupt Entry Cache Invalidation",
      "Invalidation Wait",
      "PASID-based IOTLB Invalidation",
      "PASID-cache Invalidation",
      "PASID-based Device-TLB Invalidation",
      "Page Group Response",
  };
  const unsigned type = type_number(desc);
  return type < words.size() ? words[type] : words.front();
}

/// Linux v6.12 drivers/iommu/intel/trace.h: qi_submit; a type without a word is told by number.
std::string type_in_trace(const qi_desc& desc) {
  static constexpr std::array<std::string_view, 10> words = {
      "",         "cc_inv",      "iotlb_inv", "dev_tlb_inv",   "iec_inv",
      "inv_wait", "p_iotlb_inv", "pc_inv",    "p_dev_tlb_inv", "page_grp_resp"};
  const unsigned type = type_number(desc);
  if (type == 0 || type >= words.size()) return absl::StrFormat("0x%x", type);
  return std::string(words[type]);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: reclaim_free_desc(). Slots come free in the order in
// which they were taken.
void reclaim_free_slots(q_inval& qi, const queue_view& slots) {
  while (qi.free_tail != qi.free_head && slots.status(qi.free_tail) == qi_status::free) {
    qi.free_tail = slot_after(qi.free_tail, 1);
    ++qi.free_cnt;
  }
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_dump_fault()
void qi_dump_fault(intel_driver& drv, intel_iommu& iommu, const queue_view& slots, uint32_t fault) {
  const int head = slots.slot_in(iommu.reg.readl(vtd::iqh_reg));
  const uint64_t error = iommu.reg.readq(vtd::iqer_reg);
  if (vtd::fsts::iqe.test(fault)) {
    drv.pr.err("VT-d detected Invalidation Queue Error: Reason %x", vtd::iqer::iqei.get(error));
  }
  if (vtd::fsts::ite.test(fault)) {
    drv.pr.err("VT-d detected Invalidation Time-out Error: SID %x", vtd::iqer::itesid.get(error));
  }
  if (vtd::fsts::ice.test(fault)) {
    drv.pr.err("VT-d detected Invalidation Completion Error: SID %x", vtd::iqer::icesid.get(error));
  }
  const qi_desc at_head = slots.get(head);
  drv.pr.err("QI HEAD: %s qw0 = 0x%x, qw1 = 0x%x", type_in_log(at_head), at_head.qw0, at_head.qw1);
  const qi_desc before = slots.get(slot_after(head, -1));
  drv.pr.err("QI PRIOR: %s qw0 = 0x%x, qw1 = 0x%x", type_in_log(before), before.qw0, before.qw1);
}

/// The unit dropped the waits that it had fetched: whoever submitted one of them tries again.
void abort_dropped_waits(const queue_view& slots, int head, int tail) {
  int slot = head;
  do {
    if (slots.status(slot) == qi_status::in_use) slots.set_status(slot, qi_status::abort);
    slot = slot_after(slot, -1);
  } while (slot != tail);
}

// The device-TLB part of qi_check_fault(); 0 when this submission can go on waiting.
int device_did_not_answer(intel_driver& drv, intel_iommu& iommu, const queue_view& slots,
                          int wait_index) {
  const int head = slot_after(slots.slot_in(iommu.reg.readl(vtd::iqh_reg)), -1);
  const int tail = slot_after(slots.slot_in(iommu.reg.readl(vtd::iqt_reg)), -1);
  const auto sid = static_cast<uint16_t>(vtd::iqer::itesid.get(iommu.reg.readq(vtd::iqer_reg)));
  iommu.reg.writel(vtd::fsts::ite.mask(), vtd::fsts_reg);
  drv.pr.info("Invalidation Time-out Error (ITE) cleared");
  abort_dropped_waits(slots, head, tail);
  // Whoever is gone is not asked again. Units from before the register say 0.
  if (sid != 0) {
    const device* dev = device_rbtree_find(drv, iommu, sid);
    if (dev == nullptr || !dev_is_pci(*dev) || !pci_device_is_present(*dev->pci)) return -ETIMEDOUT;
  }
  return slots.status(wait_index) == qi_status::abort ? -EAGAIN : 0;
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_check_fault()
int qi_check_fault(intel_driver& drv, intel_iommu& iommu, const queue_view& slots, int index,
                   int wait_index) {
  if (slots.status(wait_index) == qi_status::abort) return -EAGAIN;
  const uint32_t fault = iommu.reg.readl(vtd::fsts_reg);
  const uint32_t errors = vtd::fsts::iqe.mask() | vtd::fsts::ite.mask() | vtd::fsts::ice.mask();
  if ((fault & errors) != 0) qi_dump_fault(drv, iommu, slots, fault);
  if (vtd::fsts::iqe.test(fault)) {
    // The head stays on the descriptor that the unit did not understand.
    const int head = slots.slot_in(iommu.reg.readl(vtd::iqh_reg));
    if (head == index) {
      slots.put(head, slots.get(wait_index));
      iommu.reg.writel(vtd::fsts::iqe.mask(), vtd::fsts_reg);
      drv.pr.info("Invalidation Queue Error (IQE) cleared");
      return -EINVAL;
    }
  }
  if (vtd::fsts::ite.test(fault)) {
    if (const int rc = device_did_not_answer(drv, iommu, slots, wait_index); rc != 0) return rc;
  }
  if (vtd::fsts::ice.test(fault)) {
    iommu.reg.writel(vtd::fsts::ice.mask(), vtd::fsts_reg);
    drv.pr.info("Invalidation Completion Error (ICE) cleared");
  }
  return 0;
}

qi_desc wait_for(const q_inval& qi, int wait_index) {
  vtd::wait_descriptor wait;
  wait.status_write = true;
  wait.status_data = static_cast<uint32_t>(qi_status::done);
  wait.status_address = qi.desc_status_phys + static_cast<uint64_t>(wait_index) * sizeof(uint32_t);
  return of_two_words(wait.encode());
}

// One try of qi_submit_sync(); -EAGAIN asks for another.
int submit_batch_once(intel_driver& drv, intel_iommu& iommu, absl::Span<const qi_desc> descs) {
  q_inval& qi = *iommu.qi;
  spin_lock_irqsave lock(drv.host.interrupts, qi.q_lock);
  const int count = static_cast<int>(descs.size());
  bug_on(qi.free_cnt < count + 2, "the invalidation queue has no room: descriptors never complete");

  const queue_view slots(drv, qi);
  const int index = qi.free_head;
  const int wait_index = slot_after(index, count);
  for (int i = 0; i < count; ++i) {
    const qi_desc& desc = descs[static_cast<size_t>(i)];
    slots.put(slot_after(index, i), desc);
    slots.set_status(slot_after(index, i), qi_status::in_use);
    IOMMULAB_NOTE(drv.trace, "qi_submit: %s %s: 0x%x 0x%x 0x%x 0x%x", type_in_trace(desc),
                  iommu.name, desc.qw0, desc.qw1, desc.qw2, desc.qw3);
  }
  slots.set_status(wait_index, qi_status::in_use);
  slots.put(wait_index, wait_for(qi, wait_index));

  qi.free_head = slot_after(qi.free_head, count + 1);
  qi.free_cnt -= count + 1;
  // The unit may fetch from here on: all descriptors must be in place.
  iommu.reg.writel(static_cast<uint32_t>(qi.free_head) << qi.desc_shift, vtd::iqt_reg);

  int rc = 0;
  const auto done = [&] {
    if (slots.status(wait_index) == qi_status::done) return true;
    rc = qi_check_fault(drv, iommu, slots, index, wait_index);
    return rc != 0;
  };
  iommu_wait_op(drv, done, [&] { report(drv.env, divergence::queue_never_answers); });
  for (int i = 0; i <= count; ++i) slots.set_status(slot_after(index, i), qi_status::free);
  reclaim_free_slots(qi, slots);
  return rc;
}

// Linux v6.12 drivers/iommu/intel/dmar.c: __dmar_enable_qi()
void start_queue(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "__dmar_enable_qi", {"iommu", iommu});
  q_inval& qi = *iommu.qi;
  qi.free_head = 0;
  qi.free_tail = 0;
  qi.free_cnt = qi_length;
  uint64_t address = qi.desc_phys.value();
  if (iommu.ecap.scalable_mode()) {
    address |= vtd::iqa::dw.mask() | vtd::iqa::qs.make(qi.desc_order);
  }
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  iommu.reg.writel(0, vtd::iqt_reg);
  iommu.reg.writeq(address, vtd::iqa_reg);
  iommu.gcmd |= vtd::gcmd::qie.mask();
  iommu.reg.writel(iommu.gcmd, vtd::gcmd_reg);
  iommu_wait_op(drv, [&] { return vtd::gsts::qies.test(iommu.reg.readl(vtd::gsts_reg)); });
}

bool translates(const intel_iommu& iommu) {
  return vtd::gcmd::te.test(iommu.gcmd);
}

}  // namespace

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_enable_qi()
int dmar_enable_qi(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_enable_qi", {"iommu", iommu});
  if (!iommu.ecap.queued_invalidation()) return this_call.result(-ENOENT);
  if (iommu.qi != nullptr) return this_call.result(0);

  slab_token memory(drv.host.slab);
  if (!memory) return this_call.result(-ENOMEM);
  // 256 descriptors of 32 bytes take two pages.
  const bool wide = iommu.ecap.scalable_mode();
  const unsigned order = wide ? 1 : 0;
  const auto queue = drv.host.pages.alloc_pages(order, gfp_atomic | gfp_zero, iommu.node);
  if (!queue) return this_call.result(-ENOMEM);
  const auto status =
      drv.host.pages.kmalloc_phys(qi_length * sizeof(uint32_t), gfp_atomic | gfp_zero, iommu.node);
  if (!status) {
    drv.host.pages.free_pages(*queue, order);
    return this_call.result(-ENOMEM);
  }
  auto qi = std::make_unique<q_inval>();
  qi->memory = std::move(memory);
  qi->desc_phys = *queue;
  qi->desc_order = order;
  qi->desc_shift = wide ? scalable_shift : legacy_shift;
  qi->desc_status_phys = *status;
  iommu.qi = std::move(qi);
  start_queue(drv, iommu);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_disable_qi()
void dmar_disable_qi(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_disable_qi", {"iommu", iommu});
  if (!iommu.ecap.queued_invalidation()) return;
  spin_lock_irqsave lock(drv.host.interrupts, iommu.register_lock);
  if (!vtd::gsts::qies.test(iommu.reg.readl(vtd::gsts_reg))) return;
  // A chance for the unit to finish what is queued; it is disabled even if it does not.
  constexpr int drain_polls = 10'000'000;
  for (int i = 0; i < drain_polls; ++i) {
    if (iommu.reg.readl(vtd::iqt_reg) == iommu.reg.readl(vtd::iqh_reg)) break;
    drv.env.clock.spin(1000);
  }
  iommu.gcmd &= ~vtd::gcmd::qie.mask();
  iommu.reg.writel(iommu.gcmd, vtd::gcmd_reg);
  iommu_wait_op(drv, [&] { return !vtd::gsts::qies.test(iommu.reg.readl(vtd::gsts_reg)); });
}

// Linux v6.12 drivers/iommu/intel/dmar.c: dmar_reenable_qi()
int dmar_reenable_qi(intel_driver& drv, intel_iommu& iommu) {
  IOMMULAB_CALL(drv.trace, "dmar_reenable_qi", {"iommu", iommu});
  if (!iommu.ecap.queued_invalidation() || iommu.qi == nullptr) return this_call.result(-ENOENT);
  dmar_disable_qi(drv, iommu);
  start_queue(drv, iommu);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_submit_sync()
int qi_submit_sync(intel_driver& drv, intel_iommu& iommu, absl::Span<const qi_desc> descs) {
  IOMMULAB_CALL(drv.trace, "qi_submit_sync", {"iommu", iommu}, {"desc", descs[0].qw0},
                {"count", static_cast<int>(descs.size())});
  if (iommu.qi == nullptr) return this_call.result(0);
  int rc = 0;
  do {
    rc = submit_batch_once(drv, iommu, descs);
  } while (rc == -EAGAIN);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_flush_context()
void qi_flush_context(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint16_t sid, uint8_t fm,
                      vtd::context_granularity type) {
  IOMMULAB_CALL(dmar.trace, "qi_flush_context", {"iommu", iommu}, {"did", did}, {"sid", sid},
                {"fm", fm}, {"type", type});
  const qi_desc desc = of_two_words(vtd::context_cache_descriptor{type, did, sid, fm}.encode());
  qi_submit_sync(driver_of(dmar), iommu, {&desc, 1});
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_flush_iotlb()
void qi_flush_iotlb(dmar_state& dmar, intel_iommu& iommu, domain_id did, uint64_t addr,
                    unsigned size_order, vtd::iotlb_granularity type) {
  IOMMULAB_CALL(dmar.trace, "qi_flush_iotlb", {"iommu", iommu}, {"did", did}, {"addr", addr},
                {"size_order", size_order}, {"type", type});
  const qi_desc desc = qi_desc_iotlb(iommu.cap.read_drain(), iommu.cap.write_drain(), did.value(),
                                     addr, size_order, type);
  qi_submit_sync(driver_of(dmar), iommu, {&desc, 1});
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_flush_dev_iotlb()
void qi_flush_dev_iotlb(intel_driver& drv, intel_iommu& iommu, uint16_t sid, uint16_t pfsid,
                        uint16_t qdep, uint64_t addr, unsigned mask) {
  IOMMULAB_CALL(drv.trace, "qi_flush_dev_iotlb", {"iommu", iommu}, {"sid", sid}, {"pfsid", pfsid},
                {"qdep", qdep}, {"addr", addr}, {"mask", mask});
  if (!translates(iommu)) return;
  const qi_desc desc = qi_desc_dev_iotlb(sid, pfsid, qdep, addr, mask);
  qi_submit_sync(drv, iommu, {&desc, 1});
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_flush_piotlb()
void qi_flush_piotlb(intel_driver& drv, intel_iommu& iommu, uint16_t did, uint32_t pasid,
                     uint64_t addr, uint64_t npages, bool ih) {
  IOMMULAB_CALL(drv.trace, "qi_flush_piotlb", {"iommu", iommu}, {"did", did}, {"pasid", pasid},
                {"addr", addr}, {"npages", npages}, {"ih", ih});
  if (npages == 0) {
    drv.env.log.warn_on("qi_flush_piotlb");
    drv.pr.err("Invalid input npages = %d", npages);
    return;
  }
  const qi_desc desc = qi_desc_piotlb(did, pasid, addr, npages, ih);
  qi_submit_sync(drv, iommu, {&desc, 1});
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_flush_dev_iotlb_pasid()
void qi_flush_dev_iotlb_pasid(intel_driver& drv, intel_iommu& iommu, uint16_t sid, uint16_t pfsid,
                              uint32_t pasid, uint16_t qdep, uint64_t addr, unsigned size_order) {
  IOMMULAB_CALL(drv.trace, "qi_flush_dev_iotlb_pasid", {"iommu", iommu}, {"sid", sid},
                {"pfsid", pfsid}, {"pasid", pasid}, {"qdep", qdep}, {"addr", addr},
                {"size_order", size_order});
  if (!translates(iommu)) return;
  const qi_desc desc = qi_desc_dev_iotlb_pasid(sid, pfsid, pasid, qdep, addr, size_order);
  qi_submit_sync(drv, iommu, {&desc, 1});
}

// Linux v6.12 drivers/iommu/intel/dmar.c: qi_flush_pasid_cache()
void qi_flush_pasid_cache(intel_driver& drv, intel_iommu& iommu, uint16_t did,
                          vtd::pasid_cache_granularity granularity, uint32_t pasid) {
  IOMMULAB_CALL(drv.trace, "qi_flush_pasid_cache", {"iommu", iommu}, {"did", did},
                {"granu", granularity}, {"pasid", pasid});
  const qi_desc desc = qi_desc_pasid_cache(did, granularity, pasid);
  qi_submit_sync(drv, iommu, {&desc, 1});
}

}  // namespace iommulab::v6_12
