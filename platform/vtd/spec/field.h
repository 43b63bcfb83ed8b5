// SPDX-License-Identifier: GPL-2.0-only
//
// The fields that the data sheet is built from, by the names that it reads well with.
#pragma once

#include "core/bit_field.h"

namespace iommulab::vtd {

using iommulab::bit_field;
using iommulab::field32;
using iommulab::field64;
using iommulab::mask_of;

}  // namespace iommulab::vtd
