// SPDX-License-Identifier: GPL-2.0-only
//
// The fault status register (VT-d specification 11.4.7.1; 10.4.9 before revision 4.0) in words.
#pragma once

#include <cstdint>
#include <string>

namespace iommulab {

/// Bit by bit: "PPF: a fault record is pending, the first in record 4"; all ones is a unit that
/// does not answer, and of which no single bit means anything.
std::string status_words(uint32_t fault_status);

}  // namespace iommulab
