// SPDX-License-Identifier: GPL-2.0-only
//
// Where message-signalled interrupts arrive: the interrupt controller of the machine.
#pragma once

#include "core/irq/msi_message.h"

namespace iommulab {

class interrupt_sink {
 public:
  virtual ~interrupt_sink() = default;
  virtual void deliver(msi_message message) = 0;
};

}  // namespace iommulab
