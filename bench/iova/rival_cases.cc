// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/cases.h"
#include "iova/allocators.h"
#include "iova/rivals/buddy.h"
#include "iova/rivals/eiovar.h"
#include "iova/rivals/gap_tree.h"
#include "iova/rivals/maple.h"
#include "iova/rivals/per_ring.h"

namespace iommulab {

void add_rival_cases(std::vector<bench_case>& cases) {
  add_engine_cases<eiovar>(*find_iova_allocator("eiovar"), cases);
  add_engine_cases<gap_tree>(*find_iova_allocator("gap_tree"), cases);
  add_engine_cases<gap_tree32>(*find_iova_allocator("gap_tree32"), cases);
  add_engine_cases<maple>(*find_iova_allocator("maple"), cases);
  add_engine_cases<buddy>(*find_iova_allocator("buddy"), cases);
  add_engine_cases<per_ring>(*find_iova_allocator("per_ring"), cases);
}

}  // namespace iommulab
