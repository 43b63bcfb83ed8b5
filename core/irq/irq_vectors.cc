// SPDX-License-Identifier: GPL-2.0-only
#include "core/irq/irq_vectors.h"

#include <algorithm>
#include <utility>

namespace iommulab {
namespace {

// Intel SDM volume 3, 11.11: message address and data. 4.4: processor 1 of the logical flat
// destinations, redirection hint on; lowest priority, edge, asserted.
constexpr uint64_t message_base = 0xfee00000;
constexpr unsigned destination_shift = 12;
constexpr uint64_t redirection_hint = 1u << 3;
constexpr uint64_t logical_destination = 1u << 2;
constexpr uint32_t delivery_lowest_priority = 1u << 8;
constexpr uint32_t level_assert = 1u << 14;
static_assert(vector_scheme{}.address ==
              (message_base | 1u << destination_shift | redirection_hint | logical_destination));
static_assert(vector_scheme{}.delivery == (level_assert | delivery_lowest_priority));

constexpr unsigned first_system_vector = 0xef;

}  // namespace

uint8_t irq_vectors::free_vector() const {
  for (unsigned offset = 0; offset < scheme_.step; ++offset) {
    for (unsigned v = scheme_.first_vector + offset; v < first_system_vector; v += scheme_.step) {
      const bool used = std::any_of(lines_.begin(), lines_.end(),
                                    [&](const auto& l) { return l.second.vector == v; });
      if (!used) return static_cast<uint8_t>(v);
    }
  }
  return 0;
}

int irq_vectors::alloc_irq() {
  if (lines_.size() >= limit_) return 0;
  const uint8_t vector = free_vector();
  if (vector == 0) return 0;
  int irq = first_dynamic_irq;
  while (lines_.contains(irq)) ++irq;
  lines_[irq].vector = vector;
  return irq;
}

void irq_vectors::request_irq(int irq, handler h) {
  if (const auto it = lines_.find(irq); it != lines_.end()) it->second.action = std::move(h);
}

void irq_vectors::free_irq(int irq) {
  lines_.erase(irq);
}

msi_message irq_vectors::compose_msi_msg(int irq) const {
  const auto it = lines_.find(irq);
  if (it == lines_.end()) return {};
  return {scheme_.address, scheme_.delivery | it->second.vector};
}

bool irq_vectors::do_irq(uint8_t vector) {
  for (auto& [irq, entry] : lines_) {
    if (entry.vector != vector || !entry.action) continue;
    const handler action = entry.action;  // the handler may free its own line
    action();
    return true;
  }
  return false;
}

}  // namespace iommulab
