// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/cases.h"
#include "iova/allocators.h"
#include "iova/linux/generations.h"

namespace iommulab {

void add_linux_cases(std::vector<bench_case>& cases) {
  add_engine_cases<v4_4>(*find_iova_allocator("v4_4"), cases);
  add_engine_cases<v4_9>(*find_iova_allocator("v4_9"), cases);
  add_engine_cases<v4_19>(*find_iova_allocator("v4_19"), cases);
  add_engine_cases<v6_1>(*find_iova_allocator("v6_1"), cases);
  add_engine_cases<v6_12>(*find_iova_allocator("v6_12"), cases);
}

}  // namespace iommulab
