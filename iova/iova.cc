// SPDX-License-Identifier: GPL-2.0-only
#include "iova/iova.h"

#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/ensure.h"
#include "core/panic.h"
#include "iova/lab/host.h"

namespace iommulab {
namespace {

void trace_range(tracer& trace, events::range_action action, uint64_t lo, uint64_t hi) {
  trace.tell([&] { return events::iova_range{action, lo, hi}; });
}

// The environment of the shared parts (iova/linux/searched_tree.h): nodes from the slab cache, and
// a trace scope for each of the kernel's functions.
struct traced_environment {
  iova_cache& cache;
  [[no_unique_address]] no_counts counts{};

  iova* alloc_iova_mem() { return iommulab::alloc_iova_mem(cache); }
  void free_iova_mem(iova* node) { iommulab::free_iova_mem(cache, node); }
  template <typename Arguments>
  call_scope call(std::string_view function, const Arguments& arguments) {
    return {cache.trace, function, arguments};
  }
  [[nodiscard]] bool follows_calls() const { return cache.trace.follows_calls(); }
  void search_ended_at_frame_0() const {
    if (cache.search_ended_at_frame_0) cache.search_ended_at_frame_0();
  }
};

// Linux v4.4 drivers/iommu/iova.c: __alloc_and_insert_iova_range()
bool alloc_and_insert_iova_range(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, iova& added,
                                 bool size_aligned) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "__alloc_and_insert_iova_range", {"size", size}, {"limit_pfn", limit_pfn},
                {"size_aligned", size_aligned});
  traced_environment env{iovad.cache};
  const spin_guard guard(iovad.iova_rbtree_lock);
  const iova_room room = iovad.ranges.find_room(env, size, limit_pfn, size_aligned);
  if (room) iovad.ranges.insert(env, room, size, limit_pfn, added);
  return this_call.result(static_cast<bool>(room), room ? 0 : -ENOMEM);
}

}  // namespace

std::string trace_word(const iova& range) {
  return absl::StrFormat("0x%x-0x%x", range.pfn_lo, range.pfn_hi);
}

// Linux v4.4 drivers/iommu/iova.c: init_iova_domain()
void init_iova_domain(iova_domain& iovad, uint64_t granule, uint64_t start_pfn,
                      uint64_t pfn_32bit) {
  IOMMULAB_CALL(iovad.cache.trace, "init_iova_domain", {"granule", granule},
                {"start_pfn", start_pfn}, {"pfn_32bit", pfn_32bit});
  IOMMULAB_NOTE_CALL(iovad.cache.trace, "init_iova_domain");
  bug_on(granule > page_size || !std::has_single_bit(granule),
         "init_iova_domain: no granule that a page is made of");
  const spin_guard guard(iovad.iova_rbtree_lock);
  ensure(iovad.ranges.tree.empty(), "a new IOVA domain has no ranges");
  iovad.granule = granule;
  iovad.ranges.init({granule, start_pfn, pfn_32bit});
}

// Linux v4.4 drivers/iommu/iova.c: alloc_iova()
iova* alloc_iova(iova_domain& iovad, uint64_t size, uint64_t limit_pfn, bool size_aligned) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "alloc_iova", {"size", size}, {"limit_pfn", limit_pfn},
                {"aligned", size_aligned});
  iova* range = alloc_iova_mem(iovad.cache);
  if (range == nullptr) return this_call.result(nullptr);
  if (!alloc_and_insert_iova_range(iovad, size, limit_pfn, *range, size_aligned)) {
    free_iova_mem(iovad.cache, range);
    return this_call.result(nullptr);
  }
  IOMMULAB_RESULT(trace, {"lo", range->pfn_lo}, {"hi", range->pfn_hi});
  IOMMULAB_NOTE_CALL(trace, "alloc_iova");
  trace_range(trace, events::range_action::alloc, range->pfn_lo, range->pfn_hi);
  return range;
}

// Linux v4.4 drivers/iommu/iova.c: find_iova()
iova* find_iova(iova_domain& iovad, uint64_t frame) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "find_iova", {"pfn", frame});
  const spin_guard guard(iovad.iova_rbtree_lock);
  return this_call.result(iovad.ranges.tree.find(frame));
}

// Linux v4.4 drivers/iommu/iova.c: __free_iova()
void free_iova(iova_domain& iovad, iova* range) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "__free_iova", {"lo", range->pfn_lo}, {"hi", range->pfn_hi});
  IOMMULAB_NOTE_CALL(trace, "free_iova");
  trace_range(trace, events::range_action::free, range->pfn_lo, range->pfn_hi);
  {
    traced_environment env{iovad.cache};
    const spin_guard guard(iovad.iova_rbtree_lock);
    iovad.ranges.remove(env, *range);
  }
  free_iova_mem(iovad.cache, range);
}

// Linux v4.4 drivers/iommu/iova.c: free_iova()
void free_iova(iova_domain& iovad, uint64_t frame) {
  IOMMULAB_CALL(iovad.cache.trace, "free_iova", {"pfn", frame});
  iova* range = find_iova(iovad, frame);
  if (range != nullptr) free_iova(iovad, range);
}

// Linux v4.4 drivers/iommu/iova.c: reserve_iova()
iova* reserve_iova(iova_domain& iovad, uint64_t pfn_lo, uint64_t pfn_hi) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "reserve_iova", {"lo", pfn_lo}, {"hi", pfn_hi});
  IOMMULAB_NOTE_CALL(trace, "reserve_iova");
  trace_range(trace, events::range_action::reserve, pfn_lo, pfn_hi);
  traced_environment env{iovad.cache};
  const spin_guard guard(iovad.iova_rbtree_lock);
  return this_call.result(iovad.ranges.reserve(env, pfn_lo, pfn_hi));
}

// Linux v4.4 drivers/iommu/iova.c: copy_reserved_iova()
void copy_reserved_iova(iova_domain& from, iova_domain& to) {
  IOMMULAB_CALL(from.cache.trace, "copy_reserved_iova");
  ensure(&from != &to, "reserved ranges go from one IOVA domain to another");
  const spin_guard guard(from.iova_rbtree_lock);
  for (const iova& range : from.ranges.tree) {
    if (reserve_iova(to, range.pfn_lo, range.pfn_hi) != nullptr) continue;
    // The kernel prints pfn_lo twice.
    from.cache.log.print(log_level::err, absl::StrFormat("Reserve iova range %x@%x failed\n",
                                                         range.pfn_lo, range.pfn_lo));
  }
}

// Linux v4.4 drivers/iommu/iova.c: split_and_remove_iova()
iova* split_and_remove_iova(iova_domain& iovad, iova* range, uint64_t pfn_lo, uint64_t pfn_hi) {
  tracer& trace = iovad.cache.trace;
  IOMMULAB_CALL(trace, "split_and_remove_iova", {"iova", range}, {"pfn_lo", pfn_lo},
                {"pfn_hi", pfn_hi});
  traced_environment env{iovad.cache};
  const spin_guard guard(iovad.iova_rbtree_lock);
  return this_call.result(iovad.ranges.split_and_remove(env, *range, pfn_lo, pfn_hi));
}

// Linux v4.4 drivers/iommu/iova.c: put_iova_domain()
void put_iova_domain(iova_domain& iovad) {
  IOMMULAB_CALL(iovad.cache.trace, "put_iova_domain");
  traced_environment env{iovad.cache};
  const spin_guard guard(iovad.iova_rbtree_lock);
  iovad.ranges.free_all(env);
}

}  // namespace iommulab
