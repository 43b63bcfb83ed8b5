// SPDX-License-Identifier: GPL-2.0-only
#include "bench/iova/workload_on.h"

#include <string_view>

namespace iommulab {

const std::vector<std::shared_ptr<const iova_workload>>& named_workloads() {
  static const auto all = [] {
    std::vector<std::shared_ptr<const iova_workload>> workloads;
    for (const iova_workload_entry& entry : iova_workloads()) {
      if (std::string_view(entry.pattern).substr(0, 6) == "replay") continue;  // needs a file
      auto workload = make_iova_workload(entry.example);
      workloads.push_back(std::make_shared<const iova_workload>(*std::move(workload)));
    }
    return workloads;
  }();
  return all;
}

}  // namespace iommulab
