// SPDX-License-Identifier: GPL-2.0-only
//
// The call trees of bus notifications: out of a capture's fgraph-lab.txt and out of a run.
//
// Compared are the top-level calls iommu_bus_notifier, device_notifier and dmar_pci_bus_notifier
// with what is below them, in one sequence over all steps, and the reading of domains_used behind
// each step, intel_iommu_show_ndoms_used, which shows where a step ends. Every other top-level
// call is left out: the DMA API's, the flush timer's, interrupt set-up's.
//
// Below domain_unmap nothing is compared, on either side: its calls follow the page tables that a
// driver's mappings left in the domain that goes.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "lab/replay/call_listing.h"

namespace iommulab::verify {

/// The events that are compared, by the rules above.
std::vector<call_event> keep_notifications(absl::Span<const call_event> events);

}  // namespace iommulab::verify
