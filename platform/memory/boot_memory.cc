// SPDX-License-Identifier: GPL-2.0-only
//
// Memory that the boot sets aside in larger pieces than the page allocator has.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {
namespace {

using frame_run = std::pair<uint64_t, uint64_t>;  // first, one past last

struct aligned_block {
  uint64_t frame;
  unsigned order;
};

// Cuts a run into aligned blocks. No zone begins inside one.
std::vector<aligned_block> blocks_of(frame_run run) {
  std::vector<aligned_block> blocks;
  while (run.first < run.second) {
    unsigned order = 0;
    while (order < buddy::max_order && run.first % (uint64_t{2} << order) == 0 &&
           run.first + (uint64_t{2} << order) <= run.second) {
      ++order;
    }
    blocks.push_back({run.first, order});
    run.first += uint64_t{1} << order;
  }
  return blocks;
}

std::vector<frame_run> merge(std::vector<frame_run> blocks) {
  std::sort(blocks.begin(), blocks.end());
  std::vector<frame_run> runs;
  for (const frame_run& block : blocks) {
    if (!runs.empty() && runs.back().second == block.first) {
      runs.back().second = block.second;
    } else {
      runs.push_back(block);
    }
  }
  return runs;
}

}  // namespace

std::optional<phys_addr> page_allocator::reserve_range(uint64_t length, uint64_t alignment,
                                                       phys_addr base, phys_addr limit) {
  const uint64_t frames = (length >> page_shift) + (length % page_size != 0 ? 1 : 0);
  const uint64_t lowest = (base.value() >> page_shift) + (base.page_offset() != 0 ? 1 : 0);
  const uint64_t end = limit.value() >> page_shift;
  const uint64_t aligned = ~((alignment >> page_shift) - 1);
  const spin_guard guard(lock_);
  std::vector<frame_run> free_blocks;
  for (const buddy& z : zones_) {
    z.for_each_free([&](uint64_t first, uint64_t last) { free_blocks.emplace_back(first, last); });
  }
  const std::vector<frame_run> runs = merge(std::move(free_blocks));
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    const uint64_t first = std::max(run->first, lowest);
    const uint64_t last = std::min(run->second, end);
    if (frames == 0 || last < first || last - first < frames) continue;
    const uint64_t start = (last - frames) & aligned;
    if (start < first) continue;
    for (const auto& [frame, order] : blocks_of({start, start + frames})) {
      zone_at(frame).take_at(frame, order);
    }
    return phys_addr(start << page_shift);
  }
  return std::nullopt;
}

void page_allocator::free_reserved(phys_addr start, uint64_t length) {
  const uint64_t first = start.value() >> page_shift;
  const frame_run run = {first, first + ((length + page_size - 1) >> page_shift)};
  const spin_guard guard(lock_);
  for (uint64_t frame = run.first; frame < run.second; ++frame) {
    if (!zone_at(frame).is_free(frame)) continue;
    diagnose(
        page_diagnosis_kind::double_free, phys_addr(frame << page_shift),
        absl::StrFormat("0x%x was reserved, is freed and was free already", frame << page_shift));
    return;
  }
  for (const auto& [frame, order] : blocks_of(run)) zone_at(frame).give(frame, order);
}

}  // namespace iommulab
