// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/clock.h"

#include <algorithm>

namespace iommulab {

virtual_timer::~virtual_timer() {
  cancel();
}

void virtual_timer::arm(uint64_t expires_ns) {
  cancel();
  key_ = {expires_ns, clock_.armed_++};
  clock_.pending_.emplace(key_, this);
  pending_ = true;
}

bool virtual_timer::cancel() {
  if (!pending_) return false;
  clock_.pending_.erase(key_);
  pending_ = false;
  return true;
}

void virtual_clock::fire_until(uint64_t target) {
  while (bh_disabled_ == 0 && !pending_.empty() && pending_.begin()->first.first <= target) {
    virtual_timer* timer = pending_.begin()->second;
    now_ns_ = std::max(now_ns_, pending_.begin()->first.first);
    timer->cancel();
    timer->function_();
  }
}

void virtual_clock::advance(uint64_t ns) {
  const uint64_t target = now_ns_ + ns;
  fire_until(target);
  now_ns_ = target;
}

void virtual_clock::bh_enable() {
  --bh_disabled_;
  fire_until(now_ns_);
}

}  // namespace iommulab
