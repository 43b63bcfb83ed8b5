// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "kernel/command_line/parameter_words.h"

namespace iommulab::v4_4 {

/// What Linux 4.4 reads that has to do with remapping, and what the port makes of it.
const command_line_table& command_words();

}  // namespace iommulab::v4_4
