// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/context_cache.h"

namespace iommulab {

const context* context_cache::insert(uint16_t source, const context& entry) {
  std::unique_ptr<bus_entries>& bus = buses_[source >> 8];
  if (bus == nullptr) bus = std::make_unique<bus_entries>();
  context& slot = (*bus)[source & 0xff];
  slot = entry;
  slot.valid = true;
  return &slot;
}

std::optional<uint16_t> context_cache::source_of_table(uint64_t table) const {
  for (size_t bus = 0; bus < buses_.size(); ++bus) {
    if (buses_[bus] == nullptr) continue;
    for (size_t devfn = 0; devfn < buses_[bus]->size(); ++devfn) {
      const context& entry = (*buses_[bus])[devfn];
      const bool walks =
          entry.valid && !entry.failed() && entry.type != vtd::translation_type::pass_through;
      if (walks && entry.table == table) return static_cast<uint16_t>(bus << 8 | devfn);
    }
  }
  return std::nullopt;
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
  const uint16_t ignored = ignored_function_bits(function_mask);
  for (unsigned devfn = 0; devfn < bus->size(); ++devfn) {
    context& entry = (*bus)[devfn];
    if (!entry.valid || entry.domain != domain) continue;
    if (((devfn ^ source) & 0xffu & ~unsigned{ignored}) == 0) entry = {};
  }
}

}  // namespace iommulab
