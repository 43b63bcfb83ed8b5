// SPDX-License-Identifier: GPL-2.0-or-later
//
// Recorded runs of Linux's IOVA allocators, one operation a line, read and played against an
// allocator. The reader knows the operations of every kernel version; a target answers those
// that its version has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iova/lab/range.h"

namespace iommulab {

/// An allocator under replay. Domains 0 to 7 are switched with use(); ids of allocations are
/// global. What a version does not have keeps the default, which fails the replay.
class iova_trace_target {
 public:
  using result = std::optional<iova_range>;
  virtual ~iova_trace_target() = default;

  virtual void use(unsigned domain) = 0;
  virtual void init(uint64_t granule, uint64_t start_pfn, uint64_t dma32_pfn) = 0;
  virtual result reserve(uint64_t lo, uint64_t hi) = 0;
  virtual result alloc(uint64_t id, uint64_t size, uint64_t limit, bool aligned) = 0;
  virtual void free(uint64_t id) = 0;
  virtual void free_pfn(uint64_t frame) = 0;
  virtual result find(uint64_t frame) = 0;
  virtual std::vector<iova_range> dump() = 0;
  /// "cached32=0xf5000", in the words of the version's traces.
  virtual std::string state() = 0;

  virtual result split(uint64_t id, uint64_t lo, uint64_t hi);
  virtual void copy_reserved(unsigned from, unsigned to);
  virtual void rcache_init(unsigned cpus);
  virtual void cpu(unsigned n);
  virtual result alloc_fast(uint64_t id, uint64_t size, uint64_t limit, bool flush);
  virtual void free_fast(uint64_t id);
  virtual void flush_cpu(unsigned n);
  virtual void flush_global();
  virtual uint64_t work();
  /// Magazines in the depot, one number a bin.
  virtual std::vector<uint64_t> depot();
};

struct iova_trace_outcome {
  uint64_t operations = 0;  ///< lines played, comments and listed ranges apart
  uint64_t differences = 0;
  std::vector<std::string> first_differences;  ///< "line 7: alloc 3 4 0xfffff 0: 0x1 0x4, not …"
};

/// Plays a whole trace. A line that cannot be read, or an operation the target does not have,
/// counts as a difference.
iova_trace_outcome play_iova_trace(std::string_view text, iova_trace_target& target);

}  // namespace iommulab
