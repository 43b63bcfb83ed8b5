// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/cases.h"
#include "bench/kernel/catalogue.h"
#include "bench/kernel/kernel_engine.h"

namespace iommulab {

void add_kernel_cases([[maybe_unused]] std::vector<bench_case>& cases) {
#ifdef IOMMULAB_KERNEL_6_1
  add_cases<on_kernel<kernel_6_1>::direct, bare_host>(*find_kernel_code("kernel_v6_1"), cases);
#endif
#ifdef IOMMULAB_KERNEL_6_12
  add_cases<on_kernel<kernel_6_12>::direct, bare_host>(*find_kernel_code("kernel_v6_12"), cases);
#endif
}

}  // namespace iommulab
