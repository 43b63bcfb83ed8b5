// SPDX-License-Identifier: GPL-2.0-only
//
// A tour that nobody waits in: what its commands printed, and where in its runs they led.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/tours/stage.h"
#include "cli/tours/tour.h"

namespace iommulab::tours {

struct told_item {
  const item* what = nullptr;  ///< of the tour, which outlives it
  std::string command;         ///< of a run, step or program: as it was carried out
  std::string output;          ///< of a step or program
  std::string run;             ///< the last one that began before, empty before the first
  size_t position = 0;         ///< in that run, behind a step
};

struct told_stop {
  const stop* what = nullptr;
  std::vector<told_item> items;
};

/// The items that are for this kernel, carried out on a stage.
std::vector<told_stop> transcript_of(const tour& what, const std::string& kernel,
                                     const std::string& words, stage& on);

/// The run of a tour that has most of its steps, as transcript_of() names it; empty for a tour
/// without one.
std::string main_run_of(const tour& what, const std::string& kernel, const std::string& words);

}  // namespace iommulab::tours
