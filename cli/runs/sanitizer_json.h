// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "cli/output/json.h"
#include "platform/vtd/sanitizer/vtd_sanitizer.h"

namespace iommulab {

/// What --sanitize found, and how long deferred invalidations left a window open.
json sanitizer_json(const vtd_sanitizer& sanitizer);

}  // namespace iommulab
