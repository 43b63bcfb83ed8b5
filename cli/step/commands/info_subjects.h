// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

namespace iommulab::step {

/// What `info` knows: "breakpoints", "devices", … in the order of the alphabet.
std::vector<std::string> info_subjects();

}  // namespace iommulab::step
