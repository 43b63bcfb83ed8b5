// SPDX-License-Identifier: GPL-2.0-or-later
//
// Another project's program: an IOVA allocator alone, and a whole system that boots.
#include <cstdio>

#include "cli/kernel/kernel.h"
#include "core/environment.h"
#include "iova/iova_v4_4.h"
#include "platform/machine/builtin.h"

int main() {
  iommulab::environment env;
  iommulab::slab_failures slab;
  iommulab::iova_cache cache(env.trace, env.log, slab);
  const auto allocator = iommulab::make_iova_allocator_v4_4(cache, {});
  const auto range = allocator->alloc(0x20, 0xfffff);

  if (!range || range->lo != 0xfffe0) return 1;

  auto system = iommulab::kernel::create(iommulab::q35_machine(), {"intel_iommu=on"});
  if (!system.ok() || (*system)->start_up().intel_iommu_init != 0) return 1;
  std::printf("%zu groups\n", (*system)->iommu().groups().size());
  return 0;
}
