// SPDX-License-Identifier: GPL-2.0-only
//
// What happens inside a unit, as events of the trace: classes `unit` and `answers`. Its register
// accesses, descriptors, faults and interrupts are told of where they happen (core/events.h).
#pragma once

#include <string>
#include <string_view>

#include "core/trace.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {

class unit_trace final : public unit_observer {
 public:
  /// What it has something to say for.
  static constexpr trace_class classes = trace_class::unit | trace_class::answers;

  unit_trace(std::string_view unit, tracer& trace) : unit_(unit), trace_(trace) {}

  void answered(const dma_request& request, const dma_translation& answer) override;
  void context_cached(uint16_t source, const context& ctx) override;
  void scalable_context_cached(uint16_t source, const scalable_context& ctx) override;
  void pasid_cached(uint16_t source, uint32_t pasid, const pasid_context& entry) override;
  void page_cached(page_cache cache, const cached_page& page) override;
  void page_evicted(page_cache cache, const cached_page& page) override;
  void root_latched(uint64_t root) override;
  void table_mode_latched(vtd::table_mode mode) override;
  void interrupt_table_latched(const latched_interrupt_table& table) override;
  void translation_switched(bool on) override;
  void write_buffer_flushed() override;
  void contexts_invalidated(const vtd::context_cache_descriptor& request) override;
  void iotlb_invalidated(const vtd::iotlb_descriptor& request) override;
  void pasids_invalidated(const vtd::pasid_cache_descriptor& request) override;
  void pasid_iotlb_invalidated(const vtd::pasid_iotlb_descriptor& request) override;
  void interrupts_invalidated(const vtd::interrupt_entry_descriptor& request) override;
  void device_tlb_invalidated(uint16_t source, uint64_t address, uint64_t bytes) override;
  void register_changed(const register_row& row, uint64_t before, uint64_t after) override;

 private:
  void latched(std::string_view what, uint64_t value);
  void cache_changed(std::string_view cache, events::cache_action action, uint16_t domain,
                     uint64_t address, std::string text);
  void page_changed(page_cache cache, events::cache_action action, const cached_page& page);

  std::string unit_;
  tracer& trace_;
};

}  // namespace iommulab
