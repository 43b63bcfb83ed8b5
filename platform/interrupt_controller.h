// SPDX-License-Identifier: GPL-2.0-only
//
// The local APIC of the one processor: messages come in, vectors go to whoever runs on the
// processor.
//
// While local interrupts are disabled (as inside spin_lock_irqsave()) messages wait, and while
// hardware holds them back, because what it does at one instant is not through. They are handled,
// in order of arrival, when the last disable and the last hold are undone.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/irq/local_irq.h"
#include "platform/interrupt.h"

namespace iommulab {

class interrupt_controller final : public interrupt_sink, public delivery_gate, public local_irq {
 public:
  /// Who takes a vector, and says whether it is anybody's. Until there is one nobody takes any.
  using processor = std::function<bool(uint8_t vector)>;
  void set_processor(processor p) { processor_ = std::move(p); }

  /// Has the processor take the message's vector. One that is nobody's counts as spurious.
  void deliver(msi_message message) override;

  void hold() override { local_irq_save(); }
  void release() override { local_irq_restore(); }

  [[nodiscard]] const std::vector<msi_message>& delivered() const { return delivered_; }
  [[nodiscard]] uint64_t spurious() const { return spurious_; }

 private:
  void take_pending() override;

  processor processor_;
  std::vector<msi_message> pending_;
  std::vector<msi_message> delivered_;
  uint64_t spurious_ = 0;
};

}  // namespace iommulab
