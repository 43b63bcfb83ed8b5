// SPDX-License-Identifier: GPL-2.0-only
//
// The interrupt flag of the processor. Whoever raises interrupts derives from it, and keeps back
// what arrives while the flag is off.
#pragma once

#include <atomic>

namespace iommulab {

class local_irq {
 public:
  local_irq() = default;
  virtual ~local_irq() = default;
  local_irq(const local_irq&) = delete;
  local_irq& operator=(const local_irq&) = delete;

  /// They nest; the last restore lets what has waited be handled, within the call.
  void local_irq_save() { disabled_.fetch_add(1, std::memory_order_relaxed); }
  void local_irq_restore() {
    if (disabled_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (waiting_.load(std::memory_order_acquire)) take_pending();
  }

 protected:
  [[nodiscard]] bool irqs_disabled() const { return disabled_.load(std::memory_order_relaxed) > 0; }
  /// Whether take_pending() is to be called when interrupts are on again.
  void set_waiting(bool waiting) { waiting_.store(waiting, std::memory_order_release); }
  virtual void take_pending() = 0;

 private:
  std::atomic<int> disabled_ = 0;
  std::atomic<bool> waiting_ = false;
};

}  // namespace iommulab
