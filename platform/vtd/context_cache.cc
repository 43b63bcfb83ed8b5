// SPDX-License-Identifier: GPL-2.0-or-later
#include "platform/vtd/context_cache.h"

namespace iommulab {
namespace {

/// FM: 00b no bit, 01b bit 2, 10b bits 2:1, 11b bits 2:0 of the function are ignored (10.4.7).
constexpr std::array<uint16_t, 4> ignored_function_bits = {0b000, 0b100, 0b110, 0b111};

}  // namespace

const context* context_cache::insert(uint16_t source, const context& entry) {
  std::unique_ptr<bus_entries>& bus = buses_[source >> 8];
  if (bus == nullptr) bus = std::make_unique<bus_entries>();
  context& slot = (*bus)[source & 0xff];
  slot = entry;
  slot.valid = true;
  return &slot;
}

void context_cache::invalidate_all() {
  for (auto& bus : buses_) {
    if (bus != nullptr) bus->fill({});
  }
}

void context_cache::invalidate_domain(domain_id domain) {
  for (auto& bus : buses_) {
    if (bus == nullptr) continue;
    for (context& entry : *bus) {
      if (entry.valid && entry.domain == domain) entry = {};
    }
  }
}

void context_cache::invalidate_device(domain_id domain, uint16_t source, unsigned function_mask) {
  bus_entries* bus = buses_[source >> 8].get();
  if (bus == nullptr) return;
  const uint16_t ignored = ignored_function_bits[function_mask & 3];
  for (unsigned devfn = 0; devfn < bus->size(); ++devfn) {
    context& entry = (*bus)[devfn];
    if (!entry.valid || entry.domain != domain) continue;
    if (((devfn ^ source) & 0xffu & ~unsigned{ignored}) == 0) entry = {};
  }
}

}  // namespace iommulab
