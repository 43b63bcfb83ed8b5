// SPDX-License-Identifier: GPL-2.0-only
//
// A finding about a DMAR table in words, for whoever shows one.
#pragma once

#include <string>

#include "platform/firmware/dmar_diagnosis.h"

namespace iommulab {

/// "warning: rmrr_overlap: offset 0x0078: rmrr.base_address is 0x…: the region …"
std::string finding_line(const dmar_finding& finding);

/// The part behind the name.
std::string finding_sentence(const dmar_finding& finding);

}  // namespace iommulab
