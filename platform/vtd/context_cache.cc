// SPDX-License-Identifier: GPL-2.0-only
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
  const uint16_t ignored = ignored_function_bits[function_mask & 3];
  for (unsigned devfn = 0; devfn < bus->size(); ++devfn) {
    context& entry = (*bus)[devfn];
    if (!entry.valid || entry.domain != domain) continue;
    if (((devfn ^ source) & 0xffu & ~unsigned{ignored}) == 0) entry = {};
  }
}

}  // namespace iommulab
