// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/hotplug_calls.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace iommulab::verify {
namespace {

constexpr std::array<std::string_view, 4> listeners = {"iommu_bus_notifier", "device_notifier",
                                                       "dmar_pci_bus_notifier",
                                                       "intel_iommu_show_ndoms_used"};
constexpr std::string_view table_walk = "domain_unmap";

bool is_compared(std::string_view name) {
  return std::find(listeners.begin(), listeners.end(), name) != listeners.end();
}

}  // namespace

std::vector<call_event> keep_notifications(absl::Span<const call_event> events) {
  std::vector<call_event> kept;
  size_t depth = 0;
  bool inside = false;     // below a top-level call that is compared
  size_t unmap_depth = 0;  // depth of the open domain_unmap, 0 when there is none
  for (const call_event& event : events) {
    const bool enters = event.what == call_event::kind::enter;
    const bool leaves = event.what == call_event::kind::exit && depth > 0;
    if (enters && depth == 0) inside = is_compared(event.text);
    if (leaves) --depth;
    if (leaves && depth + 1 == unmap_depth) unmap_depth = 0;
    const bool is_note = event.what == call_event::kind::note;
    if (inside && unmap_depth == 0 && (enters || leaves || is_note)) kept.push_back(event);
    if (enters) ++depth;
    if (enters && inside && unmap_depth == 0 && event.text == table_walk) unmap_depth = depth;
    if (depth == 0) inside = false;
  }
  return kept;
}

}  // namespace iommulab::verify
