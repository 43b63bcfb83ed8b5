// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/fault_log.h"

#include "absl/strings/str_format.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

namespace high = vtd::frcd_high;

/// Every status bit that is an interrupt condition (7.4).
constexpr uint32_t interrupt_conditions =
    vtd::mask_of(vtd::fsts::ppf, vtd::fsts::pfo, vtd::fsts::apf, vtd::fsts::afo, vtd::fsts::iqe,
                 vtd::fsts::ice, vtd::fsts::ite);

}  // namespace

bool fault_log::pending(unsigned record) const {
  return high::f.test(registers_.get(frcd_high_half(record)));
}

bool fault_log::source_pending(uint16_t source) const {
  for (unsigned i = 0; i < config_.cap.number_of_fault_records(); ++i) {
    if (pending(i) && high::sid.get(registers_.get(frcd_high_half(i))) == source) return true;
  }
  return false;
}

void fault_log::record(const vtd_fault& fault) {
  // 1. Nothing is recorded until software clears an overflow.
  if (vtd::fsts::pfo.test(status())) return tell(fault, fault_fate::lost_overflowed);
  // 2. Hardware may collapse faults of a source that has one pending.
  if (config_.collapse_faults && source_pending(fault.source)) {
    return tell(fault, fault_fate::collapsed);
  }
  // 3. The next record is still pending: overflow.
  if (pending(next_)) {
    tell(fault, fault_fate::lost_overflow);
    return raise_status(vtd::fsts::pfo.mask());
  }
  // 4. Record it; the first pending record gives FRI.
  const unsigned record = next_;
  next_ = (next_ + 1) % config_.cap.number_of_fault_records();
  write_record(record, fault);
  tell(fault, fault_fate::recorded);
  if (!vtd::fsts::ppf.test(status())) {
    registers_.set(vtd_register::fsts, vtd::fsts::fri.set(status(), record));
  }
  raise_status(vtd::fsts::ppf.mask());
}

void fault_log::write_record(unsigned record, const vtd_fault& fault) {
  const uint64_t address = vtd::is_interrupt_fault(fault.reason)
                               ? fault.address
                               : fault.address & vtd::frcd_low::fi.mask();
  registers_.set(frcd_low_half(record), address);
  const uint64_t of_pasid = high::pp.make(fault.pasid.has_value()) |
                            high::pv.make(fault.pasid.value_or(0)) | high::exe.make(fault.execute) |
                            high::priv.make(fault.privileged);
  registers_.set(frcd_high_half(record), of_pasid | high::f.make(1) | high::t1.make(fault.read) |
                                             high::at.make(fault.address_type) |
                                             high::fr.make(static_cast<uint64_t>(fault.reason)) |
                                             high::sid.make(fault.source));
}

void fault_log::raise_status(uint32_t bits) {
  const uint32_t before = status();
  registers_.set(vtd_register::fsts, before | bits);
  // A condition that joins one not yet serviced is no new interrupt condition.
  if ((before & interrupt_conditions) == 0) event_.raise();
}

void fault_log::record_written() {
  bool any = false;
  for (unsigned i = 0; i < config_.cap.number_of_fault_records(); ++i) any = any || pending(i);
  registers_.set(vtd_register::fsts, vtd::fsts::ppf.set(status(), any));
  drop_event_if_serviced();
}

void fault_log::status_written() {
  drop_event_if_serviced();
}

void fault_log::drop_event_if_serviced() {
  if ((status() & interrupt_conditions) == 0) event_.conditions_gone();
}

void fault_log::tell(const vtd_fault& fault, fault_fate fate) const {
  observers_.tell(&unit_observer::fault_reported, fault, fate);
  trace_.tell([&] {
    return events::fault{
        config_.name,
        vtd::name(fault.reason),
        static_cast<uint8_t>(fault.reason),
        fault.address,
        fault.source,
        absl::StrFormat("%s of 0x%x by %s%s: %s", fault.read ? "read" : "write", fault.address,
                        to_short_string(source_id::from_requester_id(0, fault.source)),
                        fault.pasid ? absl::StrFormat(" with PASID %d", *fault.pasid) : "",
                        name(fate))};
  });
}

}  // namespace iommulab
