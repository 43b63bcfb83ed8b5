// SPDX-License-Identifier: GPL-2.0-only
//
// Tours as a page shows them: what the terminal's tours say and print, and the events of the page's
// run that their commands lead to (the form: page/panels/tour.js).
#pragma once

#include <string>

#include "cli/output/json.h"
#include "cli/runs/run_choice.h"
#include "cli/tours/program_stage.h"
#include "cli/tours/tour.h"

namespace iommulab::view {

/// A tour in the page of `run`, with the kernel's name and the words that ask for it (" --kernel
/// v4_4", or nothing). The process is in the folder of the tour's files.
json tour_for_page(const tours::tour& what, size_t number, const run_choice& run,
                   const std::string& kernel, const std::string& words,
                   const program_runner& program);

/// The tours of the catalogue that go through this run and have no files of their own.
json tours_of_run(const run_choice& run, const program_runner& program);

}  // namespace iommulab::view
