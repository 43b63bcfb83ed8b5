// SPDX-License-Identifier: GPL-2.0-only
//
// The structures of a system as a debugger shows them.
#pragma once

#include <string>
#include <vector>

#include "core/structure.h"
#include "kernel/kernel.h"

namespace iommulab {

/// The word of --dump that stands for all kinds.
inline constexpr const char* every_kind = "all";

/// The sections that the words of --dump choose: the kernel's in its order, then the hardware's.
std::vector<structure_section> chosen_structures(kernel& system, const std::string& words);

}  // namespace iommulab
