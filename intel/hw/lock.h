// SPDX-License-Identifier: GPL-2.0-only
//
// spin_lock_irqsave(): a spinlock, and no interrupt of the simulated machine is handled while it is
// held. Interrupts are raised inside register writes here; without this the fault handler would
// run under the very lock it takes.
#pragma once

#include "absl/base/thread_annotations.h"
#include "core/irq/local_irq.h"
#include "core/spin_lock.h"

namespace iommulab {

class ABSL_SCOPED_LOCKABLE spin_lock_irqsave {
 public:
  spin_lock_irqsave(local_irq& interrupts, spin_lock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock)
      : interrupts_(interrupts), lock_(lock) {
    interrupts_.local_irq_save();
    lock_.lock();
  }
  ~spin_lock_irqsave() ABSL_UNLOCK_FUNCTION() {
    lock_.unlock();
    interrupts_.local_irq_restore();
  }
  spin_lock_irqsave(const spin_lock_irqsave&) = delete;
  spin_lock_irqsave& operator=(const spin_lock_irqsave&) = delete;

 private:
  local_irq& interrupts_;
  spin_lock& lock_;
};

}  // namespace iommulab
