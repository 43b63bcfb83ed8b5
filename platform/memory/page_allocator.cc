// SPDX-License-Identifier: GPL-2.0-only
#include "platform/memory/page_allocator.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

constexpr int poison_byte = 0x6b;  // the kernel's POISON_FREE
constexpr std::array<uint64_t, zone_count + 1> zone_starts = {
    0, (uint64_t{16} << 20) >> page_shift, (uint64_t{4} << 30) >> page_shift, UINT64_MAX};

constexpr uint64_t block_bytes(unsigned order) {
  return page_size << order;
}
constexpr uint64_t frame_of(phys_addr address) {
  return address.value() >> page_shift;
}
constexpr phys_addr address_of_frame(uint64_t frame) {
  return phys_addr(frame << page_shift);
}
unsigned order_for(uint64_t size) {
  return static_cast<unsigned>(std::countr_zero(std::bit_ceil(size))) - page_shift;
}

}  // namespace

std::string_view name(page_diagnosis_kind kind) {
  using enum page_diagnosis_kind;
  static constexpr auto names = enum_names<page_diagnosis_kind>({
      {double_free, "double_free"},
      {foreign_free, "foreign_free"},
      {wrong_order_free, "wrong_order_free"},
      {replay_exhausted, "replay_exhausted"},
      {replay_misplaced, "replay_misplaced"},
      {replay_in_use, "replay_in_use"},
  });
  return names(kind);
}

zone page_allocator::zone_of(uint64_t frame) {
  unsigned z = 0;
  while (frame >= zone_starts[z + 1]) ++z;
  return static_cast<zone>(z);
}

buddy& page_allocator::zone_at(uint64_t frame) {
  return zones_[static_cast<size_t>(zone_of(frame))];
}

page_allocator::page_allocator(physical_memory& memory, tracer& trace)
    : memory_(memory), trace_(trace) {
  const spin_guard guard(lock_);
  for (const memory_range& r : memory.ranges()) {
    if (r.type != memory_range::kind::ram) continue;
    const uint64_t first = std::max<uint64_t>(1, (r.start.value() + page_size - 1) >> page_shift);
    const uint64_t last = r.end() >> page_shift;
    for (size_t z = 0; z < zone_count; ++z) {
      zones_[z].add(std::max(first, zone_starts[z]), std::min(last, zone_starts[z + 1]));
    }
  }
}

std::optional<phys_addr> page_allocator::alloc_pages(unsigned order, gfp_t flags, int /*node*/) {
  if (failures_.should_fail()) return std::nullopt;
  std::optional<phys_addr> block;
  {
    const spin_guard guard(lock_);
    block = replaying() ? replay_block(order) : take_block(order, gfp_zone(flags));
  }
  if (!block) {
    failures_.freed();
    return std::nullopt;
  }
  fill(*block, block_bytes(order), flags);
  return block;
}

std::optional<phys_addr> page_allocator::take_block(unsigned order, zone highest) {
  if (order > buddy::max_order) return std::nullopt;
  for (size_t z = static_cast<size_t>(highest) + 1; z-- > 0;) {
    if (const auto frame = zones_[z].take(order)) {
      mark_live(*frame, order);
      return address_of_frame(*frame);
    }
  }
  return std::nullopt;
}

void page_allocator::mark_live(uint64_t frame, unsigned order) {
  live_[frame] = order;
  live_pages_ += uint64_t{1} << order;
  peak_pages_ = std::max(peak_pages_, live_pages_);
  trace_page(events::page_action::alloc, frame, order);
}

void page_allocator::release(uint64_t frame, unsigned order) {
  if (poison_) {
    std::memset(memory_.at(address_of_frame(frame), block_bytes(order)), poison_byte,
                block_bytes(order));
  }
  live_.erase(frame);
  live_pages_ -= uint64_t{1} << order;
  if (held_back_.contains(frame)) {
    for (uint64_t f = frame; f < frame + (uint64_t{1} << order); ++f) held_back_[f] = true;
  } else {
    zone_at(frame).give(frame, order);
  }
  trace_page(events::page_action::free, frame, order);
}

void page_allocator::free_pages(phys_addr address, unsigned order) {
  const spin_guard guard(lock_);
  const uint64_t frame = frame_of(address);
  const auto live = live_.find(frame);
  if (address.page_offset() != 0 || live == live_.end() || slabs_.contains(frame)) {
    diagnose_free(address);
    return;
  }
  if (live->second != order) {
    diagnose(page_diagnosis_kind::wrong_order_free, address,
             absl::StrFormat("the block at 0x%x has order %d and is freed with order %d",
                             address.value(), live->second, order));
    return;
  }
  release(frame, order);
  failures_.freed();
}

void page_allocator::diagnose_free(phys_addr address) {
  const uint64_t frame = frame_of(address);
  if (zone_at(frame).is_free(frame)) {
    diagnose(page_diagnosis_kind::double_free, address,
             absl::StrFormat("0x%x is freed and was free already", address.value()));
    return;
  }
  diagnose(
      page_diagnosis_kind::foreign_free, address,
      absl::StrFormat("0x%x is freed and was never given out at that address", address.value()));
}

std::optional<phys_addr> page_allocator::kmalloc_phys(uint64_t size, gfp_t flags, int node) {
  if (size == 0 || size > block_bytes(buddy::max_order)) return std::nullopt;
  const uint64_t object_size = std::max<uint64_t>(8, std::bit_ceil(size));
  if (object_size > page_size / 2) return alloc_pages(order_for(object_size), flags, node);
  if (failures_.should_fail()) return std::nullopt;
  const zone highest = gfp_zone(flags);
  std::optional<phys_addr> object;
  {
    const spin_guard guard(lock_);
    object = replaying() ? replay_object(object_size, highest) : take_object(object_size, highest);
  }
  if (!object) {
    failures_.freed();
    return std::nullopt;
  }
  fill(*object, object_size, flags);
  return object;
}

std::optional<phys_addr> page_allocator::take_object(uint64_t size, zone highest) {
  std::vector<uint64_t>& partial = partial_[{size, highest}];
  if (partial.empty()) {
    const std::optional<phys_addr> page = take_block(0, highest);
    if (!page) return std::nullopt;
    open_slab(frame_of(*page), size, highest);
  }
  const uint64_t frame = partial.back();
  slab_page& slab = slabs_.at(frame);
  const auto index = static_cast<size_t>(
      std::distance(slab.used.begin(), std::find(slab.used.begin(), slab.used.end(), false)));
  use_object(frame, slab, index);
  return address_of_frame(frame) + index * size;
}

void page_allocator::open_slab(uint64_t page, uint64_t size, zone highest) {
  slab_page& slab = slabs_[page];
  slab.object_size = size;
  slab.highest = highest;
  slab.used.assign(page_size / size, false);
  partial_[{size, highest}].push_back(page);
}

void page_allocator::use_object(uint64_t page, slab_page& slab, size_t index) {
  slab.used[index] = true;
  ++live_objects_;
  if (++slab.used_count == slab.used.size()) {
    std::erase(partial_[{slab.object_size, slab.highest}], page);
  }
}

void page_allocator::kfree_phys(phys_addr address) {
  const spin_guard guard(lock_);
  const uint64_t frame = frame_of(address);
  if (slabs_.contains(frame)) {
    free_object(address, frame);
    return;
  }
  const auto live = live_.find(frame);
  if (address.page_offset() != 0 || live == live_.end()) {
    diagnose_free(address);
    return;
  }
  release(frame, live->second);
  failures_.freed();
}

void page_allocator::free_object(phys_addr address, uint64_t page) {
  slab_page& slab = slabs_.at(page);
  const size_t index = address.page_offset() / slab.object_size;
  if (address.page_offset() % slab.object_size != 0) {
    diagnose(page_diagnosis_kind::foreign_free, address,
             absl::StrFormat("0x%x is freed and lies inside an object of %d bytes", address.value(),
                             slab.object_size));
    return;
  }
  if (!slab.used[index]) {
    diagnose(page_diagnosis_kind::double_free, address,
             absl::StrFormat("the object at 0x%x is freed and was free already", address.value()));
    return;
  }
  if (poison_) std::memset(memory_.at(address, slab.object_size), poison_byte, slab.object_size);
  std::vector<uint64_t>& partial = partial_[{slab.object_size, slab.highest}];
  if (slab.used_count == slab.used.size()) partial.push_back(page);
  slab.used[index] = false;
  --slab.used_count;
  --live_objects_;
  failures_.freed();
  if (slab.used_count != 0) return;
  std::erase(partial, page);
  slabs_.erase(page);
  release(page, 0);
}

absl::Status page_allocator::reserve(phys_addr start, uint64_t length) {
  const spin_guard guard(lock_);
  return take_out(start, length, false);
}

absl::Status page_allocator::hold_back(phys_addr start, uint64_t length) {
  const spin_guard guard(lock_);
  return take_out(start, length, true);
}

absl::Status page_allocator::take_out(phys_addr start, uint64_t length, bool held_back) {
  const uint64_t first = frame_of(start);
  const uint64_t last = frame_of(start + (length + page_size - 1));
  for (const auto& [frame, order] : live_) {
    if (frame < last && frame + (uint64_t{1} << order) > first) {
      return errno_status(
          EBUSY, absl::StrFormat("page 0x%x is live and cannot be reserved", frame << page_shift));
    }
  }
  for (const memory_range& r : memory_.ranges()) {
    if (r.type != memory_range::kind::ram) continue;
    const uint64_t range_last = std::min(last, r.end() >> page_shift);
    for (uint64_t f = std::max(first, frame_of(r.start)); f < range_last; ++f) {
      if (zone_at(f).take_at(f, 0) && held_back) held_back_[f] = true;
    }
  }
  return absl::OkStatus();
}

void page_allocator::fill(phys_addr address, uint64_t length, gfp_t flags) const {
  const bool zero = (flags & gfp_zero) != 0;
  if (!zero) {
    const spin_guard guard(lock_);
    if (!poison_) return;
  }
  std::memset(memory_.at(address, length), zero ? 0 : poison_byte, length);
}

void page_allocator::trace_page(events::page_action action, uint64_t frame, unsigned order) const {
  trace_.tell([&] { return events::page{action, frame << page_shift, order}; });
}

void page_allocator::diagnose(page_diagnosis_kind kind, phys_addr address, std::string sentence) {
  diagnoses_.push_back({kind, diagnosis_severity::error, address.value(), 0, std::move(sentence)});
  const page_diagnosis& d = diagnoses_.back();
  trace_.tell([&d] { return event_of(d); });
}

void page_allocator::set_poison(bool on) {
  const spin_guard guard(lock_);
  poison_ = on;
}

uint64_t page_allocator::live_pages() const {
  const spin_guard guard(lock_);
  return live_pages_;
}

uint64_t page_allocator::peak_pages() const {
  const spin_guard guard(lock_);
  return peak_pages_;
}

uint64_t page_allocator::live_objects() const {
  const spin_guard guard(lock_);
  return live_objects_;
}

uint64_t page_allocator::free_pages_in(zone z) const {
  const spin_guard guard(lock_);
  return zones_[static_cast<size_t>(z)].free_pages();
}

uint64_t page_allocator::free_blocks_in(zone z, unsigned order) const {
  const spin_guard guard(lock_);
  return order > buddy::max_order ? 0 : zones_[static_cast<size_t>(z)].free_blocks(order);
}

bool page_allocator::is_live(phys_addr address) const {
  const spin_guard guard(lock_);
  const uint64_t frame = frame_of(address);
  for (unsigned order = 0; order <= buddy::max_order; ++order) {
    const auto live = live_.find(frame & ~((uint64_t{1} << order) - 1));
    if (live != live_.end() && live->second >= order) return true;
  }
  return false;
}

page_accounts page_allocator::accounts() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
  page_accounts all;
  all.live_pages = live_pages_;
  all.peak_pages = peak_pages_;
  all.live_objects = live_objects_;
  for (unsigned z = 0; z < zone_count; ++z) all.free_pages[z] = zones_[z].free_pages();
  all.blocks.reserve(live_.size());
  for (const auto& [frame, order] : live_) {
    live_block block{phys_addr(frame << page_shift), order};
    if (const auto slab = slabs_.find(frame); slab != slabs_.end()) {
      block.object_size = slab->second.object_size;
      block.objects = slab->second.used_count;
    }
    all.blocks.push_back(block);
  }
  std::sort(all.blocks.begin(), all.blocks.end(),
            [](const live_block& a, const live_block& b) { return a.address < b.address; });
  return all;
}

std::vector<page_diagnosis> page_allocator::diagnoses() const {
  const spin_guard guard(lock_);
  return diagnoses_;
}

}  // namespace iommulab
