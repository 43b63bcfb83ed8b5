// SPDX-License-Identifier: GPL-2.0-only
//
// Primary fault logging (VT-d specification 7.3.1) and the fault status register: the ring of
// fault records, overflow, and the fault event.
//
// Invariants: FSTS.PPF is the OR of all F bits. No record is written while FSTS.PFO is set, nor
// over a record whose F is set. FSTS.FRI is the record at which PPF last went from 0 to 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/trace.h"
#include "core/types.h"
#include "platform/vtd/event_message.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {

struct vtd_fault {
  vtd::fault_reason reason = vtd::fault_reason::none;
  uint16_t source = 0;       ///< requester id
  uint64_t address = 0;      ///< page of the request (interrupts: index in 63:48)
  bool read = false;         ///< T: the request was a read
  uint8_t address_type = 0;  ///< AT of the request
  std::optional<uint32_t> pasid = std::nullopt;
  bool execute = false;
  bool privileged = false;
};

class fault_log {
 public:
  fault_log(const vtd_config& config, register_file& registers, event_message& event, tracer& trace,
            const unit_observers& observers)
      : config_(config),
        registers_(registers),
        event_(event),
        trace_(trace),
        observers_(observers) {}

  /// Records `fault`, drops it as a repetition, or sets PFO.
  void record(const vtd_fault& fault);

  /// Sets RW1C status bits of FSTS (IQE, ITE, ICE) with the event that comes with them.
  void raise_status(uint32_t bits);

  [[nodiscard]] uint32_t status() const { return registers_.get32(vtd_register::fsts); }

  /// Software cleared bits of FSTS.
  void status_written();
  /// Software wrote the upper half of a record.
  void record_written();
  void reset() { next_ = 0; }

 private:
  [[nodiscard]] bool pending(unsigned record) const;
  [[nodiscard]] bool source_pending(uint16_t source) const;
  void write_record(unsigned record, const vtd_fault& fault);
  void tell(const vtd_fault& fault, fault_fate fate) const;
  void drop_event_if_serviced();

  const vtd_config& config_;
  register_file& registers_;
  event_message& event_;
  tracer& trace_;
  const unit_observers& observers_;
  unsigned next_ = 0;  ///< record to write next
};

}  // namespace iommulab
