// SPDX-License-Identifier: GPL-2.0-only
#include "lab/pagetable/table_ground.h"

#include <utility>

namespace iommulab {

absl::StatusOr<std::unique_ptr<table_ground>> table_ground::create(uint64_t memory,
                                                                   trace_sink* sink) {
  machine_config machine;
  machine.name = "memory";
  machine.memory = {{phys_addr(0), memory, memory_range::kind::ram}};
  machine.firmware_map = machine.memory;
  kernel_options options;
  options.command_line = "intel_iommu=off";
  options.sink = sink;
  options.classes = trace_class::calls;
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  (*system)->start_up();
  return std::unique_ptr<table_ground>(new table_ground(*std::move(system)));
}

}  // namespace iommulab
