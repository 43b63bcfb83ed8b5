// SPDX-License-Identifier: GPL-2.0-or-later
#include "platform/interrupt_controller.h"

#include <algorithm>
#include <utility>

namespace iommulab {
namespace {

// Intel SDM volume 3, 11.11: message address and data. Processor 1 of the logical flat
// destinations, redirection hint on; lowest priority, edge, asserted.
constexpr uint64_t message_base = 0xfee00000;
constexpr unsigned destination_shift = 12;
constexpr uint64_t redirection_hint = 1u << 3;
constexpr uint64_t logical_destination = 1u << 2;
constexpr uint32_t delivery_lowest_priority = 1u << 8;
constexpr uint32_t level_assert = 1u << 14;
constexpr uint32_t vector_mask = 0xff;

constexpr unsigned first_vector = 0x41;
constexpr unsigned first_system_vector = 0xef;
constexpr unsigned vector_step = 16;

}  // namespace

uint8_t interrupt_controller::free_vector() const {
  for (unsigned offset = 0; offset < vector_step; ++offset) {
    for (unsigned v = first_vector + offset; v < first_system_vector; v += vector_step) {
      const bool used = std::any_of(lines_.begin(), lines_.end(),
                                    [&](const auto& l) { return l.second.vector == v; });
      if (!used) return static_cast<uint8_t>(v);
    }
  }
  return 0;
}

int interrupt_controller::alloc_irq() {
  if (lines_.size() >= limit_) return 0;
  const uint8_t vector = free_vector();
  if (vector == 0) return 0;
  int irq = first_dynamic_irq;
  while (lines_.contains(irq)) ++irq;
  lines_[irq].vector = vector;
  return irq;
}

void interrupt_controller::set_handler(int irq, handler h) {
  if (const auto it = lines_.find(irq); it != lines_.end()) it->second.action = std::move(h);
}

void interrupt_controller::free_irq(int irq) {
  lines_.erase(irq);
}

msi_message interrupt_controller::message_of(int irq) const {
  const auto it = lines_.find(irq);
  if (it == lines_.end()) return {};
  return {message_base | (1u << destination_shift) | redirection_hint | logical_destination,
          level_assert | delivery_lowest_priority | it->second.vector};
}

void interrupt_controller::deliver(msi_message message) {
  if (disabled_.load(std::memory_order_relaxed) > 0) {
    pending_.push_back(message);
    waiting_.store(true, std::memory_order_release);
    return;
  }
  handle(message);
}

void interrupt_controller::local_irq_restore() {
  if (disabled_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (!waiting_.load(std::memory_order_acquire)) return;
  waiting_.store(false, std::memory_order_relaxed);
  const std::vector<msi_message> messages = std::exchange(pending_, {});
  for (const msi_message& message : messages) deliver(message);
}

void interrupt_controller::handle(msi_message message) {
  delivered_.push_back(message);
  for (auto& [irq, entry] : lines_) {
    if (entry.vector != (message.data & vector_mask) || !entry.action) continue;
    const handler action = entry.action;  // the handler may free its own line
    action();
    return;
  }
  ++spurious_;
}

}  // namespace iommulab
