// SPDX-License-Identifier: GPL-2.0-only
//
// What every allocator of I/O virtual addresses in the lab can do, whatever kernel, paper or
// mailing list it comes from.
//
// There are two forms of one interface. An *engine* is a class template over its host (lab/host.h)
// with the functions below as plain members: benchmarks call these, so that nothing but the
// allocator is timed. `iova_allocator` is the same as virtual functions, for everything that picks
// an allocator by name (iova/allocators.h); `boxed_engine` (lab/boxed_engine.h) makes one of the
// other.
//
// Frame numbers are in units of the granule. Ranges and limits are inclusive.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "iova/lab/counters.h"
#include "iova/lab/range.h"

namespace iommulab {

/// No frame: what an allocation that failed returns.
inline constexpr uint64_t no_iova = ~uint64_t{0};

/// What alloc() gave out: the lowest frame, and the engine's own node, if it has nodes, by which
/// free() finds it at once. Fits two registers.
struct iova_grant {
  uint64_t pfn_lo = no_iova;
  void* node = nullptr;
  explicit operator bool() const { return pfn_lo != no_iova; }
};

class iova_allocator {
 public:
  virtual ~iova_allocator() = default;

  /// `size` (>= 1) frames that end at or below `limit_pfn`; with `size_aligned` they begin at a
  /// multiple of the next power of two. Fails when there is no room, or no memory for the node.
  virtual iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) = 0;
  /// Frees what alloc() gave; `size` as it was asked for.
  virtual void free(iova_grant grant, uint64_t size) = 0;

  /// As alloc() with size alignment, through the caches of processor `cpu` where the allocator has
  /// such caches. `flush`: give the caches' ranges back before the allocation fails. Returns the
  /// lowest frame or no_iova.
  virtual uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) = 0;
  /// Frees what alloc_fast() gave; `size` as it was asked for.
  virtual void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) = 0;

  /// Keeps a range from being given out. False when there is no memory, or when a part of it is
  /// given out already and the allocator cannot note the rest.
  virtual bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) = 0;
  /// The range in use that covers `frame`. Ranges in caches count as in use.
  [[nodiscard]] virtual std::optional<iova_range> find(uint64_t frame) const = 0;
  /// Every range in use, ascending.
  [[nodiscard]] virtual std::vector<iova_range> ranges() const = 0;

  /// Zero where the host does not count, but for `nodes` and `node_bytes`.
  [[nodiscard]] virtual iova_counters counters() const = 0;
};

}  // namespace iommulab
