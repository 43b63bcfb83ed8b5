// SPDX-License-Identifier: GPL-2.0-only
#include "iova/lockup/scan_cost.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "boost/intrusive/set.hpp"
#include "core/statistics.h"
#include "iova/lockup/lock_queue.h"
#include "iova/lockup/mix.h"

namespace iommulab {
namespace {

namespace intrusive = boost::intrusive;
using wall_clock = std::chrono::steady_clock;

constexpr size_t samples = 7;

struct tree_node : intrusive::set_base_hook<intrusive::optimize_size<true>> {
  uint64_t lo = 0;
  uint64_t hi = 0;
  bool operator<(const tree_node& other) const { return lo < other.lo; }
};
// struct iova of Linux: an rb_node and two frame numbers.
static_assert(sizeof(tree_node) == 40);

// Keeps the compiler from dropping what led to `value`.
void keep(uint64_t value) {
  asm volatile("" : : "r"(value) : "memory");
}

// `work` does `count` things.
template <class Work>
uint64_t picoseconds_each(uint64_t count, const Work& work) {
  std::vector<double> taken(samples);
  for (double& each : taken) {
    const auto begin = wall_clock::now();
    work();
    each = std::chrono::duration<double, std::pico>(wall_clock::now() - begin).count() /
           static_cast<double>(count);
  }
  return static_cast<uint64_t>(quartiles_of(std::move(taken)).median);
}

}  // namespace

uint64_t measure_scan_ps(uint64_t nodes) {
  std::vector<tree_node> places(nodes);
  std::vector<uint32_t> order(nodes);
  std::iota(order.begin(), order.end(), 0);
  for (uint64_t i = nodes - 1; i > 0; --i) std::swap(order[i], order[mix(nodes, i) % (i + 1)]);

  intrusive::set<tree_node> tree;
  for (uint64_t i = 0; i < nodes; ++i) {
    tree_node& node = places[order[i]];
    node.lo = 2 * i;
    node.hi = 2 * i;
    tree.push_back(node);
  }
  constexpr uint64_t steps_a_sample = uint64_t{1} << 20;
  const uint64_t walks = std::max<uint64_t>(1, steps_a_sample / nodes);
  return picoseconds_each(walks * nodes, [&] {
    for (uint64_t walk = 0; walk < walks; ++walk) {
      // As a search does: is there room between this node and the one above?
      uint64_t above = ~uint64_t{0};
      for (auto node = tree.rbegin(); node != tree.rend(); ++node) {
        if (above - node->hi < 2) break;
        above = node->lo;
      }
      keep(above);
    }
  });
}

uint64_t measure_base_ps(const iova_catalogue_entry& allocator) {
  const std::unique_ptr<iova_allocator> domain = allocator.make({});
  constexpr uint64_t limit = 0xfffff;
  for (int i = 0; i < 64; ++i) domain->alloc(1, limit, true);
  constexpr uint64_t pairs = 20000;
  return picoseconds_each(2 * pairs, [&] {
    for (uint64_t i = 0; i < pairs; ++i) {
      const iova_grant grant = domain->alloc(1, limit, true);
      keep(grant.pfn_lo);
      domain->free(grant, 1);
    }
  });
}

}  // namespace iommulab
