// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "kernel/command_line/parameter_words.h"

namespace iommulab::v6_12 {

/// What Linux 6.12 reads that has to do with remapping, and what the port makes of it.
const command_line_table& command_words();

}  // namespace iommulab::v6_12
