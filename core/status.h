// SPDX-License-Identifier: GPL-2.0-only
//
// Errors at interfaces: an absl::Status that carries the kernel's errno and one sentence naming
// the thing and its value. Ported functions on hot paths return what the kernel returns instead.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace iommulab {

/// A status for `-error` (a positive errno value, ENOMEM …) with its sentence.
absl::Status errno_status(int error, std::string_view sentence);

/// The errno that `errno_status` put in (positive), 0 for OK, EIO when none was given.
int status_errno(const absl::Status& status);

/// A complaint about input: "FILE: offset 0x30: FIELD is VALUE: WHY". `errno` is EINVAL.
absl::Status input_error(std::string_view file, uint64_t offset, std::string_view field,
                         std::string_view value, std::string_view why);

}  // namespace iommulab
