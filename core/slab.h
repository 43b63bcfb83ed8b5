// SPDX-License-Identifier: GPL-2.0-only
//
// Failure injection and counting for allocations of kernel objects (the kernel's failslab): every
// kmem_cache_alloc() or kzalloc() of a ported function asks here first, and reports what it
// frees. With an injector told to fail at 1, 2, 3 … a test walks every error path.
//
// Any thread may call any function. Counting from "now" means: the next question is number 1.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

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

  /// Allocations that asked, failed ones included.
  [[nodiscard]] uint64_t asked() const { return asked_.load(std::memory_order_relaxed); }
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

/// One allocation: asks, and reports it freed when it goes. What holds memory holds its token, so
/// that no way out of a function can forget it. The injector outlives it.
class slab_token {
 public:
  slab_token() = default;
  explicit slab_token(slab_failures& slab) : slab_(slab.should_fail() ? nullptr : &slab) {}
  slab_token(slab_token&& other) noexcept : slab_(std::exchange(other.slab_, nullptr)) {}
  slab_token& operator=(slab_token&& other) noexcept {
    if (this != &other) {
      reset();
      slab_ = std::exchange(other.slab_, nullptr);
    }
    return *this;
  }
  ~slab_token() { reset(); }

  /// Whether there is an allocation; without one it had to fail.
  explicit operator bool() const { return slab_ != nullptr; }
  void reset() {
    if (slab_ != nullptr) std::exchange(slab_, nullptr)->freed();
  }
  /// The allocation stays, and whoever frees it calls freed().
  void keep() { slab_ = nullptr; }

 private:
  slab_failures* slab_ = nullptr;
};

/// kfree(), for a kernel_ptr.
struct kernel_free {
  template <typename T>
  void operator()(T* object) const {
    slab->freed();
    delete object;
  }
  slab_failures* slab = nullptr;
};
/// What kernel_new() made, until it is released to who frees it later.
template <typename T>
using kernel_ptr = std::unique_ptr<T, kernel_free>;

/// kzalloc() of an object: null when the injector says so.
template <typename T, typename... Args>
kernel_ptr<T> kernel_new(slab_failures& slab, Args&&... args) {
  if (slab.should_fail()) return {nullptr, kernel_free{&slab}};
  return {new T(std::forward<Args>(args)...), kernel_free{&slab}};
}
/// kfree() of an object that was released: null is passed over.
template <typename T>
void kernel_delete(slab_failures& slab, T* object) {
  if (object != nullptr) kernel_free{&slab}(object);
}

}  // namespace iommulab
