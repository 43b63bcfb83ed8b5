// SPDX-License-Identifier: GPL-2.0-only
//
// The replay of a recorded sequence of addresses: the part of the page allocator that hands out
// what a real kernel got.
#include <utility>

#include "absl/strings/str_format.h"
#include "platform/memory/page_allocator.h"

namespace iommulab {

void page_allocator::replay(std::vector<phys_addr> addresses, after_replay then) {
  const spin_guard guard(lock_);
  recorded_ = std::move(addresses);
  next_recorded_ = 0;
  after_replay_ = then;
}

bool page_allocator::replaying() const {
  if (!recorded_) return false;
  return after_replay_ == after_replay::fail || next_recorded_ < recorded_->size();
}

bool page_allocator::take_recorded(uint64_t frame, unsigned order) {
  const uint64_t end = frame + (uint64_t{1} << order);
  if (!held_back_.contains(frame)) return zone_at(frame).take_at(frame, order);
  for (uint64_t f = frame; f < end; ++f) {
    const auto held = held_back_.find(f);
    if (held == held_back_.end() || !held->second) return false;
  }
  for (uint64_t f = frame; f < end; ++f) held_back_[f] = false;
  return true;
}

size_t page_allocator::replay_left() const {
  const spin_guard guard(lock_);
  return recorded_ ? recorded_->size() - next_recorded_ : 0;
}

std::optional<phys_addr> page_allocator::next_recorded(uint64_t alignment) {
  if (next_recorded_ == recorded_->size()) {
    diagnose(page_diagnosis_kind::replay_exhausted, phys_addr(0),
             absl::StrFormat("all %d recorded addresses are used and 0x%x bytes are asked for",
                             recorded_->size(), alignment));
    return std::nullopt;
  }
  const phys_addr address = (*recorded_)[next_recorded_];
  if (address.value() % alignment != 0) {
    diagnose(page_diagnosis_kind::replay_misplaced, address,
             absl::StrFormat("recorded address %d, 0x%x, is not aligned for 0x%x bytes",
                             next_recorded_, address.value(), alignment));
    return std::nullopt;
  }
  ++next_recorded_;
  return address;
}

std::optional<phys_addr> page_allocator::replay_block(unsigned order) {
  if (order > buddy::max_order) return std::nullopt;
  const std::optional<phys_addr> address = next_recorded(page_size << order);
  if (!address) return std::nullopt;
  const uint64_t frame = address->value() >> page_shift;
  if (take_recorded(frame, order)) {
    mark_live(frame, order);
    return address;
  }
  const bool live = live_.contains(frame);
  diagnose(live ? page_diagnosis_kind::replay_in_use : page_diagnosis_kind::replay_misplaced,
           *address,
           absl::StrFormat("recorded address 0x%x cannot be a block of order %d: it is %s",
                           address->value(), order, live ? "in use" : "not free RAM"));
  return std::nullopt;
}

std::optional<phys_addr> page_allocator::replay_object(uint64_t size, zone highest) {
  const std::optional<phys_addr> address = next_recorded(size);
  if (!address) return std::nullopt;
  const uint64_t frame = address->value() >> page_shift;
  auto slab = slabs_.find(frame);
  if (slab == slabs_.end()) {
    if (!take_recorded(frame, 0)) {
      const bool live = live_.contains(frame);
      diagnose(live ? page_diagnosis_kind::replay_in_use : page_diagnosis_kind::replay_misplaced,
               *address,
               absl::StrFormat("recorded address 0x%x cannot be an object of %d bytes: its page is "
                               "%s",
                               address->value(), size, live ? "in use" : "not free RAM"));
      return std::nullopt;
    }
    mark_live(frame, 0);
    open_slab(frame, size, highest);
    slab = slabs_.find(frame);
  }
  const size_t index = address->page_offset() / slab->second.object_size;
  if (slab->second.object_size != size || slab->second.used[index]) {
    diagnose(page_diagnosis_kind::replay_in_use, *address,
             absl::StrFormat("recorded address 0x%x lies in a page of %d-byte objects and is "
                             "asked for as one of %d bytes, or is live",
                             address->value(), slab->second.object_size, size));
    return std::nullopt;
  }
  use_object(frame, slab->second, index);
  return address;
}

}  // namespace iommulab
