// SPDX-License-Identifier: GPL-2.0-only
//
// How structures became others, as the page applies it to what structures_json() made of them
// (page/model/state.js does).
//
// Of a structure: {"=": {MEMBER: value or, of words that are gone, null}, "~": {FIELD: delta}}; a
// member is a field, or FIELD_words. Of a list: {"s": [first, how many, [what stands there
// instead]], "~": {INDEX afterwards: delta}}. A structure in a list is the same one when type and
// name are.
#pragma once

#include <vector>

#include "cli/output/json.h"
#include "core/structure.h"

namespace iommulab::view {

/// Null where nothing changed.
json delta_of(const std::vector<structure>& before, const std::vector<structure>& after);

}  // namespace iommulab::view
