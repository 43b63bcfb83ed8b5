// SPDX-License-Identifier: GPL-2.0-or-later
//
// Message-signalled interrupts, as a device sends them: a 32-bit write to FEEx_xxxxh.
#pragma once

#include <cstdint>

namespace iommulab {

struct msi_message {
  uint64_t address = 0;
  uint32_t data = 0;
  bool operator==(const msi_message&) const = default;
};

/// Where messages arrive: the interrupt controller of the machine.
class interrupt_sink {
 public:
  virtual ~interrupt_sink() = default;
  virtual void deliver(msi_message message) = 0;
};

}  // namespace iommulab
