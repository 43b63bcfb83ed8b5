// SPDX-License-Identifier: GPL-2.0-only
//
// A picture of IOMMU groups in Graphviz's language: a cluster for each root bus, in it an edge from
// each bridge to what is behind it, coloured by group.
#pragma once

#include <string>

#include "cli/groups/picture_words.h"

namespace iommulab {

std::string groups_dot(const groups_picture& picture);

}  // namespace iommulab
