// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

#include "core/structure.h"
#include "iova/iova.h"

namespace iommulab {

/// Linux v4.4 include/linux/iova.h: struct iova_domain, with its nodes in ascending order. Each
/// node has its place in the tree: colour, parent and children, so the tree can be drawn from it.
/// What is free between two nodes stands with the upper one, as gap_below. The caller sees to it
/// that nobody changes the domain meanwhile; no lock is taken. `field`: the only one that is looked
/// at, or empty: nodes may be many.
structure structure_of(const iova_domain& iovad, std::string name, std::string_view field = {});

}  // namespace iommulab
