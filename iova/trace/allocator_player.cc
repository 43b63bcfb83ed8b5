// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/allocator_player.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"

namespace iommulab {
namespace {

using op = iova_trace_op;

struct used {
  uint64_t hi;
  bool reserved;
};

/// An allocator and what must be in use in it.
struct domain {
  std::unique_ptr<iova_allocator> allocator;
  iova_space space;
  absl::btree_map<uint64_t, used> in_use;  // by lo; disjoint
  bool caches = false;                     // ranges may be in use that nobody holds
  bool approximate = false;  // a reservation met an allocation: what of it holds is not known

  /// A range in use that meets lo to hi.
  [[nodiscard]] std::optional<iova_range> met(uint64_t lo, uint64_t hi) const {
    auto above = in_use.upper_bound(hi);
    if (above == in_use.begin()) return std::nullopt;
    --above;
    if (above->second.hi < lo) return std::nullopt;
    return iova_range{above->first, above->second.hi};
  }

  [[nodiscard]] bool meets_allocation(uint64_t lo, uint64_t hi) const {
    for (auto at = in_use.upper_bound(hi); at != in_use.begin();) {
      --at;
      if (at->second.hi < lo) return false;
      if (!at->second.reserved) return true;
    }
    return false;
  }

  /// Reserves what of lo to hi is not in use yet.
  void fill(uint64_t lo, uint64_t hi) {
    while (lo <= hi) {
      const auto next = in_use.upper_bound(lo);
      if (next != in_use.begin() && std::prev(next)->second.hi >= lo) {
        lo = std::prev(next)->second.hi + 1;
        continue;
      }
      const uint64_t end = next == in_use.end() ? hi : std::min(hi, next->first - 1);
      in_use.emplace(lo, used{end, true});
      lo = end + 1;
    }
  }
};

class player {
 public:
  player(const iova_trace& trace, const iova_trace_version& version,
         const iova_catalogue_entry& allocator)
      : trace_(trace), version_(version), entry_(allocator), slots_(trace.slots) {}

  absl::StatusOr<iova_validity> play() && {
    for (const iova_trace_step& step : trace_.steps) {
      ++result_.replay.operations;
      if (absl::Status status = play_step(step); !status.ok()) return status;
      if (result_.replay.difference) break;
    }
    return std::move(result_);
  }

 private:
  struct held {
    iova_grant grant;
    uint64_t size = 0;
    bool fast = false;
    bool live = false;
    uint8_t domain = 0;
  };

  domain& domain_of(const iova_trace_step& step) { return domains_[step.domain]; }

  absl::Status play_step(const iova_trace_step& step) {
    switch (step.what) {
      case op::init:
        return make(step, 1);
      case op::rcache_init:
        return make_caches(step);
      case op::reserve:
        reserve(domain_of(step), step.arguments[0], step.arguments[1]);
        break;
      case op::alloc:
      case op::alloc_fast:
        alloc(step);
        break;
      case op::free:
      case op::free_fast:
        free(step);
        break;
      case op::free_pfn:
        free_pfn(step);
        break;
      case op::find:
        find(step);
        break;
      case op::copy_reserved:
        for (const iova_range& range : domains_[step.arguments[0]].allocator->ranges()) {
          reserve(domains_[step.arguments[1]], range.lo, range.hi);
        }
        break;
      case op::dump:
        dump(step);
        break;
      case op::split:
        slots_[step.slot].live = false;  // stays in use for good
        break;
      case op::use:
      case op::cpu:
      case op::flush_cpu:
      case op::flush_global:
      case op::work:
      case op::depot:
      case op::state:
        break;
    }
    return absl::OkStatus();
  }

  absl::Status make(const iova_trace_step& step, unsigned cpus) {
    domain& d = domain_of(step);
    for (held& slot : slots_) {
      if (slot.domain == step.domain) slot.live = false;
    }
    const iova_space space =
        step.what == op::init ? iova_space{step.arguments[0], step.arguments[1],
                                           step.arguments[2] - (version_.dma32_is_behind ? 1 : 0)}
                              : d.space;
    d = {};
    d.space = space;
    d.caches = entry_.range_caches;
    d.allocator = entry_.make({space, cpus});
    if (d.allocator != nullptr) return absl::OkStatus();
    return errno_status(ENOMEM, absl::StrFormat("%s: line %d: no memory for %s", trace_.name,
                                                step.line, entry_.name));
  }

  /// An allocator knows its processors from the beginning: what was reserved before moves over.
  absl::Status make_caches(const iova_trace_step& step) {
    domain& d = domain_of(step);
    const auto before = std::move(d.in_use);
    if (absl::Status status = make(step, static_cast<unsigned>(step.arguments[0])); !status.ok()) {
      return status;
    }
    for (const auto& [lo, range] : before) reserve(d, lo, range.hi);
    return absl::OkStatus();
  }

  static void reserve(domain& d, uint64_t lo, uint64_t hi) {
    const bool clean = !d.meets_allocation(lo, hi);
    if (d.allocator->reserve(lo, hi) && clean) {
      d.fill(lo, hi);
    } else {
      d.approximate = true;
    }
  }

  void alloc(const iova_trace_step& step) {
    domain& d = domain_of(step);
    const auto& given = step.arguments;
    const bool fast = step.what == op::alloc_fast;
    const iova_grant grant =
        fast ? iova_grant{d.allocator->alloc_fast(step.cpu, given[1], given[2], given[3] != 0)}
             : d.allocator->alloc(given[1], given[2], given[3] != 0);
    if (!grant) {
      if (step.answered) ++result_.refused;
      return;
    }
    ++result_.granted;
    if (!check_grant(step, grant.pfn_lo, fast || given[3] != 0)) return;
    if (!step.answered) {  // the trace will not free it
      ++result_.found;
      give_back(d, step, {grant, given[1], fast, true, step.domain});
      return;
    }
    d.in_use.emplace(grant.pfn_lo, used{grant.pfn_lo + given[1] - 1, false});
    slots_[step.slot] = {grant, given[1], fast, true, step.domain};
  }

  bool check_grant(const iova_trace_step& step, uint64_t lo, bool aligned) {
    const domain& d = domain_of(step);
    const uint64_t size = step.arguments[1];
    const uint64_t hi = lo + size - 1;
    const std::string got = absl::StrFormat("0x%x 0x%x", lo, hi);
    if (hi < lo || hi > step.arguments[2]) {
      return broken(step, "a range at or below the limit", got, lo);
    }
    if (lo < d.space.start_pfn) {
      return broken(step, absl::StrFormat("a range from 0x%x on", d.space.start_pfn), got, lo);
    }
    if (aligned && lo % std::bit_ceil(size) != 0) {
      return broken(
          step, absl::StrFormat("a range that begins at a multiple of 0x%x", std::bit_ceil(size)),
          got, lo);
    }
    if (const auto other = d.met(lo, hi)) {
      return broken(step, "a range that is not in use",
                    absl::StrFormat("%s, which meets 0x%x 0x%x", got, other->lo, other->hi), lo);
    }
    return true;
  }

  static void give_back(domain& d, const iova_trace_step& step, const held& slot) {
    if (slot.fast) {
      d.allocator->free_fast(step.cpu, slot.grant.pfn_lo, slot.size);
    } else {
      d.allocator->free(slot.grant, slot.size);
    }
  }

  void free(const iova_trace_step& step) {
    held& slot = slots_[step.slot];
    if (!slot.live) return;  // the allocator had none for it
    slot.live = false;
    domain& d = domain_of(step);
    d.in_use.erase(slot.grant.pfn_lo);
    give_back(d, step, slot);
  }

  void free_pfn(const iova_trace_step& step) {
    domain& d = domain_of(step);
    for (held& slot : slots_) {
      if (!slot.live || slot.domain != step.domain) continue;
      const uint64_t lo = slot.grant.pfn_lo;
      if (step.arguments[0] < lo || step.arguments[0] > lo + slot.size - 1) continue;
      slot.live = false;
      d.in_use.erase(lo);
      give_back(d, step, slot);
      return;
    }
  }

  void find(const iova_trace_step& step) {
    const domain& d = domain_of(step);
    const uint64_t frame = step.arguments[0];
    const std::optional<iova_range> got = d.allocator->find(frame);
    const std::string said =
        got ? absl::StrFormat("0x%x 0x%x", got->lo, got->hi) : std::string("none");
    const std::optional<iova_range> held_range = d.met(frame, frame);
    if (got && (frame < got->lo || frame > got->hi)) {
      broken(step, "a range that covers the frame", said, frame);
    } else if (held_range && !got) {
      broken(step, absl::StrFormat("0x%x 0x%x", held_range->lo, held_range->hi), said, frame);
    } else if (!held_range && got && !d.caches && !d.approximate) {
      broken(step, "none", said, frame);
    }
  }

  /// All that must be in use is, and nothing else unless caches may hold it.
  void dump(const iova_trace_step& step) {
    const domain& d = domain_of(step);
    domain listed;
    for (const iova_range& range : d.allocator->ranges()) listed.fill(range.lo, range.hi);
    uint64_t must = 0;
    for (const auto& [lo, range] : d.in_use) {
      must += range.hi - lo + 1;
      for (uint64_t at = lo; at <= range.hi;) {
        const auto cover = listed.met(at, at);
        if (!cover) {
          broken(step, absl::StrFormat("0x%x 0x%x in use", lo, range.hi),
                 absl::StrFormat("0x%x is not among its ranges", at), at);
          return;
        }
        at = cover->hi + 1;
      }
    }
    uint64_t has = 0;
    for (const auto& [lo, range] : listed.in_use) has += range.hi - lo + 1;
    if (has != must && !d.caches && !d.approximate) {
      broken(step, absl::StrFormat("%d frames in use", must), absl::StrFormat("%d", has),
             d.in_use.empty() ? 0 : d.in_use.rbegin()->first);
    }
  }

  bool broken(const iova_trace_step& step, std::string rule, std::string got, uint64_t frame) {
    iova_difference& difference = result_.replay.difference.emplace();
    difference.line = step.line;
    difference.operation = iova_trace_operation(step);
    difference.expected = std::move(rule);
    difference.got = std::move(got);
    difference.frame = frame;
    difference.neighbours = iova_neighbours(domain_of(step).allocator->ranges(), frame);
    return false;
  }

  const iova_trace& trace_;
  const iova_trace_version& version_;
  const iova_catalogue_entry& entry_;
  std::array<domain, iova_trace_domains> domains_;
  std::vector<held> slots_;
  iova_validity result_;
};

}  // namespace

absl::StatusOr<iova_validity> play_on_allocator(const iova_trace& trace,
                                                const iova_trace_version& version,
                                                const iova_catalogue_entry& allocator) {
  return player(trace, version, allocator).play();
}

}  // namespace iommulab
