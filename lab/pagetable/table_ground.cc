// SPDX-License-Identifier: GPL-2.0-only
#include "lab/pagetable/table_ground.h"

#include <new>
#include <utility>

#include "intel/hw/memory.h"
#include "intel/v4_4/page_table.h"

namespace iommulab {

absl::StatusOr<std::unique_ptr<table_ground>> table_ground::create(uint64_t memory,
                                                                   trace_sink* sink) {
  machine_config machine;
  machine.name = "memory";
  machine.memory = {{phys_addr(0), memory, memory_range::kind::ram}};
  machine.firmware_map = machine.memory;
  kernel_options options;
  options.command_line = "intel_iommu=off";
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  trace_subscription calls;
  if (sink != nullptr) calls = (*system)->env().trace.subscribe(*sink, trace_class::calls);
  (*system)->start_up();
  return std::unique_ptr<table_ground>(new table_ground(*std::move(system), std::move(calls)));
}

table_domain::table_domain(table_ground& ground, int width, int superpages)
    : drv_(ground.driver()), domain_(drv_.iova_mem, v4_4::dmar_domain::flag_virtual_machine) {
  domain_.gaw = width;
  domain_.agaw = width_to_agaw(width);
  domain_.iommu_superpage = superpages;
  domain_.iommu_coherency = true;
  const table_page top = alloc_pgtable_page(drv_, domain_.nid);
  if (!top) throw std::bad_alloc();
  domain_.pgd = top.phys;
}

table_domain::~table_domain() {
  if (!domain_.has_pgd()) return;
  v4_4::page_freelist freelist = domain_unmap(drv_, domain_, 0, domain_max_pfn(domain_.gaw));
  dma_free_pagelist(drv_, freelist);
}

}  // namespace iommulab
