// SPDX-License-Identifier: GPL-2.0-only
//
// Vendor ids of the functions of built-in machines, as the PCI-SIG gave them out.
#pragma once

#include <cstdint>

namespace iommulab {

inline constexpr uint16_t vendor_intel = 0x8086;

}  // namespace iommulab
