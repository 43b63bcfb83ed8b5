// SPDX-License-Identifier: GPL-2.0-or-later
//
// Two allocators that were proposed for the kernel in May 2026: Linux's tree of ranges, augmented
// with the largest gap of each subtree.
//
// Source: Rik van Riel, linux-iommu mailing list: "[PATCH 0/5] iova augmented rbtree O(log n)
// alloc_iova" of 12 May 2026, for gap_tree; "iova: limit_pfn-aware augmentation for log(n) 32-bit
// alloc" of 18 May 2026 (patch 3 of the series' second version), for gap_tree32. The same idea was
// posted by Peng Zhang in August 2022 ("iommu/iova: Optimize alloc_iova with rbtree_augmented").
//
// gap_tree searches from the highest range down, and leaves a subtree out when its largest gap is
// smaller than the request. It is as proposed: every allocation searches, every free updates.
//   alloc O(log n) as long as most gaps that are large enough do fit; free, reserve, find O(log n).
//   Not good at: requests with a low limit. Gaps above the limit are large enough and do not fit,
//   so each is looked at: O(n). Also requests that need alignment, where gaps are large enough but
//   lie badly: O(n), too. (Comparing positions on the way down would spare the former: see
//   maple.h.)
//
// gap_tree32 keeps a second maximum in each node, of the gaps' parts below 4 GiB, and goes by that
// for limits up to there. That is the repair. It does three more things, so that what the kernel's
// cached nodes make cheap stays cheap:
//   - it remembers from which range upward every frame is in use (a fence; one for the 32-bit
//     limit, one for the limit used last apart from that), and tries the gap below first: O(1);
//   - ranges freed last stay in the tree until something else is asked for than they
//     (freed_last.h): a ring or a pair of alloc and free does not touch the tree;
//   - maxima count up to 2^16 frames: the large free rest at the low end, which shrinks with each
//     allocation, would otherwise change every ancestor each time. Requests larger than that may
//     look at all gaps of at least 2^16 frames, of which there are few.
//   Not good at: limits other than 4 GiB on a domain that is full above them; alignment, as above.
//
// Both place a request at the highest address where it fits, and fail only when it fits nowhere.
// A range of frames that is reserved may be several nodes, where ranges were in use in its midst.
//
// Locking: one lock for all.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "iova/lab/host.h"
#include "iova/lab/node_pool.h"
#include "iova/rivals/fit.h"
#include "iova/rivals/freed_last.h"
#include "iova/rivals/gap_treap.h"

namespace iommulab {

/// gap_tree: the largest gap.
struct gap_policy_largest {
  static constexpr bool hints = false;
  struct summary {
    uint64_t all = 0;

    static summary of(uint64_t begin, uint64_t end, uint64_t) { return {end - begin}; }
    [[nodiscard]] summary join(summary o) const { return {std::max(all, o.all)}; }
    [[nodiscard]] bool dominates(summary o) const { return all >= o.all; }
    [[nodiscard]] bool exceeds(summary o) const { return all > o.all || o.all == 0; }
    [[nodiscard]] bool may_fit(const iova_request& r, uint64_t) const { return all >= r.size; }
    bool operator==(const summary&) const = default;
  };
};

/// gap_tree32: the largest gap, and the largest part of a gap below 4 GiB.
struct gap_policy_largest_and_32bit {
  static constexpr bool hints = true;
  struct summary {
    static constexpr uint64_t counted = uint64_t{1} << 16U;
    uint32_t all = 0;
    uint32_t below_4g = 0;

    static summary of(uint64_t begin, uint64_t end, uint64_t last_32bit_pfn) {
      const uint64_t end32 = std::min(end, last_32bit_pfn + 1);
      return {count(end - begin), end32 > begin ? count(end32 - begin) : 0};
    }
    static uint32_t count(uint64_t frames) {
      return static_cast<uint32_t>(std::min(frames, counted));
    }
    [[nodiscard]] summary join(summary o) const {
      return {std::max(all, o.all), std::max(below_4g, o.below_4g)};
    }
    [[nodiscard]] bool dominates(summary o) const { return all >= o.all && below_4g >= o.below_4g; }
    [[nodiscard]] bool exceeds(summary o) const {
      return (all > o.all || o.all == 0) && (below_4g > o.below_4g || o.below_4g == 0);
    }
    [[nodiscard]] bool may_fit(const iova_request& r, uint64_t last_32bit_pfn) const {
      return (r.limit_pfn <= last_32bit_pfn ? below_4g : all) >= std::min(r.size, counted);
    }
    bool operator==(const summary&) const = default;
  };
};

template <class Host, class Policy>
class gap_tree_engine {
 public:
  gap_tree_engine(Host& host, const iova_space& space, unsigned /*cpus*/)
      : last_32bit_pfn_(space.last_32bit_pfn),
        pool_(host.failures),
        tree_(space.start_pfn, space.last_32bit_pfn),
        fences_{{{space.last_32bit_pfn, tree_.anchor()}, {no_iova, tree_.anchor()}}} {}
  gap_tree_engine(const gap_tree_engine&) = delete;
  gap_tree_engine& operator=(const gap_tree_engine&) = delete;
  ~gap_tree_engine() {
    while (!tree_.is_anchor(tree_.first())) {
      node* n = tree_.first();
      tree_.erase(n);
      pool_.destroy(n);
    }
  }

  [[nodiscard]] bool usable() const { return true; }

  iova_grant alloc(uint64_t size, uint64_t limit_pfn, bool size_aligned) {
    if (!iova_request::possible(size)) return {};
    const auto request = iova_request::of(size, limit_pfn, size_aligned);
    const lab_guard guard(lock_, counts_);
    counts_.search_begins();
    const iova_grant grant = alloc_locked(request);
    counts_.search_ends();
    return grant;
  }
  void free(iova_grant grant, uint64_t size) {
    const lab_guard guard(lock_, counts_);
    const iova_range range{grant.pfn_lo, grant.pfn_lo + size - 1};
    auto* gone = static_cast<node*>(grant.node);
    if constexpr (Policy::hints) {
      if (freed_.full()) [[unlikely]]
        forget_freed();
      freed_.add(range, gone);
    } else {
      remove(range, gone);
    }
  }

  uint64_t alloc_fast(unsigned /*cpu*/, uint64_t size, uint64_t limit_pfn, bool /*flush*/) {
    return alloc(size, limit_pfn, true).pfn_lo;
  }
  void free_fast(unsigned /*cpu*/, uint64_t pfn_lo, uint64_t size) {
    free({pfn_lo, nullptr}, size);
  }

  bool reserve(uint64_t pfn_lo, uint64_t pfn_hi) {
    if (pfn_lo > pfn_hi) return false;
    const lab_guard guard(lock_, counts_);
    forget_freed();
    std::vector<node*> pieces;
    for (node* above = tree_.not_below(pfn_lo);; above = tree_.next(above)) {
      if (above->lo > pfn_lo) {
        node* piece = pool_.make();
        if (piece == nullptr) {
          for (node* made : pieces) pool_.destroy(made);
          return false;
        }
        piece->lo = pfn_lo;
        piece->hi = std::min(pfn_hi, above->lo - 1);
        pieces.push_back(piece);
      }
      if (above->hi >= pfn_hi || above->lo > pfn_hi) break;
      pfn_lo = above->hi + 1;
    }
    for (node* piece : pieces) tree_.insert_below(tree_.not_below(piece->lo), piece);
    return true;
  }

  [[nodiscard]] std::optional<iova_range> find(uint64_t frame) const {
    const lab_guard guard(lock_, counts_);
    const node* n = tree_.not_below(frame);
    if (n->lo > frame || tree_.is_anchor(n) || freed_.contains(n->lo)) return std::nullopt;
    return iova_range{n->lo, n->hi};
  }
  template <class F>
  void for_each(F f) const {
    const lab_guard guard(lock_, counts_);
    const std::vector<uint64_t> freed = freed_.sorted();
    auto skip = freed.begin();
    for (node* n = tree_.first(); !tree_.is_anchor(n); n = tree_.next(n)) {
      if (skip != freed.end() && *skip == n->lo) {
        ++skip;
      } else {
        f(iova_range{n->lo, n->hi});
      }
    }
  }

  [[nodiscard]] iova_counters counters() const {
    const lab_guard guard(lock_, counts_);
    iova_counters all;
    counts_.add_to(all);
    all.nodes = pool_.live();
    all.node_bytes = all.nodes * sizeof(node) + (Policy::hints ? sizeof(freed_) : 0);
    return all;
  }

 private:
  using node = typename gap_treap<typename Policy::summary>::node;
  static_assert(sizeof(node) == 64, "one cache line");

  // Every frame from `from->lo` to the limit is in use, or in freed_.
  struct fence {
    uint64_t limit_pfn;
    node* from;
  };

  iova_grant alloc_locked(const iova_request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if constexpr (!Policy::hints) {
      uint64_t lo = no_iova;
      node* above = highest_fit(tree_.root(), request, lo);
      return above == nullptr ? iova_grant{} : insert(above, lo, request.size);
    }
    fence& packed = fence_for(request.limit_pfn);
    counts_.node_visited();
    freed_last::entry again;
    if (freed_.take(request, packed.from->lo, again)) return {again.range.lo, again.node};
    forget_freed();

    node* above = packed.from;
    uint64_t lo = request.place(above->gap_begin(), above->lo);
    const bool at_fence = lo != no_iova;
    if (!at_fence) {
      above = highest_fit(tree_.root(), request, lo);
      if (above == nullptr) return {};
    }
    const uint64_t hi = lo + request.size - 1;
    const bool none_above = hi == request.limit_pfn || (at_fence && hi == above->lo - 1);
    const iova_grant grant = insert(above, lo, request.size);
    // A single frame is at the highest free frame, wherever it was found.
    if (grant && (none_above || request.size == 1)) packed.from = static_cast<node*>(grant.node);
    return grant;
  }

  // The node above the highest gap of n's subtree where the request fits, and where in it.
  node* highest_fit(node* n, const iova_request& request, uint64_t& lo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    for (; n != nullptr; n = n->left) {
      counts_.node_visited();
      if (!n->max.may_fit(request, last_32bit_pfn_)) return nullptr;
      node* found = highest_fit(n->right, request, lo);
      if (found != nullptr) return found;
      lo = request.place(n->gap_begin(), n->lo);
      if (lo != no_iova) return n;
    }
    return nullptr;
  }

  iova_grant insert(node* above, uint64_t lo, uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    node* added = pool_.make();
    if (added == nullptr) return {};
    added->lo = lo;
    added->hi = lo + size - 1;
    tree_.insert_below(above, added);
    return {lo, added};
  }
  // `gone` is null when the range was given back by its frame alone.
  void remove(const iova_range& range, node* gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (gone == nullptr) gone = tree_.not_below(range.lo);
    node* above = tree_.erase(gone);
    for (fence& f : fences_) {
      const bool opened = gone->lo >= f.from->lo && gone->lo <= f.limit_pfn;
      if (opened || gone == f.from) f.from = above;
    }
    pool_.destroy(gone);
  }

  fence& fence_for(uint64_t limit_pfn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    fence& f = fences_[limit_pfn == last_32bit_pfn_ ? 0 : 1];
    if (f.limit_pfn != limit_pfn) f = {limit_pfn, tree_.anchor()};
    return f;
  }
  void forget_freed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    freed_.drain([this](const freed_last::entry& e) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
      remove(e.range, static_cast<node*>(e.node));
    });
  }

  const uint64_t last_32bit_pfn_;
  mutable typename Host::lock_type lock_;
  mutable typename Host::counts_type counts_ ABSL_GUARDED_BY(lock_);
  node_pool<node, no_lock> pool_ ABSL_GUARDED_BY(lock_);
  gap_treap<typename Policy::summary> tree_ ABSL_GUARDED_BY(lock_);
  freed_last freed_ ABSL_GUARDED_BY(lock_);
  std::array<fence, 2> fences_ ABSL_GUARDED_BY(lock_);
};

/// The largest gap of each subtree, as proposed on 12 May 2026.
template <class Host>
using gap_tree = gap_tree_engine<Host, gap_policy_largest>;
/// And the largest below 4 GiB, with hints.
template <class Host>
using gap_tree32 = gap_tree_engine<Host, gap_policy_largest_and_32bit>;

}  // namespace iommulab
