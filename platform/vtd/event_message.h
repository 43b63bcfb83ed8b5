// SPDX-License-Identifier: GPL-2.0-only
//
// One of the unit's own interrupts, the fault event (FECTL, FEDATA, FEADDR, FEUADDR) or the
// invalidation completion event (IECTL …): a message behind a mask bit and a pending bit (VT-d
// specification 7.4, 6.5.2.9).
//
// Invariant: IP is set only while IM is set; a message is sent the moment both a condition is
// pending and the mask is clear.
#pragma once

#include <string_view>

#include "core/trace.h"
#include "platform/interrupt.h"
#include "platform/vtd/register_file.h"

namespace iommulab {

class event_message {
 public:
  /// The four registers in their order in the register file, `control` first.
  event_message(std::string_view unit, vtd_register control, register_file& registers,
                interrupt_sink& sink, tracer& trace)
      : unit_(unit), control_(control), registers_(registers), sink_(sink), trace_(trace) {}

  /// A new interrupt condition: sent now, or held in IP while masked.
  void raise();
  /// Software wrote the control register: a held message goes out when the mask is clear.
  void control_written();
  /// Software serviced every condition: a held message is dropped.
  void conditions_gone();

 private:
  void send();

  std::string_view unit_;
  vtd_register control_;
  register_file& registers_;
  interrupt_sink& sink_;
  tracer& trace_;
};

}  // namespace iommulab
