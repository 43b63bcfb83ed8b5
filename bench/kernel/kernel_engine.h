// SPDX-License-Identifier: GPL-2.0-only
//
// A kernel's own allocator code (kernel_iova.c) with the members of an engine
// (iova/lab/boxed_engine.h), each of which is one call of the kernel's function. On a host with
// locks it is the build with locks. It counts nothing, and its memory never fails.
//
// All domains of one version that live at the same time have the same number of processors, and
// one memory: what counters() says of nodes is the sum of all.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "iova/lab/allocator.h"
#include "iova/lab/host.h"

namespace iommulab {

/// The kernel's struct iova_domain.
struct kernel_iova_domain;
/// The kernel's struct iova; kernel_iova.c asserts where its members lie.
struct kernel_iova {
  void* node[3];
  unsigned long pfn_hi;
  unsigned long pfn_lo;
};

#ifdef IOMMULAB_KERNEL_6_1
#define KERNEL_CODE kernel_6_1_bare
#define KERNEL_THREAD
#include "bench/kernel/kernel_build.inc"
#define KERNEL_CODE kernel_6_1_threads
#define KERNEL_THREAD __thread
#include "bench/kernel/kernel_build.inc"
#endif
#ifdef IOMMULAB_KERNEL_6_12
#define KERNEL_CODE kernel_6_12_bare
#define KERNEL_THREAD
#include "bench/kernel/kernel_build.inc"
#define KERNEL_CODE kernel_6_12_threads
#define KERNEL_THREAD __thread
#include "bench/kernel/kernel_build.inc"
#endif

/// `Code` is one build.
template <class Code>
class kernel_engine {
 public:
  kernel_engine(const iova_space& space, unsigned cpus)
      : domain_(Code::make(space.granule, space.start_pfn, cpus)) {}
  kernel_engine(const kernel_engine&) = delete;
  kernel_engine& operator=(const kernel_engine&) = delete;
  ~kernel_engine() {
    if (domain_ != nullptr) Code::destroy(domain_);
  }

  [[nodiscard]] bool usable() const { return domain_ != nullptr; }

  /// The calling thread is processor `cpu` from now on: its slab lists and range caches are used.
  void enter_cpu(unsigned cpu) { Code::set_cpu(cpu); }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    kernel_iova* iova = Code::alloc(domain_, size, limit_pfn, size_aligned);
    if (iova == nullptr) return {};
    return {iova->pfn_lo, iova};
  }
  void free(iova_grant grant, uint64_t) {
    Code::free(domain_, static_cast<kernel_iova*>(grant.node));
  }
  uint64_t alloc_fast(unsigned cpu, uint64_t size, uint64_t limit_pfn, bool flush) {
    Code::set_cpu(cpu);
    const uint64_t pfn = Code::alloc_fast(domain_, size, limit_pfn, flush);
    return pfn == 0 ? no_iova : pfn;
  }
  void free_fast(unsigned cpu, uint64_t pfn_lo, uint64_t size) {
    Code::set_cpu(cpu);
    Code::free_fast(domain_, pfn_lo, size);
  }
  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
    return Code::reserve(domain_, pfn_lo, pfn_hi) != nullptr;
  }
  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const kernel_iova* iova = Code::find(domain_, frame);
    if (iova == nullptr) return std::nullopt;
    return iova_range{iova->pfn_lo, iova->pfn_hi};
  }
  template <class F>
  void for_each(F f) const {
    for (kernel_iova* i = Code::first(domain_); i != nullptr; i = Code::next(i)) {
      f(iova_range{i->pfn_lo, i->pfn_hi});
    }
  }
  [[nodiscard]] iova_counters counters() const {
    return {.nodes = Code::live_nodes(), .node_bytes = Code::live_bytes()};
  }

 private:
  kernel_iova_domain* domain_;
};

template <class Host, class Bare, class Threads>
using kernel_engine_on = kernel_engine<
    std::conditional_t<std::is_same_v<typename Host::lock_type, no_lock>, Bare, Threads>>;

#ifdef IOMMULAB_KERNEL_6_1
template <class Host>
class kernel_6_1 : public kernel_engine_on<Host, kernel_6_1_bare, kernel_6_1_threads> {
 public:
  kernel_6_1(Host&, const iova_space& space, unsigned cpus)
      : kernel_6_1::kernel_engine(space, cpus) {}
};
#endif
#ifdef IOMMULAB_KERNEL_6_12
template <class Host>
class kernel_6_12 : public kernel_engine_on<Host, kernel_6_12_bare, kernel_6_12_threads> {
 public:
  kernel_6_12(Host&, const iova_space& space, unsigned cpus)
      : kernel_6_12::kernel_engine(space, cpus) {}
};
#endif

}  // namespace iommulab
