// SPDX-License-Identifier: GPL-2.0-only
//
// The rules of the VT-d specification's chapter 8 that a table can break while each of its bytes
// can still be decoded: values out of range, structures that contradict one another.
#pragma once

#include "platform/firmware/dmar_table.h"

namespace iommulab {

/// Appends to `table.findings`. `table` is decodable and all else in it is filled in.
void check_dmar(dmar_table& table);

/// The part of check_dmar() about regions: against one another, the interrupt range and the units'
/// registers; and about segments that no unit serves.
void check_regions(dmar_table& table);

/// A finding of `diagnosis` with its severity.
dmar_finding make_dmar_finding(dmar_diagnosis diagnosis, std::size_t offset, std::string field,
                               uint64_t value, std::string sentence);

}  // namespace iommulab
