// SPDX-License-Identifier: GPL-2.0-only
//
// Files of sysfs that do something when a number other than zero is written to them: "remove" and
// "rescan".
#pragma once

#include <functional>

#include "core/sysfs.h"

namespace iommulab {

/// The store function of such a file: EINVAL for what is not an unsigned number, nothing for 0,
/// `act` for any other. `name` is the file's, for the error's sentence.
sysfs_tree::store_function when_set(std::string_view name, std::function<void()> act);

}  // namespace iommulab
