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

/// The sections that the words of --dump choose, in the kernel's order.
std::vector<structure_section> chosen_structures(kernel& system, const std::string& words);

/// "struct dmar_domain dmar0:1 {" and a line a field, as `crash` prints them: what a value means
/// stands behind it in comment marks, a pointer is "(struct dmar_domain *) dmar0:1" or NULL.
std::string structures_to_text(const std::vector<structure_section>& sections);

}  // namespace iommulab
