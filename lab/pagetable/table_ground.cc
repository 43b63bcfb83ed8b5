// SPDX-License-Identifier: GPL-2.0-only
#include "lab/pagetable/table_ground.h"

#include <utility>

namespace iommulab {

absl::StatusOr<std::unique_ptr<table_ground>> table_ground::create(const kernel_profile& profile,
                                                                   uint64_t memory,
                                                                   trace_sink* sink) {
  machine_config machine;
  machine.name = "memory";
  machine.memory = {{phys_addr(0), memory, memory_range::kind::ram}};
  machine.firmware_map = machine.memory;
  kernel_options options;
  options.profile = &profile;
  options.command_line = "intel_iommu=off";
  auto system = kernel::create(machine, std::move(options));
  if (!system.ok()) return system.status();
  trace_subscription calls;
  if (sink != nullptr) calls = (*system)->env().trace.subscribe(*sink, trace_class::calls);
  (*system)->start_up();
  return std::unique_ptr<table_ground>(new table_ground(*std::move(system), std::move(calls)));
}

}  // namespace iommulab
