// SPDX-License-Identifier: GPL-2.0-only
//
// What is timed: an allocator under one pattern of requests, and the list of all of them.
//
// A pattern is made with its live mappings in place, and is steady: any number of operations may be
// run, and later ones find the allocator as the first did. What one operation is, and what its
// nanoseconds therefore mean, is said where the pattern is (patterns.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/support/turns.h"
#include "iova/lab/catalogue.h"

namespace iommulab {

class pattern : public subject {
 public:
  [[nodiscard]] virtual iova_counters counters() const = 0;
  [[nodiscard]] virtual std::vector<iova_range> ranges() const = 0;
};

/// One allocator under one pattern.
struct bench_case {
  std::string allocator;  ///< "v6_1", or "kernel_v6_1" for the kernel's own code
  std::string pattern;    ///< "pair/4k/lim32"
  unsigned threads = 1;
  uint64_t batch = 1;  ///< operations worth running at once: some microseconds; no fewer are run
  /// As it is timed. Fails when the live mappings take the allocator too long to set up, or when
  /// it has no room for them.
  std::function<absl::StatusOr<std::unique_ptr<iommulab::pattern>>()> make;
  /// The same on the host that counts, one thread; counts nothing for the kernel's own code.
  std::function<absl::StatusOr<std::unique_ptr<iommulab::pattern>>()> make_counting;

  [[nodiscard]] std::string name() const { return allocator + "/" + pattern; }
};

/// The allocators of the lab in their order, then the kernel's own code; each under the patterns
/// that mean something for it.
std::vector<bench_case> bench_cases();

/// The frames that `allocator` gives out in the set-up of `pattern` and in `operations` of it (a
/// multiple of its batch), in order; no_iova where it failed. Of several threads one after the
/// other; of a named workload all of it, once. Fails for names that are not there.
absl::StatusOr<std::vector<uint64_t>> answers(const std::string& allocator,
                                              const std::string& pattern, uint64_t operations);

}  // namespace iommulab
