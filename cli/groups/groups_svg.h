// SPDX-License-Identifier: GPL-2.0-only
//
// A picture of IOMMU groups as an SVG document: a card for each root bus, on it the functions as a
// tree in rows, coloured by group; beside each function its remapping unit and its reserved memory;
// a card that explains them. What there is to know of a function stands in its tooltip.
#pragma once

#include <string>

#include "cli/groups/picture_words.h"

namespace iommulab {

std::string groups_svg(const groups_picture& picture);

}  // namespace iommulab
