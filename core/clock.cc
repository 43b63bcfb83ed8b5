// SPDX-License-Identifier: GPL-2.0-only
#include "core/clock.h"

#include <algorithm>

namespace iommulab {

virtual_timer::~virtual_timer() {
  cancel();
}

void virtual_timer::arm(uint64_t expires_ns) {
  cancel();
  key_ = {expires_ns, clock_.armed_++};
  clock_.timers_of(owner_).emplace(key_, this);
  pending_ = true;
}

bool virtual_timer::cancel() {
  if (!pending_) return false;
  clock_.timers_of(owner_).erase(key_);
  pending_ = false;
  return true;
}

virtual_timer* virtual_clock::next() const {
  const bool kernel = bh_disabled_ == 0 && !kernel_.empty();
  if (hardware_.empty()) return kernel ? kernel_.begin()->second : nullptr;
  // The tick is an interrupt as well: what hardware does at its instant comes before it.
  const bool kernel_first = kernel && kernel_.begin()->first.first < hardware_.begin()->first.first;
  return (kernel_first ? kernel_ : hardware_).begin()->second;
}

void virtual_clock::fire(virtual_timer& timer) {
  timer.cancel();
  timer.function_();
}

void virtual_clock::fire_hardware() {
  if (gate_ != nullptr) gate_->hold();
  while (!hardware_.empty() && hardware_.begin()->first.first <= now_ns_) {
    fire(*hardware_.begin()->second);
  }
  if (gate_ != nullptr) gate_->release();
}

void virtual_clock::fire_until(uint64_t target) {
  for (virtual_timer* timer = next(); timer != nullptr; timer = next()) {
    const uint64_t expires = timer->key_.first;
    if (expires > target) return;
    now_ns_ = std::max(now_ns_, expires);
    if (timer->owner_ == timer_owner::hardware) {
      fire_hardware();
    } else {
      fire(*timer);
    }
  }
}

void virtual_clock::advance(uint64_t ns) {
  const uint64_t target = now_ns_ + ns;
  fire_until(target);
  now_ns_ = target;
}

void virtual_clock::spin(uint64_t ns) {
  ++bh_disabled_;
  advance(ns);
  --bh_disabled_;
}

void virtual_clock::bh_enable() {
  --bh_disabled_;
  fire_until(now_ns_);
}

}  // namespace iommulab
