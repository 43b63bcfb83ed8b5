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
#include "lab/structures/structure_change.h"

namespace iommulab::view {

/// Null where nothing changed.
json delta_of(const std::vector<structure>& before, const std::vector<structure>& after);

/// Makes changes in the structures of a kind, and tells the same delta. What did not change is not
/// looked at.
json apply_changes(std::vector<structure>& structures, std::vector<structure_change> changes);

}  // namespace iommulab::view
