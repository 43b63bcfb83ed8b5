// SPDX-License-Identifier: GPL-2.0-only
//
// `iommulab iova bench --compare A.json B.json`: whether two runs differ, row by row.
//
// Times are held against each other by Mann and Whitney's U test, which asks nothing of how they
// are distributed: p is how often chance alone would sort the samples of both at least as far
// apart. What is counted repeats exactly, so any difference in it is one.
#pragma once

#include <string>
#include <vector>

#include "core/statistics.h"
#include "core/status.h"

namespace iommulab {

/// A row of a document of bench_to_json(), and of its head.
struct benched_row {
  std::string workload;
  std::string allocator;
  std::vector<double> samples;  ///< ns an operation
  double nodes = 0;
  uint64_t failures = 0;
};
struct benched_run {
  std::string file;
  std::string program;
  std::string build;  ///< "Release: -O3 -DNDEBUG"
  std::string cpu;
  double load = -1;  ///< of the last minute; -1: not known
  std::vector<benched_row> rows;
};
/// EINVAL for what is no such document: "FILE: MEMBER: why".
absl::StatusOr<benched_run> read_benched_run(const std::string& file);

enum class bench_verdict : uint8_t { same, faster, slower, undecidable };
std::string_view name(bench_verdict verdict);

struct compared_row {
  std::string workload;
  std::string allocator;
  quartiles a;
  quartiles b;
  double ratio = 0;  ///< b by a, of the medians; 0: a is 0
  rank_test test;
  bench_verdict verdict = bench_verdict::same;
  bool counts_differ = false;
  double nodes_a = 0;
  double nodes_b = 0;
  uint64_t failures_a = 0;
  uint64_t failures_b = 0;
};

struct bench_comparison {
  double alpha = 0;  ///< a p below it is a difference
  benched_run a;     ///< without rows
  benched_run b;
  std::vector<compared_row> rows;
  std::vector<std::string> only_a;  ///< "WORKLOAD on ALLOCATOR"
  std::vector<std::string> only_b;

  [[nodiscard]] bool differs() const;
};
bench_comparison compare_runs(benched_run a, benched_run b, double alpha);

std::string comparison_to_text(const bench_comparison& comparison);
std::string comparison_to_json(const bench_comparison& comparison);

}  // namespace iommulab
