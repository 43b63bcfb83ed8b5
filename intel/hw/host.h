// SPDX-License-Identifier: GPL-2.0-only
//
// What a driver stands on: the machine, the services of the kernel around it, and what the
// composition answers for firmware. Part of every state that ported functions take.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/acpi/acpi_bus.h"
#include "core/device.h"
#include "core/environment.h"
#include "core/io_resource.h"
#include "core/irq/irq_vectors.h"
#include "core/irq/local_irq.h"
#include "core/pci/pci.h"
#include "core/printk.h"
#include "core/slab.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "platform/mmio_space.h"

namespace iommulab {

/// What the driver runs on; everything here outlives it.
struct driver_host {
  environment& env;
  physical_memory& memory;
  page_allocator& pages;
  slab_failures& slab;
  mmio_space& mmio;
  io_resource& iomem;
  local_irq& interrupts;
  irq_vectors& irqs;
  iommu_core& iommu;
  pci_core& pci;
  acpi_bus& acpi;
  /// acpi_get_table("DMAR"): the bytes as long as the header says, or nothing.
  std::function<std::optional<absl::Span<const uint8_t>>()> acpi_dmar_table;
  /// acpi_map_pxm_to_node() with node_online(): -1 for a node that is not there. Empty in a kernel
  /// without NUMA, which passes RHSA structures over.
  std::function<int(uint32_t)> node_of_proximity_domain;
  /// for_each_mem_pfn_range(): usable memory as the kernel numbers it, first and one-past-last pfn.
  std::vector<std::pair<uint64_t, uint64_t>> memory_pfn_ranges;
  /// e820__get_entry_type() of [start, end) is reserved or ACPI NVS. Empty where there is no map.
  std::function<bool(uint64_t start, uint64_t end)> firmware_reserves;
  /// Called where intel_iommu_init() sets dma_ops: the composition installs the intel ops.
  std::function<void()> install_dma_ops;
};

/// The host with its most used parts at hand.
struct driver_base {
  explicit driver_base(driver_host host_)
      : host(std::move(host_)), env(host.env), trace(host.env.trace), pr(host.env.log, "DMAR: ") {}
  driver_base(const driver_base&) = delete;
  driver_base& operator=(const driver_base&) = delete;

  driver_host host;
  environment& env;
  tracer& trace;
  pr_prefix pr;  ///< "DMAR: "
};

}  // namespace iommulab
