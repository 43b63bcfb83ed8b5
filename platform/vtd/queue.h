// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue (VT-d specification 6.5.2): fetches descriptors from where IQA pointed
// when QIE was set, and does them one after the other, all inside the register write that made
// them due.
//
// Invariants: while the queue is off IQH is zero. On an error IQH stays on the bad descriptor, IQE
// is set, and nothing is fetched until software clears it; the same holds for ITE, except that
// the descriptors that timed out are past. A handler that writes IQT from within an interrupt
// finds the queue already running: the outer run picks its descriptors up. A run ends at the second
// refusal of one descriptor, whatever handlers do about it.
#pragma once

#include <cstdint>
#include <optional>

#include "core/trace.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/diagnosis.h"
#include "platform/vtd/event_message.h"
#include "platform/vtd/fault_log.h"
#include "platform/vtd/invalidation.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/pasid_descriptors.h"

namespace iommulab {

class invalidation_queue {
 public:
  invalidation_queue(const vtd_config& config, const physical_memory& memory,
                     register_file& registers, vtd_caches& caches, fault_log& faults,
                     event_message& completion, diagnosis_log& diagnoses, tracer& trace)
      : config_(config),
        memory_(memory),
        registers_(registers),
        caches_(caches),
        faults_(faults),
        completion_(completion),
        diagnoses_(diagnoses),
        trace_(trace) {}

  [[nodiscard]] bool enabled() const { return enabled_; }
  /// QIE 0 -> 1: latches IQA.
  void enable();
  /// QIE 1 -> 0.
  void disable();
  /// Does what is due: after a write of IQT, or of FSTS.
  void run();
  /// IQA was written; it takes effect at the next enable().
  void address_written(uint64_t value);
  /// ICS was written.
  void completion_status_written();
  void reset();

  void set_device_tlbs(device_tlb_sink* sink) { device_tlbs_ = sink; }

  // What was latched at QIE: where the descriptors are, and how many fit.
  [[nodiscard]] phys_addr base() const { return phys_addr(base_); }
  [[nodiscard]] uint32_t entries() const { return entries_; }
  /// 16 or 32.
  [[nodiscard]] uint32_t descriptor_bytes() const { return wide_ ? 32 : 16; }
  /// Index of the next descriptor to fetch, and the one past the last that software handed over.
  [[nodiscard]] uint32_t head() const;
  [[nodiscard]] uint32_t tail() const;

 private:
  // Each advances the head, or leaves it on a bad descriptor and sets IQE.
  void execute(const vtd::wide_descriptor& d, uint32_t index);
  void bad(vtd_diagnosis why, uint32_t index, vtd::descriptor d);
  void raise_error(vtd::queue_error why);
  bool reserved_bits_clear(const vtd::wide_descriptor& d) const;
  void do_pasid_cache(vtd::descriptor d, uint32_t index);
  void do_pasid_iotlb(vtd::descriptor d, uint32_t index);
  void do_pasid_device_tlb(vtd::descriptor d, uint32_t index);
  void device_tlb_answered(device_tlb_reply reply, uint16_t source, uint64_t address,
                           uint64_t bytes);
  [[nodiscard]] bool tail_good();
  void do_context(vtd::descriptor d, uint32_t index);
  void do_iotlb(vtd::descriptor d, uint32_t index);
  void do_device_tlb(vtd::descriptor d, uint32_t index);
  void do_interrupt_entry(vtd::descriptor d, uint32_t index);
  void do_wait(vtd::descriptor d, uint32_t index);
  [[nodiscard]] bool supported(vtd::descriptor_type type) const;
  [[nodiscard]] std::optional<vtd::wide_descriptor> fetch(uint32_t index) const;
  void trace_descriptor(vtd::descriptor d, uint32_t index) const;
  void set_head(uint32_t index);

  const vtd_config& config_;
  const physical_memory& memory_;
  register_file& registers_;
  vtd_caches& caches_;
  fault_log& faults_;
  event_message& completion_;
  diagnosis_log& diagnoses_;
  tracer& trace_;
  device_tlb_sink* device_tlbs_ = nullptr;

  // Latched at QIE.
  bool enabled_ = false;
  uint64_t base_ = 0;
  uint32_t entries_ = 0;
  bool wide_ = false;  ///< descriptors of 256 bits

  bool running_ = false;
  bool device_tlb_timed_out_ = false;  ///< since the last wait descriptor
};

}  // namespace iommulab
