// SPDX-License-Identifier: GPL-2.0-only
//
// Another project's program: an IOVA allocator alone, and a whole system that boots.
#include <cstdio>

#include "iova/allocators.h"
#include "kernel/kernel.h"
#include "platform/machine/builtin.h"

int main() {
  const auto allocator = iommulab::find_iova_allocator("v4_4")->make({});
  if (allocator->alloc(0x20, 0xfffff, true).pfn_lo != 0xfffe0) return 1;

  iommulab::kernel_options options;
  options.command_line = "intel_iommu=on";
  auto system = iommulab::kernel::create(iommulab::q35_machine(), options);
  if (!system.ok() || (*system)->start_up().intel_iommu_init != 0) return 1;
  std::printf("%zu groups\n", (*system)->iommu().groups().size());
  return 0;
}
