// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/effects.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/events.h"
#include "core/types.h"

namespace iommulab {
namespace {

uint64_t bits(uint64_t word, unsigned low, unsigned count) {
  return (word >> low) & ((uint64_t{1} << count) - 1);
}

}  // namespace

std::vector<std::string> effects_of_events(absl::Span<const trace_event> events,
                                           bool device_writes) {
  constexpr uint64_t queue_tail = 0x88;  // VT-d specification 11.4.9.2
  std::vector<std::string> found;
  bool has_fault = false;
  for (const trace_event& event : events) {
    if (const auto* descriptor = event.as<events::descriptor>()) {
      std::string effect = effect_of_descriptor(descriptor->low, descriptor->high);
      if (!effect.empty()) found.push_back(std::move(effect));
    } else if (const auto* fault = event.as<events::fault>(); fault != nullptr && !has_fault) {
      has_fault = true;
      found.push_back(absl::StrFormat("FAULT sid=0x%x reason=%d addr=0x%x write=%d", fault->source,
                                      fault->code, fault->address, device_writes ? 1 : 0));
    } else if (const auto* write = event.as<events::reg_write>()) {
      if (write->offset == queue_tail) continue;
      found.push_back(absl::StrFormat("W 0x%x 0x%x", write->offset, write->value));
    }
  }
  return found;
}

// VT-d specification 6.5.2.1 (context cache), 6.5.2.3 (IOTLB), 6.5.2.2 (PASID cache).
std::string effect_of_descriptor(uint64_t low, uint64_t high) {
  constexpr std::string_view granularities[] = {"reserved", "global", "domain", "device"};
  constexpr std::string_view iotlb_granularities[] = {"reserved", "global", "domain", "page"};
  constexpr uint64_t context_type = 1;
  constexpr uint64_t iotlb_type = 2;
  constexpr uint64_t wait = 5;
  constexpr uint64_t first_of_pasids = 6;  // IOTLB, cache, device TLB of a PASID
  constexpr uint64_t last_of_pasids = 8;
  constexpr uint64_t page_granularity = 3;
  const uint64_t granularity = bits(low, 4, 2);
  switch (bits(low, 0, 4)) {
    case context_type:
      return absl::StrFormat("CC %s did=%d sid=0x%x fm=%d", std::string(granularities[granularity]),
                             bits(low, 16, 16), bits(low, 32, 16), bits(low, 48, 2));
    case iotlb_type: {
      std::string text = absl::StrFormat(
          "IOTLB %s did=%d", std::string(iotlb_granularities[granularity]), bits(low, 16, 16));
      if (granularity == page_granularity) {
        absl::StrAppendFormat(&text, " addr=0x%x am=%d ih=%d", high & page_mask, bits(high, 0, 6),
                              bits(high, 6, 1));
      }
      return absl::StrCat(text, absl::StrFormat(" dr=%d dw=%d", bits(low, 7, 1), bits(low, 6, 1)));
    }
    case wait:
      return {};
    default:
      if (bits(low, 0, 4) >= first_of_pasids && bits(low, 0, 4) <= last_of_pasids) {
        return std::string(unseen_effect);
      }
      return absl::StrFormat("descriptor 0x%x 0x%x", low, high);
  }
}

}  // namespace iommulab
