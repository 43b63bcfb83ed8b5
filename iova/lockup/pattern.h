// SPDX-License-Identifier: GPL-2.0-only
//
// Request patterns that may make an allocator search long: how a domain gets its live mappings,
// and what each processor then asks for, over and over.
//
// The mappings that are asked for have 33 frames or more: Linux's range caches serve up to 32, so
// these reach the tree in every version, and plain alloc and free are what alloc_iova_fast() and
// free_iova_fast() come to. Mappings that only fill the domain have 1 frame.
//
// Processors begin at different parts of the pattern, as they would in a system that has run for a
// while: processor i at part i modulo parts(). In lockstep they would free first, all of them, and
// then share one search.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "iova/lockup/domain.h"

namespace iommulab {

/// Highest frame below 2 GiB, 4 GiB and 256 TiB with 4 KiB frames.
inline constexpr uint64_t limit_31bit = 0x7ffff;
inline constexpr uint64_t limit_32bit = 0xfffff;
inline constexpr uint64_t limit_48bit = 0xfffffffff;

struct lockup_shape {
  unsigned cpus = 1;
  uint64_t batch = 1;  ///< steps of the pattern that a processor makes in one stretch
};

/// One call of the allocator. Allocating into a slot that holds a mapping, or freeing an empty one,
/// is no call: the fall-back after an allocation that went well, for one.
struct lockup_request {
  bool allocates = false;  ///< false: frees
  size_t slot = 0;
  uint64_t size = 0;
  uint64_t limit_pfn = 0;
};

class lockup_pattern {
 public:
  virtual ~lockup_pattern() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// One line: what lives in the domain, and what a step asks for.
  [[nodiscard]] virtual std::string_view summary() const = 0;

  /// The most live mappings that its part of the address space has room for.
  [[nodiscard]] virtual uint64_t capacity(const lockup_shape& shape) const = 0;
  /// Makes `population` live mappings in an empty domain. False: one of them failed.
  virtual bool populate(lockup_domain& domain, uint64_t population,
                        const lockup_shape& shape) const = 0;

  /// How many requests a step has.
  [[nodiscard]] virtual unsigned parts() const = 0;
  /// Part `part` of the `step`-th step of all, which is `cpu`'s.
  [[nodiscard]] virtual lockup_request request(unsigned cpu, uint64_t step, unsigned part,
                                               uint64_t population,
                                               const lockup_shape& shape) const = 0;
};

/// All of them, the same objects each time.
absl::Span<const lockup_pattern* const> lockup_patterns();
/// Null when no pattern has that name.
const lockup_pattern* find_lockup_pattern(std::string_view name);

}  // namespace iommulab
