// SPDX-License-Identifier: GPL-2.0-only
//
// Structures and values of them as text: whole, to be compared, and what changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/structure.h"

namespace iommulab {

/// "struct dmar_domain dmar0:1 {" and a line a field, as `crash` prints them: what a value means
/// stands behind it in comment marks, a pointer is "(struct dmar_domain *) dmar0:1" or NULL. Ends
/// with a newline.
std::string structures_to_text(const std::vector<structure_section>& sections);
/// The same of one value: a structure, a list, "0x3fff1000".
std::string value_to_text(const structure_value& value);

/// Whether both say the same; what it means is no part of it.
bool same_value(const structure_value& a, const structure_value& b);

/// A value in the form in which it is compared: a number or a name as it is, of a structure or list
/// a line "DID = 0x2" for each value in it. Two values read the same if same_value() holds.
std::string comparable_text(const structure_value& value);
/// "GSTS.TES: 0 -> 1", "context 00:05.0: P 0 -> 1, DID 0x0 -> 0x2, 3 more": how a value of which
/// these were the comparable texts changed. An empty text is a value that is not there.
std::string change_text(std::string_view what, std::string_view before, std::string_view after);

}  // namespace iommulab
