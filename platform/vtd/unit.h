// SPDX-License-Identifier: GPL-2.0-only
//
// A VT-d remapping unit, in legacy or scalable mode: its registers on one side, translation of what
// devices send on the other. README.md tells how the parts fit.
//
// Invariants: what a command latched (root table, queue, interrupt table) is state of its own and
// does not follow later writes of the registers it was taken from. Commands complete within the
// write that starts them. Nothing here is global: a machine has as many units as it likes.
//
// Locking: none. A unit is called by one thread at a time; interrupts are delivered from within
// the call, and their handlers may access the registers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/trace.h"
#include "platform/interrupt.h"
#include "platform/memory/physical_memory.h"
#include "platform/mmio.h"
#include "platform/vtd/config.h"
#include "platform/vtd/diagnosis.h"
#include "platform/vtd/event_message.h"
#include "platform/vtd/fault_log.h"
#include "platform/vtd/invalidation.h"
#include "platform/vtd/page_walk.h"
#include "platform/vtd/queue.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/scalable_walk.h"
#include "platform/vtd/translation.h"
#include "platform/vtd/unit_observer.h"
#include "platform/vtd/unit_trace.h"

namespace iommulab {

class vtd_unit final : public mmio_region {
 public:
  /// `config` passes check(). The other three outlive the unit.
  vtd_unit(vtd_config config, physical_memory& memory, interrupt_sink& sink, tracer& trace);
  vtd_unit(const vtd_unit&) = delete;
  vtd_unit& operator=(const vtd_unit&) = delete;

  // mmio_region
  [[nodiscard]] uint64_t size() const override { return config_.register_window; }
  uint32_t read32(uint64_t offset) override;
  uint64_t read64(uint64_t offset) override;
  void write32(uint64_t offset, uint32_t value) override;
  void write64(uint64_t offset, uint64_t value) override;

  /// Translates the start of `request`: the result holds for `length` bytes, and whoever moves
  /// data asks again for the rest. Records a fault when one is due.
  dma_translation translate(const dma_request& request) {
    if (observers_.any()) [[unlikely]]
      return translate_telling(request);
    return translate_silently(request);
  }

  /// Power-on state: registers, latches, caches; the diagnoses go too.
  void reset();

  /// `observer` is told what the unit reads, serves and does until the result is destroyed: to
  /// begin with, which root table is latched and whether translation is on.
  [[nodiscard]] unit_observation observe(unit_observer& observer);
  /// Nobody is told anything any more, but for who comes later.
  void end_observations() { observers_.end_all(); }
  void set_device_tlbs(device_tlb_sink* sink) { queue_.set_device_tlbs(sink); }

  [[nodiscard]] const vtd_config& config() const { return config_; }
  [[nodiscard]] const diagnosis_log& diagnoses() const { return diagnoses_; }
  [[nodiscard]] diagnosis_log& diagnoses() { return diagnoses_; }
  /// A register's value without an access to it.
  [[nodiscard]] uint64_t peek(vtd_register which) const { return registers_.get(which); }
  /// What registers there are, in the order of vtd_register.
  [[nodiscard]] const std::vector<register_row>& rows() const { return registers_.rows(); }
  [[nodiscard]] const vtd_caches& caches() const { return caches_; }
  [[nodiscard]] const invalidation_queue& queue() const { return queue_; }
  /// The root table that SRTP latched; 0 before the first SRTP. Its mode.
  [[nodiscard]] phys_addr root_table() const { return phys_addr(root_table_); }
  [[nodiscard]] vtd::table_mode table_mode() const { return mode_; }

  // For whoever remaps interrupts on this unit's behalf: what SIRTP latched, the entry cache,
  // and the fault log.
  [[nodiscard]] bool interrupt_remapping_enabled() const;
  [[nodiscard]] phys_addr interrupt_table() const { return interrupt_table_; }
  [[nodiscard]] uint32_t interrupt_table_entries() const { return interrupt_table_entries_; }
  [[nodiscard]] bool extended_interrupt_mode() const { return extended_interrupt_mode_; }
  [[nodiscard]] interrupt_entry_cache& interrupt_entries() { return caches_.interrupts; }
  void record_interrupt_fault(vtd::fault_reason reason, uint16_t source, uint16_t index);

 private:
  // unit.cc: what writing a register does
  void write(uint64_t offset, unsigned size, uint64_t value);
  void act_on(const register_file::touched& item);
  void protected_memory_written();

  // unit_commands.cc: GCMD, CCMD, IOTLB
  void global_command(uint32_t written);
  void set_status(vtd::field32 bit, bool on);
  [[nodiscard]] bool status(vtd::field32 bit) const;
  bool capable(bool capability, vtd::field32 command, uint32_t written);
  void latch_root_table();
  void latch_table_mode(uint64_t rtaddr);
  void invalidate_after_root();
  void latch_interrupt_table();
  void enable_translation(bool on);
  void enable_queue(bool on);
  void enable_interrupt_remapping(bool on);
  void context_command(const register_file::touched& item);
  void iotlb_command(const register_file::touched& item);
  bool refuse_register_invalidation(const register_file::touched& item, uint64_t command_bit);

  // unit_translate.cc: the same steps, once with nobody to tell of them.
  dma_translation translate_silently(const dma_request& request);
  dma_translation translate_telling(const dma_request& request);
  template <typename Observers>
  dma_translation translate_by(const Observers& observers, const dma_request& request);
  template <typename Observers>
  dma_translation translate_in(const Observers& observers, const dma_request& request,
                               const context& ctx, lookup context_from);
  [[nodiscard]] bool grants(const iotlb_entry& entry, const dma_request& request) const;
  dma_translation serve(const dma_request& request, const context& ctx, iotlb_entry entry,
                        provenance from);
  [[nodiscard]] dma_translation pass(const dma_request& request, provenance from) const;
  [[nodiscard]] bool is_protected(const dma_request& request) const;
  // What a translation out of the caches does without.
  [[gnu::noinline]] const context& load_context(uint16_t source);
  template <typename Observers>
  [[gnu::noinline]] dma_translation translate_by_tables(const Observers& observers,
                                                        const dma_request& request,
                                                        const context& ctx, provenance from);
  [[gnu::noinline]] dma_translation refuse(const dma_request& request, const context& ctx,
                                           iotlb_entry entry, provenance from);
  [[gnu::noinline]] dma_translation refuse_cached(const dma_request& request, const context& ctx,
                                                  iotlb_entry entry, provenance from);
  [[gnu::noinline]] dma_translation block(const dma_request& request, vtd::fault_reason reason,
                                          bool fpd, provenance from);
  [[nodiscard, gnu::noinline]] dma_translation translation_disabled(
      const dma_request& request) const;
  [[nodiscard, gnu::noinline]] dma_translation interrupt_range(const dma_request& request) const;
  void trace_classes_changed(trace_class wanted);

  // unit_scalable.cc: requests with a PASID, and all while the tables are not legacy mode's.
  [[gnu::noinline]] dma_translation translate_beyond_legacy(const dma_request& request);
  dma_translation translate_scalable(const dma_request& request);
  const scalable_context& load_scalable_context(uint16_t source);
  const pasid_context& load_pasid(const scalable_context& ctx, uint16_t source, uint32_t pasid);
  dma_translation pass_by_entry(const dma_request& request, const pasid_context& entry,
                                provenance from);
  dma_translation translate_second_level(const dma_request& request, const pasid_context& entry,
                                         lookup context_from);
  dma_translation refuse_second_level(const dma_request& request, const pasid_context& entry,
                                      const iotlb_entry& found, provenance from);
  dma_translation translate_first_level(const dma_request& request, const pasid_context& entry,
                                        uint32_t pasid, bool privileged, lookup context_from);
  dma_translation refuse_first_level(const dma_request& request, vtd::fault_reason reason, bool fpd,
                                     provenance from);
  [[gnu::always_inline]] dma_translation serve_first_level(const dma_request& request,
                                                           const pasid_context& entry,
                                                           const first_level_page& page,
                                                           const first_level_access& access,
                                                           provenance from);
  /// The number under which this unit reports a condition of scalable mode.
  [[nodiscard]] vtd::fault_reason reported(vtd::fault_reason reason,
                                           const dma_request& request) const;

  const vtd_config config_;
  unit_observers observers_;
  diagnosis_log diagnoses_;
  register_file registers_;
  event_message fault_event_;
  event_message completion_event_;
  fault_log faults_;
  vtd_caches caches_;
  page_walker walker_;
  scalable_walker scalable_walker_;
  invalidation_queue queue_;

  // Latched by SRTP and SIRTP; TES, kept here for the fast path.
  bool translation_enabled_ = false;
  bool beyond_legacy_ = false;  ///< the latched mode is not legacy
  bool root_refused_ = false;   ///< nor any that the unit has (RTA.1)
  vtd::table_mode mode_ = vtd::table_mode::legacy;
  uint64_t root_table_ = 0;
  uint64_t latched_rtaddr_ = 0;
  phys_addr interrupt_table_;
  uint32_t interrupt_table_entries_ = 0;
  bool extended_interrupt_mode_ = false;
  uint64_t latched_irta_ = 0;

  context uncached_context_;  ///< the last one that could not be cached
  scalable_context uncached_scalable_context_;
  pasid_context uncached_pasid_;
  /// The PASID that a fault record names although its request has none (deviations.h).
  std::optional<uint32_t> recorded_pasid_;

  unit_trace events_;  ///< an observer while a sink wants what it tells
  unit_observation events_observation_;
  tracer::class_watch classes_watch_;
};

}  // namespace iommulab
