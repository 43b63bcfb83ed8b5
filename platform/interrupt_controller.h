// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine's interrupt side: vectors of one processor and the messages that raise them.
// Vectors are given out as Linux 4.4 on x86 does after the legacy interrupts took 30h to 3Fh:
// 41h, 51h, … E1h, then 42h and so on, in logical lowest-priority mode.
//
// While local interrupts are disabled (as inside spin_lock_irqsave()) messages wait, and while
// hardware holds them back, because what it does at one instant is not through. They are handled,
// in order of arrival, when the last disable and the last hold are undone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "core/clock.h"
#include "platform/interrupt.h"

namespace iommulab {

class interrupt_controller : public interrupt_sink, public delivery_gate {
 public:
  using handler = std::function<void()>;

  /// The first interrupt number behind the I/O APIC's pins.
  static constexpr int first_dynamic_irq = 24;

  /// A free interrupt number with a vector, or 0 when the vectors are used up.
  int alloc_irq();
  /// request_irq()
  void set_handler(int irq, handler h);
  /// Frees number and vector; unknown numbers are ignored.
  void free_irq(int irq);
  /// The message that raises `irq`; all zero for a number that is not in use.
  [[nodiscard]] msi_message message_of(int irq) const;

  /// Runs the handler of the message's vector. A message for no vector counts as spurious.
  void deliver(msi_message message) override;

  /// local_irq_save() and local_irq_restore(); they nest.
  void local_irq_save() { disabled_.fetch_add(1, std::memory_order_relaxed); }
  void local_irq_restore();

  void hold() override { disabled_.fetch_add(1, std::memory_order_relaxed); }
  void release() override { local_irq_restore(); }

  [[nodiscard]] const std::vector<msi_message>& delivered() const { return delivered_; }
  [[nodiscard]] uint64_t spurious() const { return spurious_; }
  /// For tests: no more than `n` interrupts can be in use from now on.
  void limit(size_t n) { limit_ = n; }

 private:
  struct line {
    uint8_t vector = 0;
    handler action;
  };
  [[nodiscard]] uint8_t free_vector() const;
  void handle(msi_message message);

  std::map<int, line> lines_;
  std::atomic<int> disabled_ = 0;
  std::atomic<bool> waiting_ = false;
  std::vector<msi_message> pending_;
  std::vector<msi_message> delivered_;
  uint64_t spurious_ = 0;
  size_t limit_ = SIZE_MAX;
};

}  // namespace iommulab
