// SPDX-License-Identifier: GPL-2.0-only
//
// What `iommulab iova bench` measured, for people and for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/iova/measure.h"
#include "cli/iova/run_facts.h"

namespace iommulab {

struct bench_row {
  std::string_view allocator;
  iova_cost cost;
};
struct bench_table {
  std::string workload;
  std::vector<bench_row> rows;
};
struct bench_report {
  uint64_t repeat = 0;
  build_facts build;
  machine_facts machine;  ///< when it began
  std::vector<bench_table> tables;
};

std::string bench_to_text(const bench_report& report);
/// A document that bench_compare.h reads.
std::string bench_to_json(const bench_report& report);

}  // namespace iommulab
