// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's spinlock, in atomics alone, so that checkers of threads see what it orders.
#pragma once

#include <atomic>

#include "absl/base/thread_annotations.h"

namespace iommulab {

/// Test and test-and-set; who waits spins, as in the kernel. Not fair.
class ABSL_LOCKABLE spin_lock {
 public:
  spin_lock() = default;
  spin_lock(const spin_lock&) = delete;
  spin_lock& operator=(const spin_lock&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (taken_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      wait();
  }
  void unlock() ABSL_UNLOCK_FUNCTION() { taken_.store(false, std::memory_order_release); }

 private:
  // Not inlined, so that lock() is.
  [[gnu::noinline]] void wait() {
    do {
      while (taken_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
    } while (taken_.exchange(true, std::memory_order_acquire));
  }

  std::atomic<bool> taken_ = false;
};

/// Holds a spin_lock.
class [[nodiscard]] ABSL_SCOPED_LOCKABLE spin_guard {
 public:
  explicit spin_guard(spin_lock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.lock();
  }
  ~spin_guard() ABSL_UNLOCK_FUNCTION() { lock_.unlock(); }
  spin_guard(const spin_guard&) = delete;
  spin_guard& operator=(const spin_guard&) = delete;

 private:
  spin_lock& lock_;
};

}  // namespace iommulab
