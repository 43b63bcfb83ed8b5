// SPDX-License-Identifier: GPL-2.0-only
#include "dma/debug/entries.h"

#include <algorithm>

#include "core/enum_names.h"
#include "dma/debug/active_cachelines.h"

namespace iommulab {
namespace {

/// In how many of the four things that are looked at two entries agree.
int agreement(const dma_debug_entry& a, const dma_debug_entry& b) {
  return int{a.size == b.size} + int{a.type == b.type} + int{a.direction == b.direction} +
         int{a.sg_call_ents == b.sg_call_ents};
}

/// Linux v4.4 lib/dma-debug.c: __hash_bucket_find()
class best_fit {
 public:
  explicit best_fit(const dma_debug_entry& ref) : ref_(ref) {}

  void look_at(dma_debug_entry& entry) {
    constexpr int in_everything = 4;
    const int level = agreement(ref_, entry);
    if (level == in_everything && perfect_ == nullptr) perfect_ = &entry;
    ++matches_;
    only_ = &entry;
  }
  [[nodiscard]] dma_debug_entry* found() const {
    if (perfect_ != nullptr) return perfect_;
    return matches_ == 1 ? only_ : nullptr;
  }

 private:
  const dma_debug_entry& ref_;
  dma_debug_entry* perfect_ = nullptr;
  dma_debug_entry* only_ = nullptr;
  int matches_ = 0;
};

bool share_memory(const dma_debug_entry& a, const dma_debug_entry& b) {
  if (active_cachelines::number_of(a.phys) == active_cachelines::number_of(b.phys)) return true;
  return a.phys < b.phys + b.size && b.phys < a.phys + a.size;
}

}  // namespace

std::string_view name(dma_debug_type type) {
  static constexpr auto names = enum_names<dma_debug_type>({
      {dma_debug_type::single, "single"},
      {dma_debug_type::page, "page"},
      {dma_debug_type::sg, "scather-gather"},
      {dma_debug_type::coherent, "coherent"},
  });
  return names(type);
}

std::string_view constant_name(dma_data_direction direction) {
  static constexpr auto names = enum_names<dma_data_direction>({
      {dma_data_direction::bidirectional, "DMA_BIDIRECTIONAL"},
      {dma_data_direction::to_device, "DMA_TO_DEVICE"},
      {dma_data_direction::from_device, "DMA_FROM_DEVICE"},
      {dma_data_direction::none, "DMA_NONE"},
  });
  return names(direction);
}

dma_debug_entry& dma_debug_entries::add(const dma_debug_entry& entry) {
  const auto made = entries_.emplace(key_of(entry), entry);
  made->second.number = ++made_;
  by_memory_.emplace(entry.phys.value(), &made->second);
  longest_ = std::max(longest_, entry.size);
  return made->second;
}

void dma_debug_entries::remove(const dma_debug_entry& entry) {
  const auto memory = by_memory_.equal_range(entry.phys.value());
  by_memory_.erase(std::find_if(memory.first, memory.second,
                                [&](const auto& at) { return at.second == &entry; }));
  const auto places = entries_.equal_range(key_of(entry));
  entries_.erase(std::find_if(places.first, places.second,
                              [&](const auto& at) { return &at.second == &entry; }));
}

dma_debug_entry* dma_debug_entries::find_exact(const dma_debug_entry& ref) {
  best_fit fit(ref);
  const auto [first, last] = entries_.equal_range(key_of(ref));
  for (auto at = first; at != last; ++at) fit.look_at(at->second);
  return fit.found();
}

dma_debug_entry* dma_debug_entries::find_contain(const dma_debug_entry& ref) {
  best_fit fit(ref);
  const uint64_t end = ref.dev_addr.value() + ref.size;
  for (auto at = entries_.upper_bound(key_of(ref)); at != entries_.begin();) {
    --at;
    dma_debug_entry& entry = at->second;
    if (entry.dev != ref.dev || end - entry.dev_addr.value() > longest_) break;
    if (entry.dev_addr.value() + entry.size >= end) fit.look_at(entry);
  }
  return fit.found();
}

std::vector<dma_debug_entry*> dma_debug_entries::at(const device& dev, dma_addr address) {
  std::vector<dma_debug_entry*> found;
  const auto [first, last] = entries_.equal_range({&dev, address.value()});
  for (auto at = first; at != last; ++at) found.push_back(&at->second);
  return found;
}

std::vector<const dma_debug_entry*> dma_debug_entries::of(const device& dev) const {
  std::vector<const dma_debug_entry*> found;
  for (auto at = entries_.lower_bound({&dev, 0}); at != entries_.end() && at->first.first == &dev;
       ++at) {
    found.push_back(&at->second);
  }
  return found;
}

const dma_debug_entry* dma_debug_entries::overlapping(const dma_debug_entry& entry) const {
  const dma_debug_entry* oldest = nullptr;
  const uint64_t line = uint64_t{1} << active_cachelines::l1_cache_shift;
  const uint64_t end = entry.phys.value() + std::max(entry.size, line);
  for (auto at = by_memory_.lower_bound(end); at != by_memory_.begin();) {
    --at;
    const dma_debug_entry& other = *at->second;
    if (other.phys.value() + std::max(longest_, line) <= entry.phys.value()) break;
    if (&other == &entry || other.direction == dma_data_direction::to_device) continue;
    if (!share_memory(entry, other)) continue;
    if (oldest == nullptr || other.number < oldest->number) oldest = &other;
  }
  return oldest;
}

}  // namespace iommulab
