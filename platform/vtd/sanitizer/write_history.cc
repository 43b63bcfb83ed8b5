// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/sanitizer/write_history.h"

namespace iommulab {

episode write_history::now() {
  const call_stack& stack = trace_.open_calls();
  const entry& last = episodes_.back();
  const bool same_place = last.time_ns == clock_.now_ns() && stacks_[last.stack] == stack;
  if (!closed_ && same_place) return static_cast<episode>(episodes_.size() - 1);

  const auto next = static_cast<uint32_t>(stacks_.size());
  const auto [number, fresh] = stack_numbers_.try_emplace(stack, next);
  if (fresh) stacks_.push_back(stack);
  episodes_.push_back({clock_.now_ns(), number->second});
  closed_ = false;
  return static_cast<episode>(episodes_.size() - 1);
}

episode write_history::close() {
  closed_ = true;
  return static_cast<episode>(episodes_.size() - 1);
}

moment write_history::at(episode e) const {
  const entry& found = episodes_[e];
  return {found.time_ns, stacks_[found.stack]};
}

}  // namespace iommulab
