// SPDX-License-Identifier: GPL-2.0-only
//
// Magazines of freed ranges, and the depots that keep full ones between processors (Bonwick and
// Adams, "Magazines and Vmem", USENIX 2001). A range is its lowest frame: every range of one
// depot has the same size.
//
// Locking: a magazine belongs to the processor that loaded it, or to the depot; each of those has
// a lock of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace iommulab {

/// Linux drivers/iommu/iova.c: struct iova_magazine
template <unsigned Capacity>
struct iova_magazine {
  static constexpr unsigned capacity = Capacity;

  iova_magazine() : size(0) {}  // NOLINT(cppcoreguidelines-pro-type-member-init): pfns, as used

  union {
    uint64_t size;        ///< entries in use
    iova_magazine* next;  ///< in a list of full ones
  };
  std::array<uint64_t, Capacity> pfns;
};

/// Until 6.5: at most `max_magazines` of them; what does not fit goes back to the tree.
template <class Magazine>
class bounded_depot {
 public:
  static constexpr unsigned max_magazines = 32;  // MAX_GLOBAL_MAGS
  static constexpr bool trims = false;

  /// Takes `full`, or gives it back when there is no room for it.
  Magazine* push(Magazine* full) {
    if (size_ == max_magazines) return full;
    magazines_[size_++] = full;
    return nullptr;
  }
  /// Null when empty.
  Magazine* pop() { return size_ == 0 ? nullptr : magazines_[--size_]; }
  [[nodiscard]] uint64_t size() const { return size_; }
  /// All of them out, in the order in which a global flush frees them.
  template <class F>
  void drain(F f) {
    const unsigned count = std::exchange(size_, 0u);
    for (unsigned i = 0; i < count; ++i) f(magazines_[i]);
  }

 private:
  unsigned size_ = 0;
  std::array<Magazine*, max_magazines> magazines_;
};

/// From 6.6 on: a list without end, which delayed work shortens to one magazine a processor.
template <class Magazine>
class trimmed_depot {
 public:
  static constexpr bool trims = true;

  Magazine* push(Magazine* full) {
    full->next = top_;
    top_ = full;
    ++size_;
    work_pending_ = true;
    return nullptr;
  }
  Magazine* pop() {
    Magazine* full = top_;
    if (full == nullptr) return nullptr;
    top_ = full->next;
    full->size = Magazine::capacity;
    --size_;
    return full;
  }
  [[nodiscard]] uint64_t size() const { return size_; }
  template <class F>
  void drain(F f) {
    while (Magazine* full = pop()) f(full);
  }

  // Linux v6.12 drivers/iommu/iova.c: iova_depot_work_func(), the part under the lock. One
  // magazine too many, or null; with one, the work is due again.
  Magazine* trim(unsigned online_cpus) {
    Magazine* surplus = size_ > online_cpus ? pop() : nullptr;
    work_pending_ = surplus != nullptr;
    return surplus;
  }
  [[nodiscard]] bool work_pending() const { return work_pending_; }

 private:
  Magazine* top_ = nullptr;
  uint64_t size_ = 0;
  bool work_pending_ = false;
};

}  // namespace iommulab
