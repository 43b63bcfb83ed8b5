// SPDX-License-Identifier: GPL-2.0-only
#include "iova/workload/patterns.h"

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "iova/workload/builder.h"

namespace iommulab {
namespace {

/// Steps of those workloads that could go on forever.
constexpr uint64_t usual_steps = 16384;

}  // namespace

iova_workload steady_workload(uint64_t live, uint64_t limit_pfn) {
  workload_builder b(live + 1);
  b.limit(limit_pfn);
  for (uint64_t i = 0; i < live; ++i) b.alloc(i);
  b.setup_ends();
  for (uint64_t i = 0; i < usual_steps; ++i) {
    b.alloc(live);
    b.free(live);
  }
  return std::move(b).finish();
}

iova_workload nic_ring_workload(uint64_t entries, bool shuffled) {
  constexpr uint64_t window = 64;
  workload_builder b(entries);
  b.fast();
  for (uint64_t i = 0; i < entries; ++i) b.alloc(i);
  b.setup_ends();
  std::deque<uint64_t> order;
  for (uint64_t i = 0; i < entries; ++i) order.push_back(i);
  workload_random random;
  for (uint64_t i = 0; i < std::max(usual_steps, 4 * entries); ++i) {
    const uint64_t nth = shuffled ? random.below(std::min(window, entries)) : 0;
    const uint64_t slot = order[nth];
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(nth));
    order.push_back(slot);
    b.free(slot);
    b.alloc(slot);
  }
  return std::move(b).finish();
}

iova_workload random_workload(uint64_t slots) {
  workload_builder b(slots);
  workload_random random;
  const auto size = [&random]() -> uint64_t {
    if (random.percent(70)) return 1;
    return random.percent(50) ? uint64_t{2} << random.below(6) : 2 + random.below(63);
  };
  for (uint64_t i = 0; i < slots; ++i) b.alloc(i, size());
  b.setup_ends();
  for (uint64_t i = 0; i < usual_steps; ++i) {
    const uint64_t slot = random.below(slots);
    b.free(slot);
    b.alloc(slot, size());
  }
  return std::move(b).finish();
}

iova_workload nvme_workload() {
  constexpr unsigned cpus = 4;
  constexpr uint64_t in_flight = 256;
  workload_builder b(in_flight);
  b.fast();
  b.workload().cpus = cpus;
  workload_random random;
  const auto size = [&random]() -> uint64_t {
    if (random.percent(20)) return uint64_t{64} << random.below(3);
    return uint64_t{1} << random.below(6);
  };
  std::vector<unsigned> asked_on(in_flight);
  const auto submit = [&](uint64_t slot) {
    asked_on[slot] = static_cast<unsigned>(random.below(cpus));
    b.alloc(slot, size(), asked_on[slot]);
  };
  for (uint64_t i = 0; i < in_flight; ++i) submit(i);
  b.setup_ends();
  for (uint64_t i = 0; i < usual_steps; ++i) {
    const uint64_t slot = random.below(in_flight);
    const bool at_home = random.percent(90);
    b.free(slot, at_home ? asked_on[slot] : static_cast<unsigned>(random.below(cpus)));
    submit(slot);
  }
  return std::move(b).finish();
}

iova_workload fallback_workload() {
  constexpr uint64_t mappings = 4096;
  constexpr uint64_t size = 512;
  workload_builder b(mappings);
  b.fast();
  b.limit(limit_32bit, limit_48bit);
  for (uint64_t i = 0; i < mappings; ++i) b.alloc(i, size);
  b.setup_ends();
  workload_random random;
  for (uint64_t i = 0; i < usual_steps / 2; ++i) {
    const uint64_t slot = random.below(mappings);
    b.free(slot);
    b.alloc(slot, size);
  }
  return std::move(b).finish();
}

iova_workload exhaustion_workload() {
  constexpr uint64_t frames = 4096;
  constexpr uint64_t tries = 64;
  workload_builder b(frames + tries);
  b.fast();
  b.workload().reserved.clear();
  b.workload().space.start_pfn = limit_32bit + 1 - frames;
  b.setup_ends();
  for (unsigned round = 0; round < 8; ++round) {
    for (uint64_t i = 0; i < frames; ++i) b.alloc(i);
    for (uint64_t i = 0; i < tries; ++i) {
      b.alloc(frames + i);
      b.free(frames + i);
    }
    for (uint64_t i = 0; i < frames; i += 2) b.free(i);
    for (uint64_t i = 0; i < tries; ++i) {  // no two neighbours are free
      b.alloc(frames + i, 2);
      b.free(frames + i);
    }
    for (uint64_t i = 1; i < frames; i += 4) b.free(i);
    for (uint64_t i = 0; i < tries; ++i) b.alloc(frames + i, 2);
    for (uint64_t i = 0; i < tries; ++i) b.free(frames + i);
    for (uint64_t i = 3; i < frames; i += 4) b.free(i);
  }
  return std::move(b).finish();
}

iova_workload ageing_workload() {
  constexpr unsigned cpus = 4;
  constexpr uint64_t live = 8192;
  constexpr uint64_t steps = 8 * live;
  workload_builder b(live);
  b.fast();
  b.workload().cpus = cpus;
  b.limit(limit_32bit, limit_48bit);
  workload_random random;
  std::vector<unsigned> allocated_on(live);
  const auto alloc = [&](uint64_t slot, unsigned largest_order) {
    allocated_on[slot] = static_cast<unsigned>(random.below(cpus));
    b.alloc(slot, uint64_t{1} << random.below(largest_order + 1), allocated_on[slot]);
  };
  for (uint64_t i = 0; i < live; ++i) alloc(i, 0);
  b.setup_ends();
  for (uint64_t i = 0; i < steps; ++i) {
    constexpr std::array<unsigned, 8> largest_order = {0, 1, 3, 5, 6, 4, 2, 0};
    const uint64_t slot = random.below(live);
    b.free(slot, (allocated_on[slot] + 1) % cpus);
    alloc(slot, largest_order[i * largest_order.size() / steps]);
  }
  return std::move(b).finish();
}

iova_workload dominated_workload(uint64_t live) {
  constexpr uint64_t size = 3;  // begins at a multiple of 4, so that a hole of 1 stays
  workload_builder b(live + 1);
  b.limit(limit_48bit);
  for (uint64_t i = 0; i < live; ++i) b.alloc(i, size);
  b.setup_ends();
  b.limit(limit_32bit);
  for (uint64_t i = 0; i < 512; ++i) {
    b.alloc(live);
    b.free(live);
  }
  return std::move(b).finish();
}

iova_workload linear_workload(uint64_t live) {
  const uint64_t rounds = std::clamp<uint64_t>(live / 8, 1, 256);
  const uint64_t pair = live;
  workload_builder b(live + 1);
  b.workload().reserved.clear();  // the mappings lie side by side
  for (uint64_t i = 0; i < live; ++i) b.alloc(i);
  b.setup_ends();
  for (uint64_t i = 0; i < rounds; ++i) {
    b.free(2 * i);
    b.alloc(pair, 2);
    b.free(pair);
    b.alloc(2 * i);
  }
  return std::move(b).finish();
}

}  // namespace iommulab
