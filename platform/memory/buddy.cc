// SPDX-License-Identifier: GPL-2.0-only
#include "platform/memory/buddy.h"

#include <iterator>

namespace iommulab {
namespace {

constexpr uint64_t pages(unsigned order) {
  return uint64_t{1} << order;
}

}  // namespace

void buddy::insert(uint64_t frame, unsigned order) {
  free_[order].insert(frame);
  free_pages_ += pages(order);
}

void buddy::erase(uint64_t frame, unsigned order) {
  free_[order].erase(frame);
  free_pages_ -= pages(order);
}

void buddy::add(uint64_t first, uint64_t last) {
  while (first < last) {
    unsigned order = 0;
    while (order < max_order && first % pages(order + 1) == 0 && first + pages(order + 1) <= last) {
      ++order;
    }
    give(first, order);
    first += pages(order);
  }
}

std::optional<uint64_t> buddy::take(unsigned order) {
  unsigned found = order;
  while (found <= max_order && free_[found].empty()) ++found;
  if (found > max_order) return std::nullopt;
  uint64_t frame = *std::prev(free_[found].end());
  erase(frame, found);
  while (found > order) {
    --found;
    insert(frame, found);
    frame += pages(found);
  }
  return frame;
}

bool buddy::take_at(uint64_t frame, unsigned order) {
  // A block that is free as a whole lies in one free block: smaller ones would have merged.
  const std::optional<block> found = containing(frame);
  if (!found || found->order < order) return false;
  erase(found->frame, found->order);
  uint64_t base = found->frame;
  for (unsigned o = found->order; o > order;) {
    --o;
    const uint64_t upper = base + pages(o);
    if (frame >= upper) {
      insert(base, o);
      base = upper;
    } else {
      insert(upper, o);
    }
  }
  return true;
}

void buddy::give(uint64_t frame, unsigned order) {
  while (order < max_order) {
    const uint64_t other = frame ^ pages(order);
    if (!free_[order].contains(other)) break;
    erase(other, order);
    frame &= ~pages(order);
    ++order;
  }
  insert(frame, order);
}

std::optional<buddy::block> buddy::containing(uint64_t frame) const {
  for (unsigned order = 0; order <= max_order; ++order) {
    const uint64_t start = frame & ~(pages(order) - 1);
    if (free_[order].contains(start)) return block{start, order};
  }
  return std::nullopt;
}

}  // namespace iommulab
