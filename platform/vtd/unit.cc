// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/unit.h"

#include <utility>

#include "platform/vtd/spec/registers.h"

namespace iommulab {

vtd_unit::vtd_unit(vtd_config config, physical_memory& memory, interrupt_sink& sink, tracer& trace)
    : config_(std::move(config)),
      diagnoses_(config_.name, trace),
      registers_(register_rows(config_), config_.register_window, diagnoses_, observers_),
      fault_event_(config_.name, vtd_register::fectl, registers_, sink, trace),
      completion_event_(config_.name, vtd_register::iectl, registers_, sink, trace),
      faults_(config_, registers_, fault_event_, trace, observers_),
      caches_(observers_),
      walker_(config_, memory, caches_.structures, diagnoses_, observers_),
      scalable_walker_(config_, memory, walker_, caches_.first_level, diagnoses_, observers_),
      queue_(config_, memory, registers_, caches_, faults_, completion_event_, diagnoses_, trace),
      events_(config_.name, trace) {
  classes_watch_ =
      trace.watch_classes([this](trace_class wanted) { trace_classes_changed(wanted); });
}

unit_observation vtd_unit::observe(unit_observer& observer) {
  if (config_.ecap.scalable_mode()) observer.table_mode_latched(mode_);
  observer.root_latched(root_table_);
  observer.translation_switched(translation_enabled_);
  return observers_.add(observer);
}

void vtd_unit::trace_classes_changed(trace_class wanted) {
  const bool needed = overlaps(wanted, unit_trace::classes);
  if (needed == events_observation_.active()) return;
  events_observation_ = needed ? observers_.add(events_) : unit_observation();
}

void vtd_unit::reset() {
  registers_.reset();
  faults_.reset();
  queue_.reset();
  caches_.reset();
  diagnoses_.clear();
  translation_enabled_ = false;
  beyond_legacy_ = false;
  root_refused_ = false;
  mode_ = vtd::table_mode::legacy;
  root_table_ = 0;
  latched_rtaddr_ = 0;
  interrupt_table_ = phys_addr();
  interrupt_table_entries_ = 0;
  extended_interrupt_mode_ = false;
  latched_irta_ = 0;
}

uint32_t vtd_unit::read32(uint64_t offset) {
  return static_cast<uint32_t>(registers_.read(offset, sizeof(uint32_t)));
}

uint64_t vtd_unit::read64(uint64_t offset) {
  return registers_.read(offset, sizeof(uint64_t));
}

void vtd_unit::write32(uint64_t offset, uint32_t value) {
  write(offset, sizeof(uint32_t), value);
}

void vtd_unit::write64(uint64_t offset, uint64_t value) {
  write(offset, sizeof(uint64_t), value);
}

void vtd_unit::write(uint64_t offset, unsigned size, uint64_t value) {
  const register_file::write_result result = registers_.write(offset, size, value);
  for (size_t i = 0; i < result.count; ++i) act_on(result.items[i]);
}

void vtd_unit::act_on(const register_file::touched& item) {
  switch (item.which) {
    case vtd_register::gcmd:
      if (item.command) global_command(static_cast<uint32_t>(item.written));
      return;
    case vtd_register::ccmd:
      return context_command(item);
    case vtd_register::iotlb:
      return iotlb_command(item);
    case vtd_register::fsts:
      faults_.status_written();
      return queue_.run();  // clearing IQE or ITE lets the queue go on (6.5.2.10)
    case vtd_register::fectl:
      return fault_event_.control_written();
    case vtd_register::pmen:
      return protected_memory_written();
    case vtd_register::iqt:
      return queue_.run();
    case vtd_register::iqa:
      return queue_.address_written(item.written);
    case vtd_register::ics:
      return queue_.completion_status_written();
    case vtd_register::iectl:
      return completion_event_.control_written();
    default:
      break;
  }
  // Past the named ones come the fault records: low half, high half, low half …
  if (item.which > vtd_register::frcd) faults_.record_written();
}

void vtd_unit::protected_memory_written() {
  const uint32_t pmen = registers_.get32(vtd_register::pmen);
  const bool on = vtd::pmen::epm.test(pmen);
  registers_.set(vtd_register::pmen, vtd::pmen::prs.set(pmen, on));
}

bool vtd_unit::interrupt_remapping_enabled() const {
  return status(vtd::gsts::ires);
}

void vtd_unit::record_interrupt_fault(vtd::fault_reason reason, uint16_t source, uint16_t index) {
  constexpr unsigned index_shift = 48;  // FI of an interrupt request (10.4.14)
  vtd_fault fault;
  fault.reason = reason;
  fault.source = source;
  fault.address = uint64_t{index} << index_shift;
  faults_.record(fault);
}

}  // namespace iommulab
