// SPDX-License-Identifier: GPL-2.0-only
//
// What `iommulab iova plot` draws, as numbers: for a chart, for a spreadsheet, for a program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/iova/chart.h"
#include "core/statistics.h"

namespace iommulab {

struct plot_point {
  uint64_t x = 0;        ///< N, or operations done
  std::string workload;  ///< that was run: "linear-64"
  quartiles cost;        ///< an operation; of nodes all three are the same
};
struct plot_line {
  std::string allocator;
  std::vector<plot_point> points;
};
struct plot_data {
  std::string workload;    ///< as asked for: "linear-N"
  std::string summary;     ///< of its family
  std::string command;     ///< that makes the same plot
  bool of_course = false;  ///< x are operations done, not N
  bool of_time = false;    ///< costs are ns, not nodes
  uint64_t repeat = 0;     ///< timed runs
  std::vector<plot_line> lines;
};

chart plot_chart(const plot_data& data);
/// Comma-separated, a line of names first, then a line a point.
std::string plot_csv(const plot_data& data);
std::string plot_json(const plot_data& data);

}  // namespace iommulab
