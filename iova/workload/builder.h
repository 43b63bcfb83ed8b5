// SPDX-License-Identifier: GPL-2.0-only
//
// How a workload is put together.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "iova/workload/workload.h"

namespace iommulab {

inline constexpr uint64_t limit_32bit = 0xfffff;
inline constexpr uint64_t limit_48bit = 0xfffffffff;
/// Where the CPU's interrupt messages go: never to be given out.
inline constexpr iova_range interrupt_range = {0xfee00, 0xfeeff};

/// Numbers that are the same everywhere: the standard fixes the generator, but not its
/// distributions.
class workload_random {
 public:
  /// 0 to bound - 1.
  uint64_t below(uint64_t bound) { return engine_() % bound; }
  bool percent(unsigned chance) { return below(100) < chance; }

 private:
  std::mt19937_64 engine_{4096};
};

class workload_builder {
 public:
  explicit workload_builder(uint64_t slots) {
    workload_.slots = static_cast<uint32_t>(slots);
    workload_.reserved = {interrupt_range};
  }

  iova_workload& workload() { return workload_; }
  /// What follows is what is measured.
  void setup_ends() { into_ = &iova_workload::operations; }

  /// Requests go through the range caches from here on.
  void fast() { fast_ = true; }
  void limit(uint64_t pfn, uint64_t fallback = no_iova) {
    limit_ = pfn;
    fallback_ = fallback;
  }

  void alloc(uint64_t slot, uint64_t size = 1, unsigned cpu = 0) {
    add(fast_ ? iova_operation::action::alloc_fast : iova_operation::action::alloc, slot, size, cpu,
        fallback_);
  }
  void free(uint64_t slot, unsigned cpu = 0) {
    add(fast_ ? iova_operation::action::free_fast : iova_operation::action::free, slot, 1, cpu,
        no_iova);
  }

  iova_workload finish() && { return std::move(workload_); }

 private:
  void add(iova_operation::action what, uint64_t slot, uint64_t size, unsigned cpu,
           uint64_t fallback) {
    (workload_.*into_)
        .push_back({what, true, static_cast<uint16_t>(cpu), static_cast<uint32_t>(slot), size,
                    limit_, fallback});
  }

  iova_workload workload_;
  std::vector<iova_operation> iova_workload::*into_ = &iova_workload::setup;
  bool fast_ = false;
  uint64_t limit_ = limit_32bit;
  uint64_t fallback_ = no_iova;
};

}  // namespace iommulab
