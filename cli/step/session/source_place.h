// SPDX-License-Identifier: GPL-2.0-only
//
// Where the functions of a run stand: here and in the kernel.
#pragma once

#include <string>
#include <string_view>

#include "lab/sources/function_source.h"
#include "lab/stepping/run_history.h"

namespace iommulab::step {

/// As the kernel of this run has it; of a run without a kernel, as the default one has it. Null for
/// a function that no kernel has.
const function_source* source_in(run_history& history, size_t position, std::string_view function);

/// "intel/v4_4/init.cc:175, Linux v4.4 drivers/iommu/intel-iommu.c: init_dmars()"
std::string place_of(const function_source& source);

}  // namespace iommulab::step
