// SPDX-License-Identifier: GPL-2.0-only
//
// sysfs as the recorder of clients lists it: groups with their types, members and reserved regions;
// units with what they say of themselves; parameters of the modules.
#pragma once

#include "kernel/kernel.h"
#include "lab/diff/numbered_line.h"

namespace iommulab::verify {

numbered_lines client_sysfs_lines(kernel& system);

}  // namespace iommulab::verify
