// SPDX-License-Identifier: GPL-2.0-or-later
//
// Failure injection and counting for allocations of kernel objects (the kernel's failslab): every
// kmem_cache_alloc() or kzalloc() of a ported function asks here first, and reports what it
// frees. With an injector told to fail at 1, 2, 3 … a test walks every error path.
//
// Any thread may call any function. Counting from "now" means: the next question is number 1.
#pragma once

#include <atomic>
#include <cstdint>

namespace iommulab {

class slab_failures {
 public:
  slab_failures() = default;
  slab_failures(const slab_failures&) = delete;
  slab_failures& operator=(const slab_failures&) = delete;

  /// Asked by an allocation before it allocates. True: it must fail as if memory had run out.
  /// False: it counts as made and as live until freed().
  [[nodiscard]] bool should_fail() {
    const uint64_t turn = asked_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (turn >= first_failing_.load(std::memory_order_relaxed) &&
        turn <= last_failing_.load(std::memory_order_relaxed)) {
      return true;
    }
    made_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  /// One object that should_fail() let through has been freed.
  void freed() { freed_.fetch_add(1, std::memory_order_relaxed); }

  /// The n-th allocation from now (n >= 1) fails, once. n = 0 injects nothing.
  void fail_at(uint64_t n) { fail_between(n, n); }
  /// The n-th allocation from now (n >= 1) and all after it fail. n = 0 injects nothing.
  void fail_from(uint64_t n) { fail_between(n, forever); }
  void fail_never() { fail_between(0, 0); }

  /// Allocations that were made, i.e. did not fail here.
  [[nodiscard]] uint64_t allocations() const { return made_.load(std::memory_order_relaxed); }
  /// Made and not yet freed. Negative when something was freed twice.
  [[nodiscard]] int64_t live() const {
    return static_cast<int64_t>(allocations() - freed_.load(std::memory_order_relaxed));
  }

 private:
  static constexpr uint64_t forever = UINT64_MAX;

  void fail_between(uint64_t first, uint64_t last) {
    const uint64_t now = asked_.load(std::memory_order_relaxed);
    first_failing_.store(first == 0 ? forever : now + first, std::memory_order_relaxed);
    last_failing_.store(last == forever ? forever : now + last, std::memory_order_relaxed);
  }

  std::atomic<uint64_t> asked_ = 0;
  std::atomic<uint64_t> made_ = 0;
  std::atomic<uint64_t> freed_ = 0;
  std::atomic<uint64_t> first_failing_ = forever;
  std::atomic<uint64_t> last_failing_ = 0;
};

}  // namespace iommulab
