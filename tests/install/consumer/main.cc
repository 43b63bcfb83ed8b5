// SPDX-License-Identifier: GPL-2.0-or-later
//
// Another project's program: an IOVA allocator and a machine's memory, from installed rooms.
#include <cstdio>
#include <vector>

#include "core/environment.h"
#include "iova/iova_v4_4.h"
#include "platform/memory/page_allocator.h"

int main() {
  iommulab::environment env;
  iommulab::slab_failures slab;
  iommulab::iova_cache cache(env.trace, env.log, slab);
  const auto allocator = iommulab::make_iova_allocator_v4_4(cache, {});
  const auto range = allocator->alloc(0x20, 0xfffff);

  const std::vector<iommulab::memory_range> ranges = {
      {iommulab::phys_addr(0x100000), 0x100000, iommulab::memory_range::kind::ram}};
  const auto memory = iommulab::physical_memory::create(ranges);
  if (!range || !memory.ok()) return 1;
  const iommulab::page_allocator pages(**memory, env.trace);
  std::printf("0x%llx-0x%llx in %llu pages\n", static_cast<unsigned long long>(range->lo),
              static_cast<unsigned long long>(range->hi),
              static_cast<unsigned long long>(pages.free_pages_in(iommulab::zone::dma)));
  return 0;
}
