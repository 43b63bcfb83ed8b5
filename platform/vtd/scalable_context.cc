// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/scalable_context.h"

namespace iommulab {

void scalable_context_cache::invalidate_device(uint16_t source, unsigned function_mask) {
  const unsigned ignored = context_cache::ignored_function_bits(function_mask);
  std::erase_if(entries_, [&](const auto& item) {
    return ((item.first ^ source) & ~ignored & 0xffffu) == 0;
  });
}

void pasid_cache::invalidate_domain(domain_id domain) {
  std::erase_if(entries_, [&](const auto& item) { return item.second.domain == domain; });
}

void pasid_cache::invalidate_pasid(domain_id domain, uint32_t pasid) {
  std::erase_if(entries_, [&](const auto& item) {
    return item.first.pasid == pasid && item.second.domain == domain;
  });
}

}  // namespace iommulab
