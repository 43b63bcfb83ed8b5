// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <vector>

#include "cli/output/json.h"
#include "core/structure.h"

namespace iommulab {

/// {KIND: [{"struct", "name", "fields": {FIELD: value, …}}]}. A pointer is {"struct", "name"} or
/// null; what a
/// value means is FIELD_words.
json structures_json(const std::vector<structure_section>& sections);
/// One value: a structure as above, a list as an array.
json value_json(const structure_value& value);

}  // namespace iommulab
